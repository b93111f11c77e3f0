// Watches over nodes: one that falls silent is told to be Unknown, and taints follow from
// conditions, so that pods keep away or leave. Upstream: pkg/controller/nodelifecycle.
//
//   heartbeat (lease or status) ──> Ready as the kubelet says
//   silence for 50 s ──> Ready=Unknown, its pods not Ready, no new ones (taint NoSchedule)
//   its turn in its zone (zones.ts) ──> taint NoExecute ──> taint-eviction.ts takes over

import { type Lease, LeaseKind, nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { TransportError } from '../../client/transport.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { controllerMetrics } from '../metrics.ts';
import { isReady } from '../pods/pod-state.ts';
import { isEvicting, nodeConditionOf, planTaints, readinessOf, silentConditions } from './health.ts';
import { type EvictionLimits, EvictionZones } from './zones.ts';

const name = 'node-controller';
export const byNode = 'node';

export interface NodeLifecycleOptions extends EvictionLimits {
  /** A node that has not been heard of for so long is not known to be well. */
  graceMs: number;
  /** A new node has so long until its first report. */
  startupGraceMs: number;
}

export const nodeLifecycleDefaults: NodeLifecycleOptions = {
  graceMs: 50_000,
  startupGraceMs: 60_000,
  rate: 0.1,
  secondaryRate: 0.01,
  unhealthyShare: 0.55,
  largeSize: 50,
};

/** What is remembered of a node. */
interface Watch {
  node: Node;
  heartbeat: string;
  /**
   * By our own clock, since nodes' clocks may differ, and the one that stands still while the
   * machine sleeps, as nodes do.
   */
  heardAtMs: number;
  /** Unknown at first: whoever watched before may have told of it and not come to its pods. */
  wasReady: boolean | undefined;
}

function createDeps(context: ControllerContext, options: NodeLifecycleOptions, wake: (node: string) => void) {
  const { clock, log } = context;
  const pods = context.informer(PodKind);
  pods.addIndex(byNode, (pod) => (pod.spec.nodeName ? [pod.spec.nodeName] : []));
  const nodes = context.informer(NodeKind);
  const watches = new Map<string, Watch>();
  const meter = controllerMetrics(context.registry);
  const zones = new EvictionZones(options, clock, {
    wake,
    evicts: (zone) => void meter.evictions.of(zone).value++,
    allLost(are) {
      const entering = 'all nodes are not Ready: pods are no longer taken from any';
      log.info({}, are ? entering : 'some nodes are Ready: pods are taken from lost ones again');
      // What kept us from hearing them is over: each has its time again.
      if (!are) for (const watch of watches.values()) watch.heardAtMs = clock.monotonicMs();
      for (const { metadata } of nodes.lister.list()) wake(metadata.name ?? '');
    },
  });
  // Not in reconcile: before the first node is judged, all of them have to be known.
  nodes.onChange((node, old) => zones.change(node, old));
  meter.zones.list = () => zones.list();
  const recorder = context.recorder(name);
  return {
    clock,
    options,
    zones,
    watches,
    leases: context.informer(LeaseKind, { namespace: nodeLeaseNamespace }).lister,
    pods: pods.lister,
    nodeClient: context.resource(NodeKind),
    podClient: context.resource(PodKind),
    sayNode: sayingOf(NodeKind, recorder),
    sayPod: sayingOf(PodKind, recorder),
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
    deps.sayNode(node, 'Normal', 'RegisteredNode', `Node ${nodeName} event: Registered Node ${nodeName} in Controller`);
  const watch = { node, heartbeat, heardAtMs: deps.clock.monotonicMs(), wasReady: before?.wasReady };
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
      deps.sayPod(pod, 'Warning', 'NodeNotReady', 'Node is not ready');
      await unlessGone(deps.podClient.updateStatus({ ...pod, status: { ...pod.status, conditions } }));
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

/** Milliseconds until a node that is lost may be told to let its pods go; Infinity while it must not. */
function evictionWaitMs(node: Node, { zones }: Deps): number {
  const nodeName = node.metadata.name ?? '';
  const areAllLost = zones.areAllLost();
  const readiness = readinessOf(node);
  const isLost = readiness !== undefined && readiness !== 'True';
  if (isLost && !areAllLost && !isEvicting(node)) return zones.waitMs(nodeName);
  zones.leave(nodeName);
  return areAllLost && !zones.letsGoAlthoughAllAreLost(nodeName) ? Number.POSITIVE_INFINITY : 0;
}

async function reconcile(node: Node, deps: Deps): Promise<ReconcileResult | undefined> {
  const nodeName = node.metadata.name ?? '';
  const { graceMs, startupGraceMs } = deps.options;
  const watch = listen(node, deps.leases.get(`${nodeLeaseNamespace}/${nodeName}`), deps);
  const leftMs = watch.heardAtMs + (readinessOf(node) ? graceMs : startupGraceMs) - deps.clock.monotonicMs();
  if (leftMs <= 0 && (await writeSilence(node, watch, deps))) return undefined;
  const isNodeReady = readinessOf(node) === 'True';
  if (!isNodeReady && watch.wasReady !== false) {
    if (watch.wasReady) deps.sayNode(node, 'Normal', 'NodeNotReady', `Node ${nodeName} status is now: NodeNotReady`);
    await markPodsNotReady(node, deps);
  }
  watch.wasReady = isNodeReady;
  const waitMs = evictionWaitMs(node, deps);
  const taints = planTaints(node, deps.clock.now(), waitMs === 0);
  if (taints) {
    const { resourceVersion } = node.metadata;
    const patch = { metadata: { resourceVersion }, spec: { taints: taints.length > 0 ? taints : null } };
    await deps.nodeClient.patch({ name: nodeName }, patch, { type: 'merge' });
  }
  const requeueAfterMs = Math.min(...[leftMs, waitMs].filter((ms) => ms > 0));
  return Number.isFinite(requeueAfterMs) ? { requeueAfterMs } : undefined;
}

function forget(nodeName: string, { watches, sayNode }: Deps): void {
  const watch = watches.get(nodeName);
  watches.delete(nodeName);
  const message = `Node ${nodeName} event: Removing Node ${nodeName} from Controller`;
  if (watch) sayNode(watch.node, 'Normal', 'RemovingNode', message);
}

export const nodeLifecycleController = (options: NodeLifecycleOptions = nodeLifecycleDefaults) =>
  defineController({
    name: 'node-lifecycle-controller',
    kind: NodeKind,
    related: [
      {
        kind: LeaseKind,
        options: { namespace: nodeLeaseNamespace },
        keys: (lease, old) => [(lease ?? old).metadata.name],
      },
    ],
    deps: (context, enqueue) => createDeps(context, options, enqueue),
    reconcile,
    forget,
  });
