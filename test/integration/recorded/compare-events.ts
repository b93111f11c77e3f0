// Compares the events of a lifecycle with the recorded ones.
import { otherEvents } from './not-comparable.ts';
import { type Masks, matchesText } from './recording.ts';

/** Who told an event, in the words of the recordings. */
function tellerOf({ source, reportingComponent, reportingInstance, eventTime, count }: any, { node }: Masks): string {
  if (source?.component === 'kubelet' && source.host === node && reportingInstance === node) return 'kubelet';
  const isSeries = !source?.component && eventTime && count === undefined;
  if (isSeries && reportingComponent === 'default-scheduler') return 'scheduler';
  return isSeries ? reportingComponent : `core:${source?.component}`;
}

interface Told {
  on: string;
  fieldPath?: string;
  type: string;
  reason: string;
  message: string;
  by: string;
  action?: string;
  count: 1 | '>1' | null;
}

const describe = (e: Told) => `${e.on} ${e.fieldPath ?? ''} ${e.type} ${e.reason} ${e.count ?? ''}: ${e.message}`;

function toTold(event: any, masks: Masks): Told {
  const { involvedObject, type, reason, message = '', action, count } = event;
  return {
    on: `${involvedObject.kind}/${involvedObject.name}`,
    fieldPath: involvedObject.fieldPath,
    type,
    reason,
    message,
    by: tellerOf(event, masks),
    action,
    count: count === undefined ? null : count > 1 ? '>1' : 1,
  };
}

/**
 * What is said of an object with a generated name, or by a controller, is said of another one each
 * time it was recorded.
 */
const isOfItsOwn = ({ on, by }: Told) => on.includes('<any>') || by.startsWith('core:');

/** Whatever else was told twice in the same words is one event that was counted, or one each of pods of one name. */
function mergeSame(all: readonly Told[]): Told[] {
  const byText = new Map<string, Told>();
  for (const event of all) {
    const { count, ...rest } = event;
    const key = JSON.stringify(rest);
    byText.set(key, byText.has(key) && count !== null ? { ...event, count: '>1' } : event);
  }
  return [...byText.values()];
}

/** A generated part of a name has no dashes; `w-<any>` is not meant to be `w-<any>-<any>`. */
export function matchesName(recorded: string, actual: string, masks: Masks): boolean {
  return (
    matchesText(recorded, actual, masks) &&
    recorded.split('-').length === actual.replace(masks.node, 'node-1').split('-').length
  );
}

/** What was recorded of events and has not been seen, and what was seen and not recorded. */
export function compareEvents(
  scenario: string,
  recorded: readonly any[],
  seen: readonly any[],
  masks: Masks,
): string[] {
  const isSame = (a: Told, b: Told) =>
    (['fieldPath', 'type', 'reason', 'by', 'action'] as const).every((k) => a[k] === b[k]) &&
    (a.count === b.count || otherCounts(scenario, describe(a))) &&
    matchesName(a.on, b.on, masks) &&
    matchesText(a.message, b.message, masks);
  const isComparable = (e: Told) =>
    !otherEvents.some((o) => o.scenario === scenario && !o.count && o.event.test(describe(e)));
  const ours = seen.map((e) => toTold(e, masks)).filter(isComparable);
  const all: Told[] = recorded
    .map(({ series: _, reportingComponent, reportingInstance: _i, source, ...e }) => ({
      by: source?.component ?? reportingComponent,
      ...e,
    }))
    .filter(isComparable);
  const single = all.filter(isOfItsOwn);
  const merged = mergeSame(all.filter((e) => !isOfItsOwn(e)));
  const left = [...ours];
  const missing = single.filter((a) => {
    const found = left.findIndex((b) => isSame(a, b));
    if (found >= 0) left.splice(found, 1);
    return found < 0;
  });
  const rest = mergeSame(left);
  missing.push(...merged.filter((a) => !rest.some((b) => isSame(a, b))));
  const surplus = rest.filter((b) => !merged.some((a) => isSame(a, b)));
  return [...missing.map((a) => `missing: ${describe(a)}`), ...surplus.map((b) => `not recorded: ${describe(b)}`)];
}

/** Whether it does not matter how often an event was counted. */
function otherCounts(scenario: string, described: string): boolean {
  return otherEvents.some((o) => o.scenario === scenario && o.count && o.event.test(described));
}
