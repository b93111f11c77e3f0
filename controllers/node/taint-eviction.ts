// Ends pods on nodes with NoExecute taints that they do not tolerate, or no longer.
// Level-triggered: the moment of each pod's end follows from when it was first seen under such a
// taint. Upstream: pkg/controller/tainteviction.
import { type Node, NodeKind, type Taint } from '../../api/core/node.ts';
import { toleratesTaint } from '../../api/core/pod/placement.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { disrupt } from '../../client/disrupt.ts';
import { sayingOf } from '../../client/events.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { byNode } from './node-lifecycle.ts';

const name = 'taint-eviction-controller';

/** Milliseconds that a pod tolerates a taint, by the first toleration that does; undefined for ever. Pure. */
export function tolerationMs(pod: Pod, taint: Taint): number | undefined {
  const toleration = (pod.spec.tolerations ?? []).find((t) => toleratesTaint(t, taint));
  if (!toleration) return 0;
  return toleration.tolerationSeconds === undefined ? undefined : Math.max(0, toleration.tolerationSeconds) * 1000;
}

/** When the pod must end, given since when taints have been upon it; undefined never. Pure. */
export function evictionAtMs(pod: Pod, taints: readonly Taint[], sinceMs: number): number | undefined {
  const times = taints.map((taint) => tolerationMs(pod, taint)).filter((ms) => ms !== undefined);
  return times.length === 0 ? undefined : sinceMs + Math.min(...times);
}

const evictingTaints = (node: Node | undefined) => (node?.spec.taints ?? []).filter((t) => t.effect === 'NoExecute');

function createDeps(context: ControllerContext) {
  const pods = context.informer(PodKind);
  pods.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const say = sayingOf(PodKind, context.recorder(name));
  return {
    clock: context.clock,
    pods: pods.lister,
    nodes: context.informer(NodeKind).lister,
    podClient: context.resource(PodKind),
    /**
     * By pod: the uid of the one that must end, and since when. A taint that takes the place of
     * another (unreachable that of not-ready) does not give it more time.
     */
    since: new Map<string, { uid: string | undefined; ms: number }>(),
    /** By pod: the uid of the one that was ended, of which the cache may not know yet. */
    ended: new Map<string, string | undefined>(),
    say: (pod: Pod, message: string) => say(pod, 'Normal', 'TaintManagerEviction', message),
  };
}

export const taintEvictionController = defineController({
  name,
  kind: PodKind,
  related: [
    {
      kind: NodeKind,
      keys: (node: Node | undefined, old: Node | undefined, deps) => {
        if (jsonEqual(evictingTaints(node), evictingTaints(old))) return [];
        return deps.pods.byIndex(byNode, (node ?? old)?.metadata.name ?? '').map(keyOf);
      },
    },
  ],
  // A node that goes takes all its pods with it.
  concurrency: 8,
  deps: createDeps,
  async reconcile(pod, { clock, nodes, podClient, since, ended, say }) {
    const key = keyOf(pod);
    const { uid } = pod.metadata;
    if (ended.has(key) && ended.get(key) === uid) return undefined;
    const taints = evictingTaints(nodes.get(pod.spec.nodeName ?? ''));
    const known = since.get(key);
    const before = known?.uid === uid ? known : undefined;
    const isGoing = pod.metadata.deletionTimestamp !== undefined;
    const nowMs = clock.now();
    const sinceMs = before?.ms ?? nowMs;
    const endMs = evictionAtMs(pod, taints, sinceMs);
    // Pods that stay for ever are none of ours.
    if (endMs === undefined || isGoing) {
      if (before && !isGoing) say(pod, `Cancelling deletion of Pod ${key}`);
      since.delete(key);
      return undefined;
    }
    since.set(key, { uid, ms: sinceMs });
    if (endMs > nowMs) return { requeueAfterMs: endMs - nowMs };
    say(pod, `Marking for deletion Pod ${key}`);
    const message = 'Taint manager: deleting due to NoExecute taint';
    await disrupt(podClient, pod, { reason: 'DeletionByTaintManager', message, nowMs });
    since.delete(key);
    ended.set(key, uid);
  },
  forget: (key, { since, ended }) => {
    since.delete(key);
    ended.delete(key);
  },
});
