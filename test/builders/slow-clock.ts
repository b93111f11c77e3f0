// A clock for work that is done in turns: each look at it takes a millisecond.
import { type Clock, FakeClock } from '../../machinery/clock.ts';

export function slowClock(): Clock {
  let nowMs = 0;
  return Object.assign(new FakeClock(), { monotonicMs: () => nowMs++ });
}
