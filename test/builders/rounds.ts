// How often others had their turn while something was done: deterministic with a clock like `slowClock`.

/** Rounds of the event loop until `work` is done, and what it gives. */
export async function countRounds<T>(work: () => T | Promise<T>): Promise<{ value: T; rounds: number }> {
  let rounds = 0;
  let isOver = false;
  const next = () => {
    rounds++;
    if (!isOver) setImmediate(next);
  };
  setImmediate(next);
  try {
    const value = await work();
    return { value, rounds };
  } finally {
    isOver = true;
  }
}
