// A clock for work that is done in turns: each look at it takes a millisecond.
import type { Clock } from '../../machinery/clock.ts';
import { FakeClock } from './fake-clock.ts';

export function slowClock(): Clock {
  let nowMs = 0;
  return Object.assign(new FakeClock(), { monotonicMs: () => nowMs++ });
}
