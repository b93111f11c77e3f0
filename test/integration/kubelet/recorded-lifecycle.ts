// Compares pods with lifecycles recorded from Kubernetes: phase, conditions, container states, reasons, events. What differs from run to run
// is masked in the recording.
export interface Recording {
  name: string;
  manifest: any;
  result: any;
}

export interface Masks {
  namespace: string;
  node: string;
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Words of the recorded runtime that another runtime says shorter. */
const runtimeWords = [
  [
    'failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: ',
    'failed to create container task: OCI runtime create failed: ',
  ],
  ['failed to start exec "<any>": ', 'failed to start exec: '],
] as const;

/** Whether a text is the recorded one, but for its masks. */
export function matchesText(recorded: string, actual: string, { namespace, node }: Masks): boolean {
  const words = runtimeWords.reduce((text, [theirs, ours]) => text.replace(theirs, ours), recorded);
  const pattern = escapeRegExp(words)
    .replaceAll('<any>', '[^\\n]*')
    .replaceAll('<ns>', escapeRegExp(namespace))
    .replaceAll('node-1', escapeRegExp(node))
    .replace('<4096 times x>', 'x{4096}');
  return new RegExp(`^${pattern}$`).test(actual);
}

function sameText(what: string, recorded: string | undefined, actual: string | undefined, masks: Masks): string[] {
  if (recorded === undefined && actual === undefined) return [];
  if (recorded !== undefined && actual !== undefined && matchesText(recorded, actual, masks)) return [];
  return [`${what}: recorded ${JSON.stringify(recorded)}, is ${JSON.stringify(actual)}`];
}

const waitsForRestart = new Set(['CrashLoopBackOff', 'RunContainerError']);

/** Between two tries the recorded kubelet shows now the end, now the wait; both say the same. */
function isBetweenTries(recorded: any, actual: any): boolean {
  const waits = (state: any) => waitsForRestart.has(state?.waiting?.reason);
  return waits(actual) && (waits(recorded) || recorded?.terminated !== undefined);
}

function compareState(what: string, recorded: any, actual: any, masks: Masks): string[] {
  if (isBetweenTries(recorded, actual)) return [];
  const [kind = 'none'] = Object.keys(recorded ?? {});
  const [actualKind = 'none'] = Object.keys(actual ?? {});
  if (kind !== actualKind) return [`${what}: recorded ${kind}, is ${actualKind}`];
  const [a, b] = [recorded?.[kind] ?? {}, actual?.[kind] ?? {}];
  const codes = a.exitCode === b.exitCode ? [] : [`${what}.exitCode: recorded ${a.exitCode}, is ${b.exitCode}`];
  return [
    ...codes,
    ...sameText(`${what}.reason`, a.reason, b.reason, masks),
    ...sameText(`${what}.message`, a.message, b.message, masks),
  ];
}

function compareContainers(what: string, recorded: any[] = [], actual: any[] = [], masks: Masks): string[] {
  const names = (list: any[]) => list.map((c) => c.name).join();
  if (names(recorded) !== names(actual)) return [`${what}: recorded [${names(recorded)}], is [${names(actual)}]`];
  return recorded.flatMap((a, i) => {
    const [b, name] = [actual[i], `${what}.${a.name}`];
    const flags = ['ready', 'started']
      .filter((k) => a[k] !== b[k])
      .map((k) => `${name}.${k}: recorded ${a[k]}, is ${b[k]}`);
    // How often a crashing container was tried depends on when one looks.
    const restarts = Math.min(a.restartCount, 1) > b.restartCount ? [`${name}: not restarted`] : [];
    const last =
      restarts.length > 0 || isBetweenTries(a.state, b.state)
        ? []
        : compareState(`${name}.lastState`, a.lastState, b.lastState, masks);
    return [...flags, ...restarts, ...compareState(`${name}.state`, a.state, b.state, masks), ...last];
  });
}

/** The differences of a pod's status from the recorded one. */
export function compareStatus(recorded: any, actual: any, masks: Masks): string[] {
  const condition = (c: any) => `${c.type}=${c.status} ${c.reason ?? ''}`;
  const [a, b] = [recorded.conditions ?? [], actual.conditions ?? []];
  const types =
    a.map(condition).join() === b.map(condition).join()
      ? []
      : [`conditions: recorded ${a.map(condition)}, are ${b.map(condition)}`];
  const messages =
    types.length > 0 ? [] : a.flatMap((c: any, i: number) => sameText(c.type, c.message, b[i].message, masks));
  return [
    ...sameText('phase', recorded.phase, actual.phase, masks),
    ...sameText('reason', recorded.reason, actual.reason, masks),
    ...sameText('message', recorded.message, actual.message, masks),
    ...types,
    ...messages,
    ...compareContainers('init', recorded.initContainerStatuses, actual.initContainerStatuses, masks),
    ...compareContainers('containers', recorded.containerStatuses, actual.containerStatuses, masks),
  ];
}

/** Who told an event, in the words of the recordings. */
function tellerOf({ source, reportingComponent, reportingInstance, eventTime, count }: any, { node }: Masks): string {
  if (source?.component === 'kubelet' && source.host === node && reportingInstance === node) return 'kubelet';
  const isSeries = !source?.component && eventTime && count === undefined;
  if (isSeries && reportingComponent === 'default-scheduler') return 'scheduler';
  return `core:${source?.component}`;
}

/** What was recorded twice in the same words is one event that was counted. */
function mergeSame(recorded: readonly any[]): any[] {
  const byText = new Map<string, any>();
  for (const { series: _, ...event } of recorded) {
    const { count, ...rest } = event;
    const key = JSON.stringify(rest);
    byText.set(key, byText.has(key) && count !== null ? { ...event, count: '>1' } : event);
  }
  return [...byText.values()];
}

/** What was recorded of events and has not been seen, and what was seen and not recorded. */
export function compareEvents(recorded: readonly any[], seen: readonly any[], masks: Masks): string[] {
  const describe = (e: any) => `${e.on} ${e.fieldPath ?? ''} ${e.type} ${e.reason} ${e.count ?? ''}: ${e.message}`;
  const toRecorded = (e: any) => ({
    on: `${e.involvedObject.kind}/${e.involvedObject.name}`,
    fieldPath: e.involvedObject.fieldPath,
    type: e.type,
    reason: e.reason,
    message: e.message,
    by: tellerOf(e, masks),
    action: e.action,
    count: e.count === undefined ? null : e.count > 1 ? '>1' : 1,
  });
  const isSame = (a: any, b: any) =>
    (['on', 'fieldPath', 'type', 'reason', 'by', 'action', 'count'] as const).every((k) => a[k] === b[k]) &&
    matchesText(a.message, b.message, masks);
  const ours = seen.map(toRecorded).filter((e) => e.by === 'kubelet' || e.by === 'scheduler');
  const theirs = mergeSame(recorded.filter((e) => e.by === 'kubelet' || e.by === 'scheduler'));
  return [
    ...theirs.filter((a) => !ours.some((b) => isSame(a, b))).map((a) => `missing: ${describe(a)}`),
    ...ours.filter((b) => !theirs.some((a) => isSame(a, b))).map((b) => `not recorded: ${describe(b)}`),
  ];
}
