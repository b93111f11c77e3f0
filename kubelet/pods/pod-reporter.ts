// What is said of a pod: its status, made of all that is known of it here, and how long its start took.
import type { PodStatus } from '../../api/core/pod/pod-status.ts';
import type { ResourceRequirements } from '../../api/core/pod/resources.ts';
import type { Pod } from '../../api/core/pod.ts';
import { isTrue } from '../../machinery/conditions.ts';
import type { PodResizer } from '../resize/pod-resizer.ts';
import { computePodStatus } from '../status/pod-status.ts';
import type { StatusWriter } from '../status/status-writer.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import type { PodRuntime } from './pod-runtime.ts';
import type { PodStarter } from './pod-starter.ts';
import { findContainer, isFinished, uidOf } from './pod-text.ts';
import { isRunning, nameOf } from './runtime-state.ts';

/** How far a pod has come; nothing of one that is finished is left here. */
export type Phase = 'active' | 'ending' | 'ended' | 'finished';

/** Why a pod ends. */
export interface Verdict {
  reason: string;
  message: string;
  /** The pod ends for what the node lacks, and no fault of its own. */
  isDisruption?: boolean;
}

export interface ReporterParts {
  writer: StatusWriter;
  runtime: PodRuntime;
  starter: PodStarter;
  resizer: PodResizer;
  startTime: string;
  /** One that runs already, as after a restart of the kubelet, tells nothing about starts. */
  wasReady: boolean;
}

export class PodReporter {
  readonly #deps: KubeletDeps;
  readonly #parts: ReporterParts;
  readonly #createdMs: number;
  #wasReady: boolean;

  constructor(deps: KubeletDeps, parts: ReporterParts) {
    this.#deps = deps;
    this.#parts = parts;
    this.#createdMs = deps.clock.monotonicMs();
    this.#wasReady = parts.wasReady;
  }

  /** Writes the status of the pod as it is now. */
  report(pod: Pod, phase: Phase, verdict: Verdict | undefined): void {
    const { writer, runtime, starter, resizer, startTime } = this.#parts;
    // A pod that has run its course keeps what was said of it, also when its containers are gone.
    if (isFinished(pod) && runtime.state.containers.length === 0) return;
    const { probes, clock, nodeIp, runtimeName } = this.#deps;
    const isEnded = phase === 'ended';
    const status = computePodStatus(pod, {
      state: runtime.state,
      known: writer.current,
      nodeIp,
      runtimeName,
      nowMs: clock.now(),
      startTime,
      problemOf: (name) => starter.problemOf(name),
      terminationMessageOf: (c) => runtime.terminationMessageOf(c),
      hasStarted: (c) => this.hasStarted(pod, c.id, nameOf(c)),
      isReady: (c) => {
        const container = findContainer(pod, nameOf(c));
        return !container || probes.isReady(c.id, container);
      },
      startingId: starter.startingId,
      isEnding: phase !== 'active',
      isEnded,
      verdict: isEnded && verdict ? { reason: verdict.reason, message: verdict.message } : undefined,
      disruption: verdict?.isDisruption ? verdict.message : undefined,
      resize: resizer.state,
      resourcesInForce: (c) => this.#resourcesInForce(pod, c.id),
    });
    this.#observeReady(pod, status);
    writer.write(status);
  }

  /** Whether a container has got beyond its start: its hook and its startup probe. */
  hasStarted(pod: Pod, id: string, name: string): boolean {
    const container = findContainer(pod, name);
    return id !== this.#parts.starter.startingId && (!container || this.#deps.probes.hasStarted(id, container));
  }

  /** Whether a container that runs on while its pod ends is ready or not, other than was last said of it. */
  hasOtherReadiness(pod: Pod): boolean {
    const { writer, runtime } = this.#parts;
    return runtime.state.containers.some((c) => {
      const container = isRunning(c) ? findContainer(pod, nameOf(c)) : undefined;
      const known = container?.readinessProbe && writer.saidOf(c.id);
      return known && known.ready !== this.#deps.probes.isReady(c.id, container);
    });
  }

  /** What was last said of a running container that does not have yet what the pod has been given. */
  #resourcesInForce(pod: Pod, containerId: string): ResourceRequirements | undefined {
    const { writer, runtime, resizer } = this.#parts;
    if (!resizer.plan(pod, runtime).some(({ id }) => id === containerId)) return undefined;
    return writer.saidOf(containerId)?.resources;
  }

  #observeReady(pod: Pod, { conditions, containerStatuses = [] }: PodStatus): void {
    if (this.#wasReady || !isTrue(conditions, 'Ready')) return;
    this.#wasReady = true;
    const { metrics, images, clock } = this.#deps;
    metrics.observePodStart(clock.monotonicMs() - this.#createdMs);
    const began = containerStatuses.map(({ state }) => Date.parse(state?.running?.startedAt ?? ''));
    const created = Date.parse(pod.metadata.creationTimestamp ?? '');
    metrics.observeContainersStart(Math.max(...began) - created, images.pullingMs(uidOf(pod)));
  }
}
