// The scheduler's loop: informers feed the queue and the cache, each pod taken from the queue goes
// through a cycle, and its binding is written while the next pod is already being looked at.

import { BindingKind } from '../api/core/binding.ts';
import { type Node, NodeKind } from '../api/core/node.ts';
import { isFinished } from '../api/core/pod/columns.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import type { PodDisruptionBudget } from '../api/policy/poddisruptionbudget.ts';
import { targetOf } from '../client/events.ts';
import type { Informer } from '../client/informer.ts';
import type { KubeClient } from '../client/rest.ts';
import type { SeriesRecorder } from '../client/series-events.ts';
import { atMost } from '../machinery/at-most.ts';
import type { Clock } from '../machinery/clock.ts';
import { isConflict, isNotFound, messageOf } from '../machinery/errors.ts';
import { jsonEqual } from '../machinery/json.ts';
import type { Logger } from '../machinery/log.ts';
import { keyOf } from '../machinery/metadata.ts';
import type { Random } from '../machinery/random.ts';
import { timestamp } from '../machinery/timestamp.ts';
import { SchedulerCache } from './cache/cache.ts';
import type { PodGroups } from './cache/pod-groups.ts';
import type { Profile } from './config/profiles.ts';
import { type Cycle, type CycleResult, schedulePod, schedulePodWith } from './cycle.ts';
import type { Extenders } from './extenders/extenders.ts';
import { describeFailure } from './fit-error.ts';
import type { Meter } from './framework/meter.ts';
import type { Diagnosis, Plugin, Preemption } from './framework/plugin.ts';
import { podInfoOf, priorityOf } from './framework/pod-info.ts';
import type { VolumeView } from './framework/volume-view.ts';
import type { AttemptResult, SchedulerMetrics, SchedulerState } from './metrics.ts';
import { endVictims } from './preemption/preempt.ts';
import { type Backoff, type QueuedPod, SchedulingQueue } from './queue/queue.ts';

export interface SchedulerDeps {
  client: KubeClient;
  pods: Informer<Pod>;
  nodes: Informer<Node>;
  namespaces: Informer<any>;
  budgets: Informer<PodDisruptionBudget>;
  volumes: VolumeView;
  groups: PodGroups;
  /** Absent: none. */
  extenders?: Extenders;
  metrics: SchedulerMetrics;
  clock: Clock;
  random: Random;
  log: Logger;
  backoff: Backoff;
}

/** A profile with who tells of its pods. */
export interface RunningProfile extends Profile {
  recorder: SeriesRecorder;
}

interface ProfileInUse extends RunningProfile {
  /** Its plugins with preEnqueue, and with reserve. */
  gates: readonly Plugin[];
  reserving: readonly Plugin[];
  meter: Meter;
}

type Found = Extract<CycleResult, { type: 'found' }>;

// Cycles run back to back for so long before other work gets its turn.
const turnMs = 5;
/** Bindings that are written at a time; more would only wait in the client, with their time limits running. */
const maxBindings = 64;

export class Scheduler {
  readonly #deps: SchedulerDeps;
  /** By the schedulerName of their pods. */
  readonly #profiles: ReadonlyMap<string, ProfileInUse>;
  readonly #cache: SchedulerCache;
  readonly #queue: SchedulingQueue;
  readonly #cycle: Cycle;
  readonly #inTurn = atMost(maxBindings);
  #scheduled = false;
  /** A cycle waits for extenders: the next one begins after it, as they go by what it does. */
  #asking = false;
  #stopped = false;

  constructor(deps: SchedulerDeps, profiles: readonly RunningProfile[]) {
    this.#deps = deps;
    this.#profiles = new Map(
      profiles.map((profile) => {
        const plugins = profile.plugins.map(({ plugin }) => plugin);
        const gates = plugins.filter((plugin) => plugin.preEnqueue);
        const reserving = plugins.filter((plugin) => plugin.reserve);
        const meter = deps.metrics.meter(profile.name, deps.clock);
        return [profile.name, { ...profile, gates, reserving, meter }];
      }),
    );
    this.#cache = new SchedulerCache(deps.volumes, deps.groups);
    this.#cycle = { startIndex: 0, random: () => deps.random.next() };
    this.#queue = new SchedulingQueue(deps.clock, (pod) => this.#profileOf(pod).gates, deps.backoff, deps.metrics);
    deps.metrics.follow(() => this.state());
  }

  /** What metrics tell of it. */
  state(): SchedulerState {
    const byProfile = new Map<string, Map<string, number>>();
    for (const { info, rejectedBy } of this.#queue.rejected()) {
      const { name } = this.#profileOf(info.pod);
      const counts = byProfile.getOrInsertComputed(name, () => new Map<string, number>());
      for (const plugin of rejectedBy) counts.set(plugin.name, (counts.get(plugin.name) ?? 0) + 1);
    }
    return { pending: this.#queue.counts(), cache: this.#cache.sizes(), rejected: byProfile };
  }

  /** Begins to schedule, once all that is known has been seen. */
  async start(): Promise<void> {
    const { nodes, pods, namespaces, budgets, volumes, groups } = this.#deps;
    volumes.onEvent((event) => this.#queue.onEvent(event));
    budgets.onChange((budget, old) => (budget ? this.#cache.setBudget(budget) : this.#cache.removeBudget(old!)));
    namespaces.onChange((ns, old) =>
      this.#cache.setNamespace((ns ?? old).metadata.name, ns?.metadata.labels ?? (ns && {})),
    );
    nodes.onChange((node, old) => this.#onNode(node, old));
    pods.onChange((pod, old) => this.#onPod(pod, old));
    await Promise.all([nodes, pods, namespaces, budgets, volumes, groups].map((seen) => seen.synced()));
    this.#queue.onActive(() => this.#wake());
    this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#queue.close();
  }

  /** Of pods in the queue, all of which are ours. */
  #profileOf({ spec }: Pod): ProfileInUse {
    return this.#profiles.get(spec.schedulerName ?? '')!;
  }

  #onNode(node: Node | undefined, old: Node | undefined): void {
    if (!node) {
      const name = old?.metadata.name ?? '';
      this.#cache.removeNode(name);
      this.#queue.onEvent({ type: 'NodeRemoved', name });
      return;
    }
    const info = this.#cache.setNode(node);
    if (!old) this.#queue.onEvent({ type: 'NodeAdded', node: info });
    else if (mattersForScheduling(node, old)) this.#queue.onEvent({ type: 'NodeUpdated', node: info });
  }

  #onPod(pod: Pod | undefined, old: Pod | undefined): void {
    if (!pod) {
      const gone = old!;
      const uid = gone.metadata.uid ?? '';
      this.#queue.delete(keyOf(gone));
      this.#deps.volumes.podGone(uid);
      const hadRoom = gone.spec.nodeName || this.#cache.isAssumed(uid);
      this.#cache.removePod(uid);
      this.#cache.withdraw(uid);
      if (hadRoom) this.#queue.onEvent({ type: 'PodRemoved', pod: gone });
      return;
    }
    if (pod.spec.nodeName) {
      this.#onAssigned(pod, old);
      return;
    }
    if (!this.#profiles.has(pod.spec.schedulerName ?? '') || isFinished(pod) || pod.metadata.deletionTimestamp) {
      this.#queue.delete(keyOf(pod));
      return;
    }
    const { nominatedNodeName } = pod.status ?? {};
    const nominationChanged = nominatedNodeName !== old?.status?.nominatedNodeName;
    const isAssumed = this.#cache.isAssumed(pod.metadata.uid ?? '');
    if (nominationChanged && nominatedNodeName) {
      // What is on its way has its place already.
      if (!isAssumed) this.#cache.nominate(podInfoOf(pod), nominatedNodeName);
    } else if (nominationChanged) this.#cache.withdraw(pod.metadata.uid ?? '');
    // The status that this scheduler writes itself is no reason to look again, unless it has taken a place away.
    const hasLost = nominationChanged && !nominatedNodeName;
    const changed =
      !old || hasLost || !jsonEqual(pod.spec, old.spec) || !jsonEqual(pod.metadata.labels, old.metadata.labels);
    // After its binding is written the watch may still show it from before.
    const isBound = isAssumed && !this.#queue.isInCycle(keyOf(pod));
    if (changed && !isBound) this.#queue.set(pod);
  }

  #onAssigned(pod: Pod, old: Pod | undefined): void {
    if (!old?.spec.nodeName) {
      this.#queue.delete(keyOf(pod));
      this.#cache.withdraw(pod.metadata.uid ?? '');
    }
    const wasRunning = old?.spec.nodeName && !isFinished(old);
    this.#cache.setPod(pod);
    if (isFinished(pod)) {
      if (wasRunning) this.#queue.onEvent({ type: 'PodRemoved', pod });
    } else if (!old?.spec.nodeName) this.#queue.onEvent({ type: 'PodAssigned', pod });
    else if (!jsonEqual(pod.metadata.labels, old.metadata.labels) || isResized(pod, old))
      this.#queue.onEvent({ type: 'PodUpdated', old, pod });
  }

  #wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    setImmediate(() => this.#run());
  }

  #run(): void {
    this.#scheduled = false;
    const { clock } = this.#deps;
    const untilMs = clock.monotonicMs() + turnMs;
    while (!this.#stopped && !this.#asking) {
      const pod = this.#queue.pop();
      if (!pod) return;
      this.#schedule(pod);
      if (clock.monotonicMs() > untilMs) {
        this.#wake();
        return;
      }
    }
  }

  #schedule(queued: QueuedPod): void {
    const { plugins, percentageOfNodesToScore, meter } = this.#profileOf(queued.info.pod);
    Object.assign(this.#cycle, { percentageOfNodesToScore, meter });
    const extenders = this.#deps.extenders?.for(queued.info.pod);
    if (extenders) {
      this.#asking = true;
      void this.#scheduleWith(extenders, queued, plugins);
      return;
    }
    try {
      this.#settle(queued, schedulePod(plugins, queued.info, this.#cache, this.#cycle));
    } catch (err) {
      this.#cycleFailed(queued, err);
    }
  }

  async #scheduleWith(extenders: Extenders, queued: QueuedPod, plugins: Profile['plugins']): Promise<void> {
    const { info, key } = queued;
    try {
      const result = await schedulePodWith(extenders, plugins, info, this.#cache, this.#cycle);
      // Meanwhile it may have got a node, or be gone.
      if (!this.#stopped && this.#queue.isInCycle(key)) this.#settle(queued, result);
    } catch (err) {
      if (!this.#stopped && this.#queue.isInCycle(key)) this.#cycleFailed(queued, err);
    }
    this.#asking = false;
    this.#wake();
  }

  #settle(queued: QueuedPod, result: CycleResult): void {
    if (result.type === 'none') {
      this.#turnAway(queued, result);
      return;
    }
    const { clock, metrics } = this.#deps;
    metrics.found(clock.monotonicMs() - queued.takenAtMs);
    this.#cache.assume(queued.info, result.node.name);
    this.#cache.withdraw(queued.info.uid);
    this.#reserve(queued, result);
  }

  #cycleFailed(queued: QueuedPod, err: unknown): void {
    this.#countAttempt(queued, 'error');
    this.#deps.log.error({ err, pod: queued.key }, 'scheduling cycle failed');
    this.#cache.withdraw(queued.info.uid);
    this.#reportFailure(queued.info.pod, 'SchedulerError', messageOf(err));
    this.#queue.retry(queued);
  }

  #countAttempt({ info, takenAtMs }: QueuedPod, result: AttemptResult): void {
    const { clock, metrics } = this.#deps;
    metrics.attempt(result, this.#profileOf(info.pod).name, clock.monotonicMs() - takenAtMs);
  }

  /** No node fits: the pod waits for an event, or room is made for it. */
  #turnAway(queued: QueuedPod, result: Extract<CycleResult, { type: 'none' }>): void {
    const { after, diagnosis } = result;
    const { info } = queued;
    this.#countAttempt(queued, 'unschedulable');
    if (after) this.#deps.metrics.preempting();
    const rejectedBy = rejectingPlugins(diagnosis);
    const preemption = after && 'preemption' in after ? after.preemption : undefined;
    const keeps = after && 'message' in after && after.keepsNomination;
    const before = this.#cache.nominationOf(info.uid);
    if (preemption) this.#cache.nominate(info, preemption.node.name);
    else if (before !== undefined && !keeps) this.#cache.withdraw(info.uid);
    const nomination = this.#cache.nominationOf(info.uid);
    const change = nomination === before ? {} : { nominatedNodeName: nomination ?? null };
    this.#reportFailure(info.pod, 'Unschedulable', describeFailure(result), change);
    if (preemption) void this.#preempt(queued, preemption).finally(() => this.#queue.reject(queued, rejectedBy));
    else this.#queue.reject(queued, rejectedBy);
  }

  /** Until the victims are told to end the pod stays in its cycle, so that it hears of each that goes. */
  async #preempt({ info, key }: QueuedPod, preemption: Preemption): Promise<void> {
    const { metrics, log } = this.#deps;
    const { node, victims } = preemption;
    metrics.preempted(victims.length);
    try {
      await endVictims({ ...this.#deps, ...this.#profileOf(info.pod) }, info, preemption);
    } catch (err) {
      log.warn({ err, pod: key, node: node.name }, 'room for a pod could not be made');
      this.#cache.withdraw(info.uid);
      this.#writeStatus(info.pod, { nominatedNodeName: null });
      return;
    }
    // What is less important and waited for the same place has to look anew.
    for (const other of [...(this.#cache.nominatedTo(node.name) ?? [])]) {
      if (priorityOf(other) >= priorityOf(info)) continue;
      this.#cache.withdraw(other.uid);
      this.#writeStatus(other.pod, { nominatedNodeName: null });
    }
  }

  /** Takes what the pod needs on its node, and binds it: at once, or when everything is there that it waits for. */
  #reserve(queued: QueuedPod, found: Found): void {
    const { info } = queued;
    const { node, state } = found;
    const { reserving, meter } = this.#profileOf(info.pod);
    const endReserve = meter.start('Reserve');
    for (const plugin of reserving) plugin.reserve!(state, info, node, this.#cache);
    endReserve();
    const bind = () => this.#inTurn(() => this.#bind(queued, found));
    for (const plugin of reserving) {
      const preparation = plugin.preBind?.(state, info, node, this.#cache);
      if (!preparation) continue;
      this.#queue.found(queued);
      const end = meter.start('PreBind');
      // Who looks on, as an autoscaler does, is told where the pod goes while that takes its time.
      const told = this.#writeStatus(info.pod, { nominatedNodeName: node.name });
      const failed = async (err: Error) => {
        end('Error');
        await told;
        this.#bindingFailed(queued, found, err, `running PreBind plugin "${plugin.name}": ${err.message}`);
      };
      void Promise.all([preparation, told]).then(() => {
        end();
        return bind();
      }, failed);
      return;
    }
    void bind();
  }

  async #bind(queued: QueuedPod, found: Found): Promise<void> {
    const { client, clock, metrics } = this.#deps;
    const { pod, uid } = queued.info;
    const { recorder, meter } = this.#profileOf(pod);
    const extenders = this.#deps.extenders?.for(pod);
    const end = meter.start('Bind');
    const { name = '', namespace = '' } = pod.metadata;
    const node = found.node.name;
    let binder = '';
    try {
      if (!(await extenders?.bind(pod, node))) {
        binder = 'running Bind plugin "DefaultBinder": ';
        await client.resource(PodKind).createSubresource({ name, namespace }, 'binding', {
          kind: BindingKind.kind,
          apiVersion: BindingKind.apiVersion,
          metadata: { name, namespace, uid },
          target: { kind: NodeKind.kind, name: node },
        });
      }
    } catch (err) {
      end('Error');
      this.#bindingFailed(queued, found, err, `binding rejected: ${binder}${messageOf(err)}`);
      return;
    }
    end();
    this.#countAttempt(queued, 'scheduled');
    metrics.bound(queued.attempts, clock.monotonicMs() - queued.addedAtMs);
    this.#queue.done(queued);
    recorder.event(targetOf(PodKind, pod), {
      type: 'Normal',
      reason: 'Scheduled',
      action: 'Binding',
      message: `Successfully assigned ${namespace}/${name} to ${node}`,
    });
  }

  #bindingFailed(queued: QueuedPod, { node, state }: Found, err: unknown, why: string): void {
    const { info, key } = queued;
    const { pod, uid } = info;
    this.#countAttempt(queued, 'error');
    const wasAssumed = this.#cache.isAssumed(uid);
    if (wasAssumed) this.#cache.forget(uid);
    for (const plugin of this.#profileOf(pod).reserving) plugin.unreserve?.(state, info, node, this.#cache);
    if (isNotFound(err)) this.#queue.done(queued);
    else this.#queue.retry(queued);
    if (wasAssumed) this.#queue.onEvent({ type: 'PodRemoved', pod });
    // Conflict: somebody else bound it, or it is being deleted; the watch will say.
    if (isConflict(err) || isNotFound(err)) return;
    this.#deps.log.warn({ err, pod: key, node: node.name }, 'binding failed');
    this.#reportFailure(pod, 'SchedulerError', why);
  }

  /** Says why a pod has no node, in an event and in its PodScheduled condition. */
  #reportFailure(
    pod: Pod,
    reason: 'Unschedulable' | 'SchedulerError',
    message: string,
    change: { nominatedNodeName?: string | null } = reason === 'SchedulerError' ? { nominatedNodeName: null } : {},
  ): void {
    const { pods, clock } = this.#deps;
    const { recorder } = this.#profileOf(pod);
    recorder.event(targetOf(PodKind, pod), {
      type: 'Warning',
      reason: 'FailedScheduling',
      action: 'Scheduling',
      message,
    });
    // The queue's copy of the pod is from before this scheduler wrote its status.
    const { status } = pods.lister.get(keyOf(pod)) ?? pod;
    const before = status?.conditions?.find((c) => c.type === 'PodScheduled');
    const isSame = before?.status === 'False' && before.message === message && before.reason === reason;
    if (isSame && change.nominatedNodeName === undefined) return;
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : timestamp(clock.now()),
      ...(pod.metadata.generation ? { observedGeneration: pod.metadata.generation } : {}),
    };
    this.#writeStatus(pod, { ...change, conditions: [condition] });
  }

  #writeStatus(pod: Pod, status: object): Promise<unknown> {
    const { client, log } = this.#deps;
    const { name = '', namespace = '', uid } = pod.metadata;
    return client
      .resource(PodKind)
      .patch({ name, namespace }, { metadata: { uid }, status }, { type: 'strategic', subresource: 'status' })
      .catch((err) => {
        if (!isNotFound(err) && !isConflict(err))
          log.warn({ err, pod: keyOf(pod) }, 'status of a pod without a node not written');
      });
  }
}

/** Those that an event has to help: who turned nodes down, and who left some out. */
function rejectingPlugins({ rejections, others, narrowedBy }: Diagnosis): Plugin[] {
  const plugins = new Set(narrowedBy);
  if (others) plugins.add(others.plugin);
  for (const { plugin } of rejections.values()) plugins.add(plugin);
  return [...plugins];
}

function isResized(pod: Pod, old: Pod): boolean {
  const sizesOf = ({ spec, status }: Pod) => [
    spec.containers.map(({ resources }) => resources),
    (status?.containerStatuses ?? []).map(({ resources, allocatedResources }) => [resources, allocatedResources]),
  ];
  if (jsonEqual(sizesOf(pod), sizesOf(old))) return false;
  return !jsonEqual(podInfoOf(pod).requests, podInfoOf(old).requests);
}

/** A heartbeat changes a node too, and no pod fits better for it. */
function mattersForScheduling(node: Node, old: Node): boolean {
  return (
    !jsonEqual(node.spec, old.spec) ||
    !jsonEqual(node.metadata.labels, old.metadata.labels) ||
    !jsonEqual(node.status?.declaredFeatures, old.status?.declaredFeatures) ||
    !jsonEqual(node.status?.allocatable, old.status?.allocatable)
  );
}
