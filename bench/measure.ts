// What workloads measure with, and how results are shown.
import { realClock } from '../machinery/clock.ts';

export interface Result {
  what: string;
  value: number;
  unit: string;
  /** What we want to reach; `less` or `more` is better. */
  target?: number;
  better: 'less' | 'more';
}

export const less = (what: string, value: number, unit: string, target?: number): Result => ({
  what,
  value,
  unit,
  better: 'less',
  ...(target === undefined ? {} : { target }),
});
export const more = (what: string, value: number, unit: string): Result => ({ what, value, unit, better: 'more' });

/** Does it `count` times, so many at a time; answers the seconds. */
export async function inParallel(count: number, width: number, act: (i: number) => Promise<unknown>): Promise<number> {
  const startMs = realClock.monotonicMs();
  let next = 0;
  const work = async () => {
    for (let i = next++; i < count; i = next++) await act(i);
  };
  await Promise.all(Array.from({ length: width }, work));
  return (realClock.monotonicMs() - startMs) / 1000;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

const shown = (n: number | undefined) =>
  n === undefined ? '' : n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(3);

/** A line a result, with the target and, where there is one, the baseline of the same run. */
export function renderResults(own: readonly Result[], baseline: readonly Result[] | undefined): string {
  const rows = own.map((r) => {
    const other = baseline?.find((b) => b.what === r.what);
    const met =
      r.target === undefined
        ? ''
        : (r.better === 'less' ? r.value <= r.target : r.value >= r.target)
          ? 'met'
          : 'missed';
    return [
      r.what,
      `${shown(r.value)} ${r.unit}`,
      r.target === undefined ? '' : `${r.better === 'less' ? '<' : '>'} ${r.target} ${r.unit}`,
      met,
      other ? `${shown(other.value)} ${r.unit}` : '',
      other ? `${(r.value / other.value).toFixed(2)}x` : '',
    ];
  });
  const head = ['measure', 'now', 'target', '', ...(baseline ? ['baseline', 'ratio'] : ['', ''])];
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  return all
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
