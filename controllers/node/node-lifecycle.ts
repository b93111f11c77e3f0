// Watches over nodes: one that falls silent is told to be Unknown, and taints follow from
// conditions, so that pods keep away or leave. Upstream: pkg/controller/nodelifecycle.
//
//   heartbeat (lease or status) ──> Ready as the kubelet says
//   silence for 40 s ──> Ready=Unknown, its pods not Ready, taints unreachable ──> taint-eviction.ts takes over

import { type Lease, LeaseKind, nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { TransportError } from '../../client/transport.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { isReady } from '../pods/pod-state.ts';
import { graceMs, nodeConditionOf, planTaints, readinessOf, silentConditions, startupGraceMs } from './health.ts';

const name = 'node-controller';
export const byNode = 'node';

/** What is remembered of a node. */
interface Watch {
  heartbeat: string;
  /**
   * By our own clock, since nodes' clocks may differ, and the one that stands still while the
   * machine sleeps, as nodes do.
   */
  heardAtMs: number;
  /** Unknown at first: whoever watched before may have told of it and not come to its pods. */
  wasReady: boolean | undefined;
}

function createDeps(context: ControllerContext) {
  const pods = context.informer(PodKind);
  pods.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const recorder = context.recorder(name);
  return {
    clock: context.clock,
    leases: context.informer(LeaseKind, { namespace: nodeLeaseNamespace }).lister,
    pods: pods.lister,
    nodeClient: context.resource(NodeKind),
    podClient: context.resource(PodKind),
    watches: new Map<string, Watch>(),
    sayNode: (object: Node, reason: string, message: string) =>
      recorder.event({ kind: 'Node', apiVersion: 'v1', object }, 'Normal', reason, message),
    warnPod: (object: Pod, reason: string, message: string) =>
      recorder.event({ kind: 'Pod', apiVersion: 'v1', object }, 'Warning', reason, message),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Notes a sign of life; returns what is remembered of the node. */
function listen(node: Node, lease: Lease | undefined, deps: Deps): Watch {
  const nodeName = node.metadata.name ?? '';
  const heartbeat = `${lease?.spec.renewTime} ${nodeConditionOf(node, 'Ready')?.lastHeartbeatTime}`;
  const before = deps.watches.get(nodeName);
  if (before && before.heartbeat === heartbeat) return before;
  if (!before)
    deps.sayNode(node, 'RegisteredNode', `Node ${nodeName} event: Registered Node ${nodeName} in Controller`);
  const watch = { heartbeat, heardAtMs: deps.clock.monotonicMs(), wasReady: before?.wasReady };
  deps.watches.set(nodeName, watch);
  return watch;
}

/** Traffic keeps away from pods of a node that is not ready. */
async function markPodsNotReady(node: Node, deps: Deps): Promise<void> {
  const pods = deps.pods.byIndex(byNode, node.metadata.name ?? '').filter(isReady);
  const time = timestamp(deps.clock.now());
  await Promise.all(
    pods.map(async (pod) => {
      const conditions = (pod.status?.conditions ?? []).map((c) =>
        c.type === 'Ready' ? { ...c, status: 'False', lastTransitionTime: time } : c,
      );
      deps.warnPod(pod, 'NodeNotReady', 'Node is not ready');
      try {
        await deps.podClient.updateStatus({ ...pod, status: { ...pod.status, conditions } });
      } catch (err) {
        if (!isNotFound(err)) throw err; // gone: nothing to mark
      }
    }),
  );
}

/** Says that a node is silent. */
async function writeSilence(node: Node, watch: Watch, { nodeClient, clock }: Deps): Promise<boolean> {
  const conditions = silentConditions(node, clock.now());
  if (!conditions) return false;
  try {
    await nodeClient.updateStatus({ ...node, status: { ...node.status, conditions } as Node['status'] });
  } catch (err) {
    // Without a server no node can be heard: each has its time again.
    if (err instanceof TransportError) watch.heardAtMs = clock.monotonicMs();
    throw err;
  }
  return true;
}

async function reconcile(node: Node, deps: Deps): Promise<ReconcileResult | undefined> {
  const nodeName = node.metadata.name ?? '';
  const watch = listen(node, deps.leases.get(`${nodeLeaseNamespace}/${nodeName}`), deps);
  const leftMs = watch.heardAtMs + (readinessOf(node) ? graceMs : startupGraceMs) - deps.clock.monotonicMs();
  if (leftMs <= 0 && (await writeSilence(node, watch, deps))) return undefined;
  const isNodeReady = readinessOf(node) === 'True';
  if (!isNodeReady && watch.wasReady !== false) {
    if (watch.wasReady) deps.sayNode(node, 'NodeNotReady', `Node ${nodeName} status is now: NodeNotReady`);
    await markPodsNotReady(node, deps);
  }
  watch.wasReady = isNodeReady;
  const taints = planTaints(node, deps.clock.now());
  if (taints) {
    const { resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    await deps.nodeClient.patch({ name: nodeName }, patch, { type: 'merge' });
  }
  return leftMs > 0 ? { requeueAfterMs: leftMs } : undefined;
}

export const nodeLifecycleController = defineController({
  name: 'node-lifecycle-controller',
  kind: NodeKind,
  related: [
    {
      kind: LeaseKind,
      options: { namespace: nodeLeaseNamespace },
      keys: (lease, old) => [(lease ?? old).metadata.name],
    },
  ],
  deps: createDeps,
  reconcile,
  forget: (key, { watches }) => void watches.delete(key),
});
