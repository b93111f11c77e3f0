// Where a daemon set's pods belong, and how a pod for a node looks. Pure. Upstream: pkg/controller/daemon and its util.
import { type DaemonSet, DaemonSetKind } from '../../api/apps/daemonset.ts';
import type { Node } from '../../api/core/node.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { findUntoleratedTaint, matchesNodeAffinity } from '../../api/core/pod/placement.ts';
import type { PodSpec } from '../../api/core/pod/pod-spec.ts';
import type { Toleration } from '../../api/core/pod/scheduling.ts';
import type { Pod } from '../../api/core/pod.ts';
import { podFromTemplate } from '../pods/pod-control.ts';

export const revisionLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

const tolerate = (condition: string, effect: 'NoExecute' | 'NoSchedule'): Toleration => ({
  key: `node.kubernetes.io/${condition}`,
  operator: 'Exists',
  effect,
});

/** Daemons look after their node in bad times as well. */
function daemonTolerations(spec: PodSpec): Toleration[] {
  return [
    tolerate('not-ready', 'NoExecute'),
    tolerate('unreachable', 'NoExecute'),
    tolerate('disk-pressure', 'NoSchedule'),
    tolerate('memory-pressure', 'NoSchedule'),
    tolerate('pid-pressure', 'NoSchedule'),
    tolerate('unschedulable', 'NoSchedule'),
    ...(spec.hostNetwork ? [tolerate('network-unavailable', 'NoSchedule')] : []),
  ];
}

function withTolerations(spec: PodSpec): Toleration[] {
  const own = daemonTolerations(spec);
  const isSame = (a: Toleration, b: Toleration) =>
    a.key === b.key && a.effect === b.effect && a.operator === b.operator && (a.value ?? '') === (b.value ?? '');
  const given = spec.tolerations ?? [];
  return [...given, ...own.filter((o) => !given.some((t) => isSame(o, t)))];
}

export interface Placement {
  /** A pod should be there. */
  shouldRun: boolean;
  /** One that is there may stay. */
  mayStay: boolean;
}

/** Whether the set's pod belongs on the node. */
export function placeOn(set: DaemonSet, node: Node): Placement {
  const spec = set.spec.template!.spec!;
  const isNamed = !spec.nodeName || spec.nodeName === node.metadata.name;
  if (!isNamed || !matchesNodeAffinity(spec, node)) return { shouldRun: false, mayStay: false };
  const tolerations = withTolerations(spec);
  const { taints } = node.spec;
  if (!findUntoleratedTaint(taints, tolerations, ['NoSchedule', 'NoExecute']))
    return { shouldRun: true, mayStay: true };
  return { shouldRun: false, mayStay: !findUntoleratedTaint(taints, tolerations, ['NoExecute']) };
}

/** The node that a daemon pod is for, whether it is bound yet or not. */
export function nodeNameOf(pod: Pod): string | undefined {
  if (pod.spec.nodeName) return pod.spec.nodeName;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = (required?.nodeSelectorTerms ?? []).flatMap((term) => term.matchFields ?? []);
  return fields.find((f) => f.key === 'metadata.name' && f.operator === 'In')?.values?.[0];
}

const templateGenerationOf = (set: DaemonSet) => set.metadata.annotations?.[generationAnnotation];

/** The set's pod for a node. The scheduler binds it: the affinity leaves it one choice. */
export function buildPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const pod = podFromTemplate(DaemonSetKind, set, set.spec.template!);
  const generation = templateGenerationOf(set);
  pod.metadata.labels = {
    ...pod.metadata.labels,
    [revisionLabel]: hash,
    ...(generation ? { [generationLabel]: generation } : {}),
  };
  pod.spec.tolerations = withTolerations(pod.spec);
  const onlyThere = { matchFields: [{ key: 'metadata.name', operator: 'In' as const, values: [nodeName] }] };
  pod.spec.affinity = {
    ...pod.spec.affinity,
    nodeAffinity: {
      ...pod.spec.affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [onlyThere] },
    },
  };
  return pod;
}

/** Whether the pod runs the current template. */
export function isCurrent(set: DaemonSet, pod: Pod, hash: string): boolean {
  const { labels = {} } = pod.metadata;
  const generation = templateGenerationOf(set);
  return labels[revisionLabel] === hash || (generation !== undefined && labels[generationLabel] === generation);
}

/** Pods by the node they are for, bound and older ones first. One that has ended and is deleted holds no place. */
export function byNode(pods: readonly Pod[]): Map<string, Pod[]> {
  const map = new Map<string, Pod[]>();
  for (const pod of [...pods].sort(compareForKeeping)) {
    const nodeName = nodeNameOf(pod);
    if (nodeName && !(isFinished(pod) && pod.metadata.deletionTimestamp)) map.getOrInsert(nodeName, []).push(pod);
  }
  return map;
}

function compareForKeeping(a: Pod, b: Pod): number {
  const bound = Number(Boolean(b.spec.nodeName)) - Number(Boolean(a.spec.nodeName));
  if (bound !== 0) return bound;
  const order = (pod: Pod) => `${pod.metadata.creationTimestamp} ${pod.metadata.name}`;
  return order(a) < order(b) ? -1 : 1;
}
