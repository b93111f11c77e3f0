// One evaluation: its variables, its local ones, and what it has cost.
import { CostExceeded } from './errors.ts';
import type { Value } from './values.ts';

/** A compiled expression. Throws `CelError`, `CostExceeded` and `Pending`. */
export type Closure = (frame: Frame) => Value;

export class Frame {
  cost = 0;
  readonly slots: (Value | LazyCell | undefined)[];
  readonly #limit: number;
  readonly #read: (name: string) => Value | undefined;
  readonly #known = new Map<string, Value | undefined>();

  /** `read` gives the value of a variable; it is asked once for each. */
  constructor(read: (name: string) => Value | undefined, slots: number, costLimit: number) {
    this.#read = read;
    this.#limit = costLimit;
    this.slots = new Array(slots);
  }

  charge(cost: number): void {
    this.cost += cost;
    if (this.cost > this.#limit) throw new CostExceeded();
  }

  variable(name: string): Value | undefined {
    let value = this.#known.get(name);
    if (value === undefined) {
      value = this.#read(name);
      this.#known.set(name, value);
    }
    return value;
  }
}

/** The value of a name that was bound: computed when it is first asked for. */
export class LazyCell {
  readonly #compute: Closure;
  #value: Value | undefined;
  constructor(compute: Closure) {
    this.#compute = compute;
  }
  read(frame: Frame): Value {
    if (this.#value === undefined) this.#value = this.#compute(frame);
    return this.#value;
  }
}
