// Starting a program keeps the event loop busy until the kernel has it: on a slow machine long enough that many in a row
// would keep everybody else waiting, the liveness check among them. So each is started in a turn of its own.
let last: Promise<void> = Promise.resolve();

/** Resolves when it is the caller's turn: the caller starts its program before it waits for anything else. */
export function ownTurn(): Promise<void> {
  last = last.then(() => new Promise((resolve) => void setImmediate(resolve)));
  return last;
}
