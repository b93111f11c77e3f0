// One pod on this node: a state machine fed by the API, the runtime, probes and timers. Whatever
// wakes it, it reads what the runtime has, decides and acts; nothing it must remember is lost with
// the process. Upstream: pkg/kubelet/pod_workers.go and syncPod.
//
//   active ──deleted, out of time, complete──> ending ──all stopped──> ended ──deleted──> finished

import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import { unlessGone } from '../../machinery/errors.ts';
import type { Logger } from '../../machinery/log.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import { PodResizer } from '../resize/pod-resizer.ts';
import type { PendingResize, ResizeRefusal } from '../resize/resize-admission.ts';
import { isStaticPod } from '../static/static-pod-file.ts';
import { StatusWriter } from '../status/status-writer.ts';
import { PodVolumes } from '../volumes/pod-volumes.ts';
import { ExitWaiters } from './exit-waiters.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { type ContainerStop, containersForAll, isComplete, planPod } from './plan.ts';
import { endPod } from './pod-removal.ts';
import { type Phase, PodReporter, type Verdict } from './pod-reporter.ts';
import { PodRuntime } from './pod-runtime.ts';
import { PodStarter } from './pod-starter.ts';
import { PodStopper } from './pod-stopper.ts';
import {
  defaultGraceSeconds,
  describePod,
  ephemeralContainersOf,
  eventTarget,
  findContainer,
  isFinished,
  isInitOnly,
  uidOf,
} from './pod-text.ts';
import { hasExited, isRunning, nameOf, readySandbox, runningContainers } from './runtime-state.ts';
import { VolumeSync } from './volume-sync.ts';
import { WakeLoop } from './wake-loop.ts';

const evictionGraceSeconds = 1;

export interface PodWorkerOptions {
  pod: Pod;
  /** Sandboxes that the runtime has of this pod already. */
  sandboxIds: readonly string[];
  /** Called when nothing of the pod runs any more: what it took is free. */
  onEnded(): void;
  /** Called once, when nothing of the pod is left here. */
  onFinished(): void;
}

export class PodWorker {
  readonly #deps: KubeletDeps;
  readonly #log: Logger;
  readonly #told: Pick<PodWorkerOptions, 'onEnded' | 'onFinished'>;
  readonly #writer: StatusWriter;
  readonly runtime: PodRuntime;
  readonly volumes: PodVolumes;
  readonly #starter: PodStarter;
  readonly #stopper: PodStopper;
  readonly #startTime: string;
  readonly #reporter: PodReporter;
  /** As the API server has it. */
  #desired: Pod;
  /** With the resources that it has been given. */
  #pod: Pod;
  readonly #resizer: PodResizer;
  #phase: Phase = 'active';
  /** When the pod was seen; undefined once it is being worked on. */
  #seenMs: number | undefined;
  #verdict: Verdict | undefined;
  #isGone = false;
  #hostsFor = '';
  readonly #loop: WakeLoop;
  readonly #volumeSync: VolumeSync;
  readonly #exits = new ExitWaiters();

  constructor(deps: KubeletDeps, { pod, sandboxIds, onEnded, onFinished }: PodWorkerOptions) {
    this.#deps = deps;
    this.#seenMs = deps.clock.monotonicMs();
    this.#resizer = new PodResizer(deps, pod, pod.status?.conditions ?? []);
    this.#desired = pod;
    this.#pod = this.#resizer.allocated(pod);
    this.#told = { onEnded, onFinished };
    this.#log = deps.log.child({ pod: describePod(pod) });
    this.#startTime = pod.status?.startTime ?? timestamp(deps.clock.now());
    const isStatic = isStaticPod(pod);
    this.#writer = new StatusWriter({ pods: deps.pods, clock: deps.clock, log: this.#log }, pod, { isStatic });
    this.runtime = new PodRuntime(deps.cri, uidOf(pod), sandboxIds);
    this.volumes = new PodVolumes(deps.volumes, uidOf(pod));
    this.#volumeSync = new VolumeSync(deps, this.volumes);
    this.#starter = new PodStarter(deps, this.runtime, this.volumes);
    this.#stopper = new PodStopper(deps, () => this.noteRuntimeChange());
    this.#reporter = new PodReporter(deps, {
      writer: this.#writer,
      runtime: this.runtime,
      starter: this.#starter,
      resizer: this.#resizer,
      startTime: this.#startTime,
      wasReady: sandboxIds.length > 0,
    });
    this.#loop = new WakeLoop({
      clock: deps.clock,
      run: () => this.#pass(),
      onFailure: (err, delayMs) => {
        this.#log.warn({ err, delayMs }, 'pod not synced; trying again');
        this.runtime.noteChange();
      },
    });
  }

  /** The pod with the resources that it has been given. */
  get pod(): Pod {
    return this.#pod;
  }

  /** What the pod waits for that asks for other resources than it has been given. */
  get pendingResize(): PendingResize | undefined {
    const [desired, allocated] = [this.#desired, this.#pod];
    if (!this.isActive || !this.#resizer.isPending(desired)) return undefined;
    const since = this.status.conditions?.find((c) => c.type === 'PodResizePending')?.lastTransitionTime;
    return { desired, allocated, since };
  }

  /** The node takes the pod on, as `pod` says. */
  keep(): void {
    this.#resizer.keep(this.#pod);
  }

  /** Gives the pod the resources that it asks for, or says why not. */
  resize(refusal: ResizeRefusal | undefined): void {
    if (refusal) {
      if (this.#resizer.refuse(this.#desired, refusal)) this.wake();
      return;
    }
    this.#resizer.grant(this.#desired);
    this.#pod = this.#resizer.allocated(this.#desired);
    this.wake();
  }

  /** The newest status, written or about to be. */
  get status(): PodStatus {
    return this.#writer.current;
  }

  /** Whether the pod takes up resources of the node. */
  get isTakingResources(): boolean {
    return this.#phase === 'active' || this.#phase === 'ending';
  }

  /** Whether what it asks for is the node's to count. Of a pod that was deleted at once nobody else knows any more. */
  get isCounted(): boolean {
    return this.isTakingResources && !this.#isGone;
  }

  /** Whether the pod is to run, and nothing has ended it yet. */
  get isActive(): boolean {
    return this.#phase === 'active';
  }

  /** The pod as the API server has it now. */
  update(pod: Pod): void {
    const changed =
      pod.metadata.labels !== this.#pod.metadata.labels || pod.metadata.annotations !== this.#pod.metadata.annotations;
    this.#desired = pod;
    this.#pod = this.#resizer.allocated(pod);
    this.#writer.observe(pod);
    if (changed) this.noteObjectChange();
    else this.wake();
  }

  /** What stands for a static pod in the API server. */
  mirrorTo(mirror: Pod | undefined): void {
    this.#writer.mirrorTo(mirror);
  }

  /** The pod is gone from the API server, or from the node's files. */
  remove(last: Pod): void {
    this.#desired = last;
    this.#pod = this.#resizer.allocated(last);
    this.#isGone = true;
    this.#writer.close();
    this.wake();
  }

  /** A ConfigMap or Secret of the pod has changed, or what the pod tells of itself. */
  noteObjectChange(): void {
    this.#volumeSync.noteChange();
    this.#starter.retryNow();
    this.wake();
  }

  /** Refuses the pod: it never runs here. */
  reject({ reason, message }: Verdict): void {
    this.#deps.events.event(eventTarget(this.#pod), 'Warning', reason, message);
    this.#phase = 'ended';
    const { qosClass } = this.#pod.status ?? {};
    const { generation } = this.#pod.metadata;
    this.#writer.write({
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      phase: 'Failed',
      reason,
      message: `Pod was rejected: ${message}`,
      startTime: this.#startTime,
      ...(qosClass ? { qosClass } : {}),
    });
  }

  /** Ends a pod that has taken more of the node than it may. Answers whether it was not ending already. */
  evict(message: string, { graceSeconds = evictionGraceSeconds, isDisruption = false } = {}): boolean {
    if (!this.isActive) return false;
    this.#endFor({ reason: 'Evicted', message, isDisruption }, 'Warning', graceSeconds);
    this.wake();
    return true;
  }

  /** Removes what ended containers have left, and their logs, when the pod has run its course. */
  async removeRecords(): Promise<void> {
    if (this.#phase === 'ended') await this.runtime.removeAll();
  }

  #endFor(verdict: Verdict, eventType: 'Normal' | 'Warning', graceSeconds: number): void {
    this.#verdict = verdict;
    this.#deps.events.event(eventTarget(this.#pod), eventType, verdict.reason, verdict.message);
    this.#beginEnding(graceSeconds);
  }

  /** Something may have changed: looks at the pod, now or right after what it is doing. */
  wake(): void {
    this.#loop.wake();
  }

  /** The runtime may have something else of the pod than before. */
  noteRuntimeChange(): void {
    this.runtime.noteChange();
    this.wake();
  }

  async #readRuntime(): Promise<void> {
    if (!this.runtime.isStale) return;
    this.#stopper.forgetEnded();
    await this.runtime.refresh();
  }

  #pass(): Promise<void> {
    const { work, clock } = this.#deps;
    if (!work) return this.#sync();
    if (this.#seenMs !== undefined) work.begins(clock.monotonicMs() - this.#seenMs);
    this.#seenMs = undefined;
    const kind = { active: 'sync', ending: 'terminating', ended: 'terminated', finished: 'terminated' } as const;
    return work.pass(kind[this.#phase], () => this.#sync());
  }

  async #sync(): Promise<void> {
    if (this.#phase === 'ended') return this.#syncEnded();
    const seen = this.#starter.finished;
    await this.#readRuntime();
    this.#exits.tell(this.runtime.state);
    this.#judge();
    this.#watchProbes();
    if (this.#phase === 'ending') return this.#syncEnding();
    this.#writeStatus();
    await this.#syncActive(seen);
  }

  /** Whether the pod has to end, and why. */
  #judge(): void {
    const { metadata, spec } = this.#pod;
    const { clock } = this.#deps;
    const isDeleted = this.#isGone || metadata.deletionTimestamp !== undefined;
    if (isDeleted) {
      const grace = metadata.deletionGracePeriodSeconds ?? spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
      this.#beginEnding(Math.max(1, grace));
      return;
    }
    if (this.#phase !== 'active') return;
    const grace = spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
    if (isFinished(this.#pod) || isComplete(this.#pod, this.runtime.state)) {
      this.#beginEnding(grace);
      return;
    }
    if (spec.activeDeadlineSeconds === undefined) return;
    const leftMs = Date.parse(this.#startTime) + spec.activeDeadlineSeconds * 1000 - clock.now();
    if (leftMs > 0) {
      this.#loop.wakeAfter(leftMs);
      return;
    }
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#endFor({ reason: 'DeadlineExceeded', message }, 'Normal', grace);
  }

  #beginEnding(graceSeconds: number): void {
    if (this.#phase === 'active') {
      this.#phase = 'ending';
      this.#deps.probes.stopRestarts(uidOf(this.#pod));
    }
    this.#stopper.limitGrace(graceSeconds);
  }

  /** Probes the containers that run, and no others. */
  #watchProbes(): void {
    const { probes } = this.#deps;
    const podIp = this.#podIp();
    for (const runtime of this.runtime.state.containers) {
      if (hasExited(runtime)) {
        probes.unwatch(runtime.id);
        continue;
      }
      const name = nameOf(runtime);
      const container = findContainer(this.#pod, name);
      if (this.#phase !== 'active' || !container || !isRunning(runtime)) continue;
      if (runtime.id === this.#starter.startingId || isInitOnly(this.#pod, name)) continue;
      const known = this.#writer.saidOf(runtime.id);
      const verdict = { ready: known?.ready ?? false, started: known?.started ?? false };
      probes.watch({ pod: this.#pod, container, containerId: runtime.id, podIp }, runtime, verdict);
    }
  }

  #podIp(): string {
    return this.#starter.addresses(this.#pod).podIps[0] ?? this.#pod.status?.podIP ?? '';
  }

  async #syncActive(seen: number): Promise<void> {
    const volumes = await this.#volumeSync.sync(this.#pod, this.#starter.addresses(this.#pod));
    if (volumes.wakeAfterMs !== undefined) this.#loop.wakeAfter(volumes.wakeAfterMs);
    if (!volumes.isReady) return;
    let plan = this.#plan();
    if (plan.restartAll) return this.#restartAll();
    if (plan.createSandbox) {
      if (this.#starter.isBusy) return;
      this.#starter.announceNextSandbox(this.#pod);
      // What still runs in the old one ends as it would with its pod.
      if (!this.#stopper.stopAll(this.#pod, this.runtime.state, this.#podIp())) return;
      await this.#starter.createSandbox(this.#pod);
      this.#writeStatus();
      plan = this.#plan();
    }
    this.#syncHosts();
    const retryMs = await this.#resizer.sync(this.#desired, this.runtime);
    if (retryMs !== undefined) this.#loop.wakeAfter(retryMs);
    for (const stop of plan.stop) {
      const runtime = this.runtime.state.containers.find((c) => c.id === stop.id)!;
      if (stop.reason === 'Changed') this.runtime.noteReplaced(stop.id);
      const graceSeconds = this.#graceAfterProbe(stop.name, stop.reason);
      const onEnd = () => stop.reason === 'Unknown' && this.runtime.noteReplaced(stop.id);
      this.#stopper.stop(this.#pod, runtime, { message: stop.message, graceSeconds, podIp: this.#podIp(), onEnd });
    }
    const againMs = this.#starter.start(this.#pod, plan.start, { seen, onDone: () => this.noteRuntimeChange() });
    if (againMs !== undefined) this.#loop.wakeAfter(againMs);
    // A container that has to wait for its restart says so.
    this.#writeStatus();
    await this.runtime.collectGarbage();
  }

  /** Ends all containers, without hooks, and then forgets them; those that it is for go last. */
  async #restartAll(): Promise<void> {
    if (this.#starter.isBusy) return;
    const { state } = this.runtime;
    const running = runningContainers(state);
    for (const container of running)
      this.#stopper.stop(this.#pod, container, { message: 'killing', graceSeconds: 0, podIp: this.#podIp() });
    if (running.length > 0) return;
    const causes = containersForAll(this.#pod, state);
    const isEphemeral = (c: ContainerStatus) => ephemeralContainersOf(this.#pod).some(({ name }) => name === nameOf(c));
    await this.runtime.remove([...state.containers.filter((c) => !causes.includes(c) && !isEphemeral(c)), ...causes]);
    this.#starter.forget();
    this.#writeStatus();
    this.wake();
  }

  #plan() {
    const { probes } = this.#deps;
    const restarts = new Set(this.#resizer.plan(this.#pod, this.runtime).flatMap((c) => (c.needsRestart ? c.id : [])));
    return planPod({
      pod: this.#pod,
      state: this.runtime.state,
      hasStarted: (c) => this.#reporter.hasStarted(this.#pod, c.id, nameOf(c)),
      failedProbe: (id) => (this.#stopper.isStopping(id) ? undefined : probes.failedProbe(id)),
      needsResizeRestart: (id) => restarts.has(id),
    });
  }

  #graceAfterProbe(name: string, reason: ContainerStop['reason']): number {
    const container = findContainer(this.#pod, name);
    const { livenessProbe: LivenessProbe, startupProbe: StartupProbe } = container ?? {};
    const probe = { LivenessProbe, StartupProbe, Changed: undefined, Unknown: undefined }[reason];
    return probe?.terminationGracePeriodSeconds ?? this.#pod.spec.terminationGracePeriodSeconds ?? defaultGraceSeconds;
  }

  /** The hosts file names the sandbox's address; written again when that changes. */
  #syncHosts(): void {
    const key = this.#podIp();
    if (key === this.#hostsFor) return;
    this.#starter.writeHosts(this.#pod);
    this.#hostsFor = key;
  }

  async #syncEnding(): Promise<void> {
    await this.#starter.halt();
    await this.#readRuntime();
    if (!this.#stopper.stopAll(this.#pod, this.runtime.state, this.#podIp())) {
      // Those that end early show while the others still run; of a deleted pod it shows who may still be asked.
      if (!this.#pod.metadata.deletionTimestamp || this.#reporter.hasOtherReadiness(this.#pod)) this.#writeStatus();
      return;
    }
    if (!this.#pod.metadata.deletionTimestamp) this.#writeStatus();
    for (const sandbox of this.runtime.state.sandboxes) {
      if (sandbox.state === 'SANDBOX_READY')
        await this.#deps.cri.runtime.StopPodSandbox({ pod_sandbox_id: sandbox.id });
    }
    await this.runtime.refresh();
    this.#exits.tell(this.runtime.state);
    this.#phase = 'ended';
    this.#writeStatus();
    this.#told.onEnded();
    this.#deps.probes.forgetPod(uidOf(this.#pod));
    await this.#syncEnded();
  }

  /** Frees what an ended pod holds; removes a deleted one altogether. */
  async #syncEnded(): Promise<void> {
    const isDeleted = this.#isGone || this.#pod.metadata.deletionTimestamp !== undefined;
    await endPod(this.#deps, this.#pod, { runtime: this.runtime, volumes: this.volumes, isDeleted });
    if (!isDeleted) return;
    await this.#writer.flushed();
    if (!this.#isGone) await this.#deleteFromApi();
    this.#phase = 'finished';
    this.#exits.tell(this.runtime.state);
    this.#loop.stop();
    this.#writer.close();
    this.#told.onFinished();
  }

  async #deleteFromApi(): Promise<void> {
    const { name = '', namespace = '', uid = '' } = this.#pod.metadata;
    await unlessGone(this.#deps.pods.delete({ namespace, name }, { gracePeriodSeconds: 0, uid }));
  }

  #writeStatus(): void {
    if (!this.#isGone) this.#reporter.report(this.#pod, this.#phase, this.#verdict);
  }

  /** Resolves when a container does not run any more. */
  whenExited(containerId: string): Promise<void> {
    const exited = this.#exits.wait(containerId);
    this.#exits.tell(this.runtime.state);
    return exited;
  }

  /** For questions about containers from outside, as of logs: the sandbox that stands. */
  get sandboxId(): string | undefined {
    return readySandbox(this.runtime.state)?.id;
  }
}
