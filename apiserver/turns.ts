// Long work gives way to other requests: it is done in turns of a few milliseconds, and of all who work so one has its
// turn at a time.
import type { Clock } from '../machinery/clock.ts';
import { finish, type Steps } from '../machinery/steps.ts';

const turnMs = 10;
let last: Promise<void> = Promise.resolve();
/** What work that had not waited for its turn has taken of this round of the event loop. */
let spentMs = 0;

/** Lets others have their turn: what has come in, and those who have waited for longer. */
export function breathe(): Promise<void> {
  last = last.then(() => new Promise((resolve) => void setImmediate(resolve)));
  return last;
}

function spend(ms: number): void {
  if (ms > 0 && spentMs === 0) {
    setImmediate(() => {
      spentMs = 0;
    });
  }
  spentMs += ms;
}

/** Works until `ms` are over; undefined: the work is not done yet. */
function goOn<T>(work: Iterator<unknown, T>, clock: Clock, ms: number): { value: T } | undefined {
  const endMs = clock.monotonicMs() + ms;
  do {
    const { done, value } = work.next();
    if (done) return { value: value as T };
  } while (clock.monotonicMs() < endMs);
  return undefined;
}

async function workOn<T>(work: Iterator<unknown, T>, clock: Clock): Promise<T> {
  for (;;) {
    await breathe();
    const result = goOn(work, clock, turnMs);
    if (result) return result.value;
  }
}

/** Does work that stops wherever others may have their turn. What is short is done at once. */
export function inTurns<T>(work: Iterator<unknown, T>, clock: Clock): T | Promise<T> {
  if (spentMs >= turnMs) return workOn(work, clock);
  const startMs = clock.monotonicMs();
  const result = goOn(work, clock, turnMs - spentMs);
  spend(clock.monotonicMs() - startMs);
  return result ? result.value : workOn(work, clock);
}

/** Does what may be long in turns, and everything else at once, whoever else is at work. */
export const stepwise = <T>(steps: Steps<T>, isLong: boolean | undefined, clock: Clock): T | Promise<T> =>
  isLong ? inTurns(steps, clock) : finish(steps);
