// Removes pods that nobody else will: bound to a node that is gone, deleted before they were bound or on a node that is
// said to be out of service, and of those that have ended the oldest beyond a number. Upstream: pkg/controller/podgc.
// https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection
import { type Node, NodeKind } from '../../api/core/node.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { disrupt } from '../../client/disrupt.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { readinessOf } from './health.ts';
import { byNode } from './node-lifecycle.ts';

/** A node may come back under its name: its pods wait so long. */
const quarantineMs = 40_000;
/** So long after they have become too many ended pods go. */
const periodMs = 20_000;
/** Ended pods that stay by default. */
export const defaultThreshold = 12_500;

/** The ended pods that go: evicted ones first, then the oldest. Pure. */
export function planSurplus(ended: readonly Pod[], threshold: number): Pod[] {
  const isEvicted = (pod: Pod) => (pod.status?.reason === 'Evicted' ? 0 : 1);
  const createdAt = ({ metadata }: Pod) => metadata.creationTimestamp ?? '';
  const nameOf = ({ metadata }: Pod) => metadata.name ?? '';
  const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  return [...ended]
    .sort((a, b) => isEvicted(a) - isEvicted(b) || compare(createdAt(a), createdAt(b)) || compare(nameOf(a), nameOf(b)))
    .slice(0, Math.max(0, ended.length - threshold));
}

/** Keeps the surplus of ended pods; `enqueue` those that go. */
function watchEnded(
  { informer, clock }: Pick<ControllerContext, 'informer' | 'clock'>,
  threshold: number,
  enqueue: (key: string) => void,
): Set<string> {
  const ended = new Map<string, Pod>();
  const surplus = new Set<string>();
  if (threshold <= 0) return surplus;
  let isArmed = false;
  informer(PodKind).onChange((pod, old) => {
    const key = keyOf((pod ?? old)!);
    if (pod && isFinished(pod) && !pod.metadata.deletionTimestamp) ended.set(key, pod);
    else {
      ended.delete(key);
      surplus.delete(key);
    }
    if (isArmed || ended.size <= threshold) return;
    isArmed = true;
    clock.after(periodMs, () => {
      isArmed = false;
      for (const one of planSurplus([...ended.values()], threshold)) {
        surplus.add(keyOf(one));
        enqueue(keyOf(one));
      }
    });
  });
  return surplus;
}

function createDeps(context: ControllerContext, enqueue: (key: string) => void, threshold: number) {
  const pods = context.informer(PodKind);
  pods.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  return {
    clock: context.clock,
    pods: pods.lister,
    nodes: context.informer(NodeKind).lister,
    nodeClient: context.resource(NodeKind),
    podClient: context.resource(PodKind),
    /** By node: since when it has been missed. */
    missingSinceMs: new Map<string, number>(),
    surplus: watchEnded(context, threshold, enqueue),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Somebody has said that nothing runs there any more: https://kubernetes.io/docs/concepts/cluster-administration/node-shutdown/ */
const isOutOfService = (node: Node) =>
  readinessOf(node) !== 'True' &&
  (node.spec?.taints ?? []).some(({ key }) => key === 'node.kubernetes.io/out-of-service');

/** Nobody else says of it any more that it has ended. */
async function endNow(pod: Pod, podClient: Deps['podClient']): Promise<void> {
  const { uid } = pod.metadata;
  if (!isFinished(pod)) {
    const failed = { metadata: { uid }, status: { phase: 'Failed' } };
    await unlessGone(podClient.patch(pod.metadata, failed, { type: 'merge', subresource: 'status' }));
  }
  await unlessGone(podClient.delete(pod.metadata, { gracePeriodSeconds: 0, ...(uid ? { uid } : {}) }));
}

/** `threshold`: as many ended pods may stay; 0: all. */
export const podGarbageCollector = (threshold = defaultThreshold) =>
  defineController<Pod, Deps>({
    name: 'pod-garbage-collector-controller',
    kind: PodKind,
    related: [
      {
        kind: NodeKind,
        keys: (node, old, deps) => {
          if (node) deps.missingSinceMs.delete(node.metadata.name);
          if (node && !isOutOfService(node)) return [];
          return deps.pods.byIndex(byNode, (node ?? old)!.metadata.name!).map(keyOf);
        },
      },
    ],
    deps: (context, enqueue) => createDeps(context, enqueue, threshold),
    async reconcile(pod, { clock, nodes, nodeClient, podClient, missingSinceMs, surplus }) {
      if (surplus.has(keyOf(pod))) {
        await endNow(pod, podClient);
        return undefined;
      }
      const { nodeName } = pod.spec;
      const nowMs = clock.now();
      if (!nodeName) {
        if (!pod.metadata.deletionTimestamp) return undefined;
        const message = 'PodGC: unscheduled and terminating';
        await disrupt(podClient, pod, { reason: 'DeletionByPodGC', message, nowMs, isLost: true });
        return undefined;
      }
      const node = nodes.get(nodeName);
      if (node) {
        if (pod.metadata.deletionTimestamp && isOutOfService(node)) await endNow(pod, podClient);
        return undefined;
      }
      const sinceMs = missingSinceMs.getOrInsert(nodeName, nowMs);
      const leftMs = sinceMs + quarantineMs - nowMs;
      if (leftMs > 0) return { requeueAfterMs: leftMs };
      // It may be there, only not yet in the cache.
      if (await unlessGone(nodeClient.get({ name: nodeName }))) return undefined;
      const message = 'PodGC: node no longer exists';
      await disrupt(podClient, pod, { reason: 'DeletionByPodGC', message, nowMs, isLost: true });
    },
  });
