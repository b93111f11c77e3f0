// Registers the node and keeps telling the API server how it is: a Lease every ten seconds, the
// status when it has changed, at the latest every five minutes. Upstream: kubelet_node_status.go
// and component-helpers/apimachinery/lease.

import { type Lease, LeaseKind, nodeLeaseNamespace } from '../../api/coordination/lease.ts';
import type { NodeCondition, NodeStatus } from '../../api/core/node/node-status.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { KubeClient, ResourceClient } from '../../client/rest.ts';
import type { Clock } from '../../machinery/clock.ts';
import { isTrue } from '../../machinery/conditions.ts';
import { isAlreadyExists, isNotFound } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Logger } from '../../machinery/log.ts';
import { microTimestamp } from '../../machinery/timestamp.ts';
import type { Image, StatusResponse, VersionResponse } from '../../proto/cri.gen.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import type { CgroupTree } from '../cgroups/cgroup-tree.ts';
import type { PressureCondition } from '../eviction/thresholds.ts';
import { keepTrying } from '../keep-trying.ts';
import type { NodeFacts } from './node-facts.ts';
import { buildNode, computeNodeStatus, type NodeIdentity } from './node-status.ts';

export interface NodeReporterDeps {
  client: KubeClient;
  cri: CriClient;
  clock: Clock;
  log: Logger;
  events: EventRecorder;
  identity: NodeIdentity;
  facts: NodeFacts;
  version: VersionResponse;
  /** What the node is short of. */
  pressure(): readonly PressureCondition[];
  /** Version 1 of control groups is told. */
  tree: Pick<CgroupTree, 'version'>;
  /** Attachable volumes that pods here use; undefined while that is not known. */
  volumesInUse(): string[] | undefined;
}

export const leaseSeconds = 40;
export const leasePeriodMs = 10_000;
const statusPeriodMs = 10_000;
const maxStatusAgeMs = 5 * 60_000;
const hurriedPeriodMs = 200;
const retryMs = 500;
/** A runtime that has not answered for so long is down. Upstream: maxWaitForContainerRuntime. */
const runtimeDownAfterMs = 30_000;
/** A slow machine is no runtime that hangs. */
const runtimeAnswersMs = 15_000;

const cgroupV1Message =
  'cgroup v1 detected. cgroup v1 support is deprecated and will be removed in a future release. Please migrate to cgroup v2. More information at https://git.k8s.io/enhancements/keps/sig-node/5573-remove-cgroup-v1';

export class NodeReporter {
  readonly #deps: NodeReporterDeps;
  #node: Node | undefined;
  #writtenAtMs = 0;
  #told = new Map<string, string>();
  #runtimeSaid: { runtime: StatusResponse | null; images: Image[]; atMs: number } = {
    runtime: null,
    images: [],
    atMs: 0,
  };

  constructor(deps: NodeReporterDeps) {
    this.#deps = deps;
  }

  /** The node as it was last written. */
  get node(): Node | undefined {
    return this.#node;
  }

  get isReady(): boolean {
    return isTrue(this.#node?.status?.conditions, 'Ready');
  }

  /** Registers the node; resolves when it is in the API. Then goes on reporting until the signal is aborted. */
  async start(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const onFailure = (err: unknown) => log.warn({ err }, 'the node could not be registered; trying again');
    await keepTrying(() => this.#register(), { clock, signal, delayMs: retryMs, onFailure });
    this.#tell('Starting', 'Normal', 'Starting kubelet.');
    if (this.#deps.tree.version === 1) this.#tell('CgroupV1', 'Warning', cgroupV1Message);
    this.#tell('NodeAllocatableEnforced', 'Normal', 'Updated Node Allocatable limit across pods');
    void this.#repeat(
      () => this.#renewLease(),
      () => leasePeriodMs,
      signal,
    );
    // Until the node is ready, which others wait for, it is looked at often.
    void this.#repeat(
      () => this.report(),
      () => (this.isReady ? statusPeriodMs : hurriedPeriodMs),
      signal,
    );
  }

  async #repeat(work: () => Promise<void>, periodMs: () => number, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    while (!signal.aborted) {
      try {
        await clock.sleep(periodMs(), signal);
        await work();
      } catch (err) {
        if (!signal.aborted) log.warn({ err }, 'the node could not be reported');
      }
    }
  }

  async #register(): Promise<void> {
    const { client, identity, facts } = this.#deps;
    const nodes = client.resource(NodeKind);
    const fresh: Node = { ...buildNode(identity, facts), status: await this.#computeStatus({}) };
    try {
      this.#node = await nodes.create(fresh);
      this.#writtenAtMs = this.#deps.clock.now();
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
      const { labels, annotations } = fresh.metadata;
      this.#node = await nodes.patch({ name: identity.name }, { metadata: { labels, annotations } }, { type: 'merge' });
      await this.report();
    }
    this.#tellConditions(this.#node?.status?.conditions ?? []);
    await this.#renewLease();
  }

  async #computeStatus(before: NodeStatus): Promise<NodeStatus> {
    const { identity, facts, version, clock } = this.#deps;
    const { runtime, images } = await this.#lookAtRuntime();
    const pressure = this.#deps.pressure();
    const { conditions: known = [], capacity: advertised = {} } = before;
    const nowMs = clock.now();
    const status = computeNodeStatus({ identity, facts, pressure, version, runtime, images, known, advertised, nowMs });
    const volumesInUse = this.#deps.volumesInUse() ?? before.volumesInUse ?? [];
    return volumesInUse.length > 0 || before.volumesInUse ? { ...status, volumesInUse } : status;
  }

  /** What the runtime says, or what it said when that is not long ago: one that is started again is no news. */
  async #lookAtRuntime(): Promise<{ runtime: StatusResponse | null; images: Image[] }> {
    const { cri, clock } = this.#deps;
    try {
      const runtime = await cri.runtime.Status({}, { timeoutMs: runtimeAnswersMs });
      const { images } = await cri.images.ListImages({}, { timeoutMs: runtimeAnswersMs });
      this.#runtimeSaid = { runtime, images, atMs: clock.monotonicMs() };
    } catch (err) {
      this.#deps.log.warn({ err }, 'the container runtime does not answer');
    }
    const { runtime, images, atMs } = this.#runtimeSaid;
    return { runtime: clock.monotonicMs() - atMs < runtimeDownAfterMs ? runtime : null, images };
  }

  /** Writes the status now, if it has changed. */
  async report(): Promise<void> {
    const { client, clock, identity } = this.#deps;
    const nodes = client.resource(NodeKind);
    try {
      // As it stands, not as it was last written here: while we were silent the node controller
      // spoke for us. What stands is no news.
      this.#node = await nodes.get({ name: identity.name });
      const before = this.#node.status ?? {};
      for (const { type, status } of before.conditions ?? []) this.#told.set(type, status);
      const status = await this.#computeStatus(before);
      const isOld = clock.now() - this.#writtenAtMs >= maxStatusAgeMs;
      if (!isOld && jsonEqual(withoutHeartbeats(status), withoutHeartbeats(pick(before, status)))) return;
      const patch = { status: changesOf(before, status) };
      this.#node = await nodes.patch({ name: identity.name }, patch, { type: 'strategic', subresource: 'status' });
      this.#writtenAtMs = clock.now();
      this.#tellConditions(status.conditions ?? []);
    } catch (err) {
      if (!isNotFound(err)) throw err;
      // Somebody deleted the node while it runs: it comes back.
      await this.#register();
    }
  }

  /** Events for conditions that have changed, as people see them in `describe node`. */
  #tellConditions(conditions: readonly NodeCondition[]): void {
    const { name } = this.#deps.identity;
    for (const { type, status, reason = '' } of conditions) {
      if (this.#told.get(type) === status) continue;
      this.#told.set(type, status);
      const word =
        type === 'Ready' ? (status === 'True' ? 'NodeReady' : 'NodeNotReady') : reason.replace(/^Kubelet/, 'Node');
      this.#tell(word, 'Normal', `Node ${name} status is now: ${word}`);
    }
  }

  #tell(reason: string, type: 'Normal' | 'Warning', message: string): void {
    const { name } = this.#deps.identity;
    const object = { metadata: { name, uid: this.#node?.metadata.uid ?? name } };
    this.#deps.events.event({ kind: 'Node', apiVersion: 'v1', object }, type, reason, message);
  }

  async #renewLease(): Promise<void> {
    const { client, clock, identity } = this.#deps;
    await renewLease(client.resource(LeaseKind), identity.name, { nowMs: clock.now(), uid: this.#node?.metadata.uid });
  }
}

/** Says that the node lives; `uid` is that of its object, where it is known. */
export async function renewLease(
  leases: ResourceClient<Lease>,
  name: string,
  { nowMs, uid }: { nowMs: number; uid?: string | undefined },
): Promise<void> {
  const target = { namespace: nodeLeaseNamespace, name };
  const spec = { holderIdentity: name, renewTime: microTimestamp(nowMs) };
  try {
    await leases.patch(target, { spec }, { type: 'merge' });
  } catch (err) {
    if (!isNotFound(err)) throw err;
    const owned = uid === undefined ? {} : { ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] };
    await leases.create({ metadata: { ...target, ...owned }, spec: { ...spec, leaseDurationSeconds: leaseSeconds } });
  }
}

/** The fields of `status` that we write, out of what stands. */
function pick(before: NodeStatus, status: NodeStatus): NodeStatus {
  const entries = Object.keys(status).map((key) => [key, (before as Record<string, unknown>)[key]]);
  const out = Object.fromEntries(entries) as NodeStatus;
  const ours = new Set(status.conditions?.map((c) => c.type));
  return { ...out, conditions: (out.conditions ?? []).filter((c) => ours.has(c.type)) };
}

/** A patch of what has changed: what an administrator does to the capacity meanwhile stands. */
function changesOf(before: NodeStatus, status: NodeStatus): object {
  const changed = Object.entries(status).filter(([key, value]) => !jsonEqual(value, before[key as keyof NodeStatus]));
  const amounts = (key: 'capacity' | 'allocatable') => {
    const [old = {}, wanted = {}] = [before[key], status[key]];
    const names = Object.keys({ ...old, ...wanted }).filter((name) => old[name] !== wanted[name]);
    return Object.fromEntries(names.map((name) => [name, wanted[name] ?? null]));
  };
  return { ...Object.fromEntries(changed), capacity: amounts('capacity'), allocatable: amounts('allocatable') };
}

const withoutHeartbeats = (status: NodeStatus) => ({
  ...status,
  conditions: (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...rest }) => rest),
});
