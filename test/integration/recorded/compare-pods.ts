// Compares pods with lifecycles recorded from Kubernetes: phase, conditions, container states,
// reasons. What differs from run to run is masked in the recording.
import { isDeepStrictEqual } from 'node:util';
import { type Masks, sameText } from './recording.ts';

/** Fields that were recorded and are not what they were; nothing where a field was not recorded. */
function compareFields(what: string, fields: readonly string[], recorded: any, actual: any): string[] {
  return fields
    .filter((f) => recorded[f] !== undefined && !isDeepStrictEqual(recorded[f], actual[f]))
    .map((f) => `${what}.${f}: recorded ${JSON.stringify(recorded[f])}, is ${JSON.stringify(actual[f])}`);
}

const times = { running: ['startedAt'], terminated: ['startedAt', 'finishedAt'], waiting: [] } as const;

function compareState(what: string, recorded: any = {}, actual: any = {}, masks: Masks): string[] {
  const [kind = 'none'] = Object.keys(recorded);
  const [actualKind = 'none'] = Object.keys(actual);
  if (kind !== actualKind) return [`${what}: recorded ${kind}, is ${actualKind}`];
  const [a, b] = [recorded[kind] ?? {}, actual[kind] ?? {}];
  // How long a container waits depends on how often it was tried; the lifecycle with the timeline looks at it.
  const message = a.message?.replace(/^back-off \w+ restarting/, 'back-off <any> restarting');
  return [
    ...compareFields(what, ['exitCode'], a, b),
    ...sameText(`${what}.reason`, a.reason, b.reason, masks),
    ...sameText(`${what}.message`, message, b.message, masks),
    ...(times[kind as keyof typeof times] ?? []).filter((t) => !b[t]).map((t) => `${what}: no ${t}`),
  ];
}

const waitsForRestart = (state: any) => ['CrashLoopBackOff', 'RunContainerError'].includes(state?.waiting?.reason);

/**
 * State and last state. Between two tries the recorded kubelet shows how the last one ended until
 * shortly before the next, ours at once that the container waits: then what it waits after has to
 * be the same.
 */
function compareStates(what: string, a: any, b: any, masks: Masks): string[] {
  if (waitsForRestart(b.state) && a.state?.terminated)
    return compareState(`${what}.lastState`, a.state, b.lastState, masks);
  const last =
    a.restartCount > 0 && b.restartCount === 0
      ? []
      : compareState(`${what}.lastState`, a.lastState, b.lastState, masks);
  if (waitsForRestart(b.state) && waitsForRestart(a.state) && a.state.waiting.reason !== b.state.waiting.reason)
    return last;
  return [...compareState(`${what}.state`, a.state, b.state, masks), ...last];
}

const containerFields = ['ready', 'started', 'image', 'volumeMounts', 'allocatedResources', 'resources'] as const;

function compareContainers(what: string, recorded: any[] = [], actual: any[] = [], masks: Masks): string[] {
  const names = (list: any[]) => list.map((c) => c.name).join();
  if (names(recorded) !== names(actual)) return [`${what}: recorded [${names(recorded)}], is [${names(actual)}]`];
  return recorded.flatMap((a, i) => {
    const [b, name] = [actual[i], `${what}.${a.name}`];
    // How often a crashing container was tried depends on when one looks.
    const restarts = a.restartCount === 0 ? b.restartCount === 0 : b.restartCount > 0;
    return [
      ...compareFields(name, containerFields, a, { ...b, volumeMounts: withoutToken(b.volumeMounts) }),
      ...compareFields(name, ['uid', 'gid'], a.user?.linux ?? {}, b.user?.linux ?? {}),
      ...(restarts ? [] : [`${name}: recorded ${a.restartCount} restarts, has ${b.restartCount}`]),
      ...compareStates(name, a, b, masks),
    ];
  });
}

const withoutToken = (mounts: any[] | undefined) => mounts?.filter((m) => !m.name.startsWith('kube-api-access-'));

const whereAndWhen = ['hostIP', 'hostIPs', 'podIP', 'podIPs', 'startTime'];

/** Whether the kubelet had told of the pod. Pods out of files have no generation. */
const isTold = (recorded: any) => recorded.observedGeneration !== undefined || recorded.containerStatuses !== undefined;

/**
 * The addresses and the time of the start: recorded are those of a status that has only some, and
 * none of one that has all.
 */
function compareAddresses(recorded: any, actual: any): string[] {
  const has = (status: any) => whereAndWhen.filter((f) => status[f] !== undefined).join();
  const wanted = has(recorded) || (isTold(recorded) ? whereAndWhen.join() : '');
  return has(actual) === wanted ? [] : [`addresses: recorded ${wanted}, has ${has(actual)}`];
}

function compareConditions(recordedStatus: any, status: any, masks: Masks): string[] {
  const { conditions: recorded = [] } = recordedStatus;
  const { conditions: actual = [], observedGeneration = isTold(recordedStatus) ? undefined : 1 } = status;
  const describe = (c: any) => `${c.type}=${c.status} ${c.reason ?? ''}`;
  if (recorded.map(describe).join() !== actual.map(describe).join())
    return [`conditions: recorded ${recorded.map(describe)}, are ${actual.map(describe)}`];
  const own = actual.filter((c: any) => !c.type.includes('/'));
  return [
    ...recorded.flatMap((c: any, i: number) => sameText(c.type, c.message, actual[i].message, masks)),
    ...own
      .filter(
        (c: any) => !c.lastTransitionTime || c.lastProbeTime !== null || c.observedGeneration !== observedGeneration,
      )
      .map((c: any) => `condition ${JSON.stringify(c)}`),
  ];
}

/** The differences of a pod's status from the recorded one. */
export function compareStatus(recorded: any, actual: any, masks: Masks): string[] {
  return [
    ...sameText('phase', recorded.phase, actual.phase, masks),
    ...sameText('reason', recorded.reason, actual.reason, masks),
    ...sameText('message', recorded.message, actual.message, masks),
    ...sameText('nominatedNodeName', recorded.nominatedNodeName, actual.nominatedNodeName, masks),
    ...compareFields('status', ['qosClass', 'observedGeneration', 'allocatedResources'], recorded, actual),
    ...compareAddresses(recorded, actual),
    ...compareConditions(recorded, actual, masks),
    ...compareContainers('init', recorded.initContainerStatuses, actual.initContainerStatuses, masks),
    ...compareContainers('containers', recorded.containerStatuses, actual.containerStatuses, masks),
    ...compareContainers('ephemeral', recorded.ephemeralContainerStatuses, actual.ephemeralContainerStatuses, masks),
  ];
}
