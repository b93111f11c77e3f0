// A bound on what one evaluation really does, beside its cost: comparing and copying what an expression has built is charged
// little in Kubernetes' costs, and could go on for hours. Evaluations are synchronous, so one counter serves all.
import { CostExceeded } from './errors.ts';

/** Elements looked at or copied in one evaluation: well under a second. */
const maxWork = 2_000_000;
let left = 0;
let depth = 0;

/** Counts elements; throws `CostExceeded`. */
export function work(elements: number): void {
  left -= elements;
  if (left < 0 && depth > 0) throw new CostExceeded();
}

/** Counts characters looked through or made: many are as fast as one element. */
export function workText(characters: number): void {
  work(characters / 16);
}

/** Runs an evaluation; one within another counts as its part. */
export function withWorkLimit<T>(evaluate: () => T): T {
  if (depth++ === 0) left = maxWork;
  try {
    return evaluate();
  } finally {
    depth--;
  }
}
