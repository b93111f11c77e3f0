// Is there an order of these calls, each at one moment between its call and its answer, in which every answer is the
// one that a sequential model gives? The search of Wing and Gong with Lowe's memory of what has been tried ("Testing
// for linearizability", 2017), as porcupine does it for Go. Calls on different keys are searched apart: a set of
// objects is linearizable when each of them is (Herlihy and Wing, locality).

/** A call and its answer; `called` and `returned` are moments of one sequence, at which nothing else happened. */
export interface Call<O> {
  op: O;
  called: number;
  returned: number;
}

export interface SequentialModel<S, O> {
  initial: S;
  /** The state after `op`, or why its answer cannot be given in this state. */
  step(state: S, op: O): { state: S } | { refused: string };
  /** Equal for equal states. */
  keyOf(state: S): string;
}

export type Linearization<S, O> =
  | { ok: true; order: Call<O>[] }
  | {
      ok: false;
      /** The longest order found. */
      order: Call<O>[];
      /** The state after it. */
      state: S;
      /** The calls of which one would have had to come next, and why each cannot. */
      blocked: { call: Call<O>; why: string }[];
    };

/** A call, or the answer of one, in a list in order of time from which pairs are taken out and put back. */
interface Entry<O> {
  call: Call<O>;
  index: number;
  /** Of a call: its answer. Of an answer: undefined. */
  answer?: Entry<O>;
  before: Entry<O>;
  after: Entry<O> | undefined;
}

interface Frame<S, O> {
  entry: Entry<O>;
  state: S;
}

export function linearize<S, O>(model: SequentialModel<S, O>, calls: readonly Call<O>[]): Linearization<S, O> {
  const head = listOf(calls);
  const done = new Placed(calls.length);
  const tried = new Set<string>();
  const stack: Frame<S, O>[] = [];
  let state = model.initial;
  let deepest: { order: Call<O>[]; state: S; done: Placed } | undefined;
  let entry = head.after;
  while (head.after) {
    if (entry?.answer) {
      const next = model.step(state, entry.call.op);
      if ('state' in next && isNew(tried, done, entry.index, model.keyOf(next.state))) {
        stack.push({ entry, state });
        state = next.state;
        done.add(entry.index);
        lift(entry);
        entry = head.after;
      } else entry = entry.after;
      continue;
    }
    // An answer whose call has no place yet: what was placed before it is wrong.
    if (!deepest || stack.length > deepest.order.length)
      deepest = { order: stack.map((frame) => frame.entry.call), state, done: done.copy() };
    const last = stack.pop();
    if (!last) return { ok: false, ...explain(model, calls, deepest) };
    state = last.state;
    done.delete(last.entry.index);
    putBack(last.entry);
    entry = last.entry.after;
  }
  return { ok: true, order: stack.map((frame) => frame.entry.call) };
}

function isNew(tried: Set<string>, done: Placed, index: number, stateKey: string): boolean {
  const key = `${done.keyWith(index)} ${stateKey}`;
  if (tried.has(key)) return false;
  tried.add(key);
  return true;
}

/** Every call that had been sent before the first answer that has no place, and why it cannot be next. */
function explain<S, O>(
  model: SequentialModel<S, O>,
  calls: readonly Call<O>[],
  { order, state, done }: { order: Call<O>[]; state: S; done: Placed },
) {
  const sorted = inOrder(calls);
  const left = sorted.filter((_, i) => !done.has(i));
  const firstAnswer = Math.min(...left.map((call) => call.returned));
  const blocked = left
    .filter((call) => call.called < firstAnswer)
    .map((call) => {
      const next = model.step(state, call.op);
      return { call, why: 'refused' in next ? next.refused : 'what comes after it has no place then' };
    });
  return { order, state, blocked };
}

const inOrder = <O>(calls: readonly Call<O>[]) => [...calls].sort((a, b) => a.called - b.called);

function listOf<O>(calls: readonly Call<O>[]): Entry<O> {
  const entries: { at: number; entry: Entry<O> }[] = [];
  for (const [index, call] of inOrder(calls).entries()) {
    const answer = { call, index } as Entry<O>;
    entries.push({ at: call.returned, entry: answer }, { at: call.called, entry: { ...answer, answer } });
  }
  entries.sort((a, b) => a.at - b.at);
  const head = {} as Entry<O>;
  let last = head;
  for (const { entry } of entries) {
    entry.before = last;
    last.after = entry;
    last = entry;
  }
  last.after = undefined;
  return head;
}

function lift<O>(entry: Entry<O>): void {
  for (const e of [entry, entry.answer!]) {
    e.before.after = e.after;
    if (e.after) e.after.before = e.before;
  }
}

function putBack<O>(entry: Entry<O>): void {
  for (const e of [entry.answer!, entry]) {
    e.before.after = e;
    if (e.after) e.after.before = e;
  }
}

/** Which calls have a place: all before `#first`, and some of those after it. */
class Placed {
  readonly #placed: Uint8Array;
  #first = 0;
  /** Those at or after `#first`. */
  readonly #beyond = new Set<number>();

  constructor(size: number) {
    this.#placed = new Uint8Array(size);
  }

  has(index: number): boolean {
    return this.#placed[index] === 1;
  }

  add(index: number): void {
    this.#placed[index] = 1;
    this.#beyond.add(index);
    while (this.#beyond.delete(this.#first)) this.#first++;
  }

  delete(index: number): void {
    this.#placed[index] = 0;
    this.#beyond.delete(index);
    while (this.#first > index) {
      this.#first--;
      if (this.#first !== index) this.#beyond.add(this.#first);
    }
  }

  /** Equal for equal sets: as they are with one more. */
  keyWith(index: number): string {
    let first = this.#first;
    const beyond = new Set(this.#beyond).add(index);
    while (beyond.delete(first)) first++;
    return `${first}:${[...beyond].sort((a, b) => a - b).join(',')}`;
  }

  copy(): Placed {
    const copy = new Placed(this.#placed.length);
    copy.#placed.set(this.#placed);
    return copy;
  }
}
