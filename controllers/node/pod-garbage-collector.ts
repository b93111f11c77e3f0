// Removes pods that nobody else will: bound to a node that is gone, or deleted before they were
// bound. Upstream: pkg/controller/podgc.
import { NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { disrupt } from '../../client/disrupt.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { byNode } from './node-lifecycle.ts';

/** A node may come back under its name: its pods wait so long. */
const quarantineMs = 40_000;

function createDeps(context: ControllerContext) {
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
  };
}

export const podGarbageCollector = defineController({
  name: 'pod-garbage-collector-controller',
  kind: PodKind,
  related: [
    {
      kind: NodeKind,
      keys: (node, old, deps) => {
        if (node) deps.missingSinceMs.delete(node.metadata.name);
        return node ? [] : deps.pods.byIndex(byNode, old.metadata.name).map(keyOf);
      },
    },
  ],
  deps: createDeps,
  async reconcile(pod, { clock, nodes, nodeClient, podClient, missingSinceMs }) {
    const { nodeName } = pod.spec;
    const nowMs = clock.now();
    if (!nodeName) {
      if (!pod.metadata.deletionTimestamp) return undefined;
      const message = 'PodGC: unscheduled and terminating';
      await disrupt(podClient, pod, { reason: 'DeletionByPodGC', message, nowMs, isLost: true });
      return undefined;
    }
    if (nodes.get(nodeName)) return undefined;
    const sinceMs = missingSinceMs.get(nodeName) ?? nowMs;
    missingSinceMs.set(nodeName, sinceMs);
    const leftMs = sinceMs + quarantineMs - nowMs;
    if (leftMs > 0) return { requeueAfterMs: leftMs };
    try {
      await nodeClient.get({ name: nodeName });
      return undefined; // it is there, only not yet in the cache
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
    const message = 'PodGC: node no longer exists';
    await disrupt(podClient, pod, { reason: 'DeletionByPodGC', message, nowMs, isLost: true });
    return undefined;
  },
});
