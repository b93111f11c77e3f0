// Texts of completion indexes, `0,2-4`. Upstream: validateIndexesFormat in pkg/apis/batch/validation.

/** First and last index of a run. */
export type IndexRun = readonly [number, number];

/** The runs of a text, in rising order and below `completions`; a text that says what is wrong with it. */
export function readIndexRuns(text: string, completions: number): IndexRun[] | string {
  const runs: IndexRun[] = [];
  for (const part of text === '' ? [] : text.split(',')) {
    const run = readRun(part, completions);
    if (typeof run === 'string') return run;
    const previous = runs.at(-1)?.[1];
    if (previous !== undefined && previous >= run[0]) return outOfOrder(previous, run[0]);
    runs.push(run);
  }
  return runs;
}

const outOfOrder = (previous: number, current: number) =>
  `non-increasing order, previous: ${previous}, current: ${current}`;

function readRun(part: string, completions: number): IndexRun | string {
  const limits = part.split('-');
  if (limits.length > 2) {
    const rule = "violates the requirement that an index interval can have at most two parts separated by '-'";
    return `the fragment ${JSON.stringify(part)} ${rule}`;
  }
  for (const limit of limits) {
    // 64 bits hold no more.
    if (!/^\+?\d+$/.test(limit) || Number(limit) >= 2 ** 63) {
      return `cannot convert string to integer for index: ${JSON.stringify(limit)}`;
    }
    if (Number(limit) >= completions) return `too large index: ${JSON.stringify(limit)}`;
  }
  const [first = 0, last] = limits.map(Number);
  if (last !== undefined && first >= last) return outOfOrder(first, last);
  return [first, last ?? first];
}

export const countIndexes = (runs: readonly IndexRun[]) =>
  runs.reduce((count, [first, last]) => count + last - first + 1, 0);

/** An index that both have. */
export function sharedIndex(a: readonly IndexRun[], b: readonly IndexRun[]): number | undefined {
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [[aFirst, aLast], [bFirst, bLast]] = [a[i]!, b[j]!];
    if (aFirst <= bLast && bFirst <= aLast) return Math.max(aFirst, bFirst);
    if (aFirst <= bFirst) i++;
    else j++;
  }
  return undefined;
}
