// Compares whole objects with recorded ones, field by field: nothing may be missing and nothing may
// be there that was not recorded, but for what the recordings leave out of every object.
import { anyOrder, otherFields } from './not-comparable.ts';
import { type Masks, matchesText } from './recording.ts';

/** What every object has and recordings leave out of most. */
const leftOut = [
  'apiVersion',
  'kind',
  'uid',
  'resourceVersion',
  'creationTimestamp',
  'managedFields',
  'lastTransitionTime',
  'lastProbeTime',
];

export interface Comparison {
  scenario: string;
  masks: Masks;
}

const isAbsent = (value: unknown) => value === undefined || value === null;

function compareFields(path: string, recorded: any, actual: any, comparison: Comparison): string[] {
  const keys = new Set([...Object.keys(recorded), ...Object.keys(actual)]);
  const isLeftOut = (key: string) =>
    leftOut.includes(key) || (key === 'observedGeneration' && /\.conditions\.\d+$/.test(path));
  return [...keys]
    .filter((key) => key in recorded || !isLeftOut(key))
    .flatMap((key) => compareValues(`${path}.${key}`, recorded[key], actual[key], comparison));
}

function compareValues(path: string, recorded: any, actual: any, comparison: Comparison): string[] {
  const { scenario, masks } = comparison;
  if (otherFields.some((f) => f.scenario === scenario && f.path.test(path))) return [];
  if (isAbsent(recorded) && isAbsent(actual)) return [];
  const difference = [`${path}: recorded ${JSON.stringify(recorded)}, is ${JSON.stringify(actual)}`];
  if (isAbsent(recorded) || isAbsent(actual)) return difference;
  if (recorded === '<any>') return [];
  if (Array.isArray(recorded) && Array.isArray(actual)) {
    if (recorded.length !== actual.length) return difference;
    if (anyOrder.some((f) => f.scenario === scenario && f.path.test(path)))
      return compareSets(recorded, actual, (a, b) => compareFields(path, a, b, comparison));
    return recorded.flatMap((value, i) => compareValues(`${path}.${i}`, value, actual[i], comparison));
  }
  if (typeof recorded === 'object' && typeof actual === 'object')
    return compareFields(path, recorded, actual, comparison);
  const isSame =
    typeof recorded === 'string' && typeof actual === 'string'
      ? matchesText(recorded, actual, masks)
      : recorded === actual;
  return isSame ? [] : difference;
}

/** The differences of a value from the recorded one. `what` begins the path that each is named by: `Job.status`. */
export function compareObjects(what: string, recorded: any, actual: any, comparison: Comparison): string[] {
  return compareValues(what, recorded, actual, comparison);
}

/**
 * Pairs what was recorded with what is there: the same number, each like another one. Names that
 * were generated are masked, so which is which shows only by their likeness. Returns the
 * differences of those that have no partner.
 */
export function compareSets<T>(
  recorded: readonly any[],
  actual: readonly T[],
  compare: (recorded: any, actual: T) => string[],
): string[] {
  const free = [...actual];
  const alone = recorded.filter((one) => {
    const found = free.findIndex((other) => compare(one, other).length === 0);
    if (found >= 0) free.splice(found, 1);
    return found < 0;
  });
  if (alone.length !== free.length) return [`recorded ${recorded.length}, are ${actual.length}`];
  return alone.flatMap((one, i) => compare(one, free[i]!));
}
