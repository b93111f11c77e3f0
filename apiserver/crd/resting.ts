// Values that are large, seldom needed and can be made again: a cluster has hundreds of definitions, and works with few.

export class Resting<T extends object> {
  readonly #make: () => T;
  #value: T | undefined;
  #isUsed = false;

  constructor(make: () => T) {
    this.#make = make;
  }

  /** The value, made when there is none. */
  get(): T {
    this.#isUsed = true;
    this.#value ??= this.#make();
    return this.#value;
  }

  /** Lets go of it, unless it was asked for since the last time. */
  restIfIdle(): void {
    if (!this.#isUsed) this.#value = undefined;
    this.#isUsed = false;
  }
}
