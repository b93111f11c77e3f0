// The probes of all running containers of this node: begins, keeps and ends their workers, and answers what they found.
// Upstream: pkg/kubelet/prober/prober_manager.go.
import type { Container } from '../../api/core/pod/container.ts';
import type { Probe } from '../../api/core/pod/probe.ts';
import type { EventRecorder } from '../../client/events.ts';
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import type { ContainerStatus } from '../../proto/cri.gen.ts';
import { eventTarget } from '../pods/pod-text.ts';
import { millisOf } from '../pods/runtime-state.ts';
import type { ProbeMetrics } from './probe-metrics.ts';
import { type ProbeResult, type Prober, type ProbeTarget, unknown } from './probe-result.ts';
import { type ProbeKind, ProbeWorker } from './probe-worker.ts';

const probeTypes = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;
export type Probers = Record<(typeof probeTypes)[number], Prober>;

export interface ContainerProbesDeps {
  probers: Probers;
  clock: Clock;
  events: EventRecorder;
  metrics: ProbeMetrics;
  /** A verdict changed: the pod has to be looked at. */
  onVerdict(podUid: string): void;
}

interface Probed {
  podUid: string;
  workers: Partial<Record<ProbeKind, ProbeWorker>>;
  failed: 'LivenessProbe' | 'StartupProbe' | undefined;
}

export class ContainerProbes {
  readonly #deps: ContainerProbesDeps;
  readonly #probed = new Map<string, Probed>();

  constructor(deps: ContainerProbesDeps) {
    this.#deps = deps;
  }

  /**
   * A container runs: its probes run from now on. `known` is what the API server says of it already, so that a restarted
   * kubelet does not take it back. Idempotent.
   */
  watch(target: ProbeTarget, runtime: ContainerStatus, known: { ready: boolean; started: boolean }): void {
    const { container, containerId, pod } = target;
    const { startupProbe, livenessProbe, readinessProbe } = container;
    if (this.#probed.has(containerId) || (!startupProbe && !livenessProbe && !readinessProbe)) return;
    const entry: Probed = { podUid: pod.metadata.uid ?? '', workers: {}, failed: undefined };
    this.#probed.set(containerId, entry);
    const startedAtMs = millisOf(runtime.started_at);
    const add = (kind: ProbeKind, probe: Probe | undefined, initial: boolean) => {
      if (probe) entry.workers[kind] = this.#createWorker({ kind, probe, initial, startedAtMs }, target, entry);
    };
    const { started } = known;
    add('Startup', startupProbe, started);
    add('Liveness', livenessProbe, true);
    add('Readiness', readinessProbe, known.ready);
    const { Startup } = entry.workers;
    if (Startup && !started) Startup.start();
    else this.#startOthers(entry);
  }

  #startOthers(entry: Probed): void {
    entry.workers.Liveness?.start();
    entry.workers.Readiness?.start();
  }

  #createWorker(
    settings: { kind: ProbeKind; probe: Probe; initial: boolean; startedAtMs: number },
    target: ProbeTarget,
    entry: Probed,
  ): ProbeWorker {
    const { clock, events, metrics, onVerdict } = this.#deps;
    return new ProbeWorker({
      ...settings,
      clock,
      run: async () => {
        const beganMs = clock.monotonicMs();
        const result = await this.#run(settings.probe, target);
        // What was under way when its pod went leaves no trace.
        if (this.#probed.get(target.containerId) === entry)
          metrics.observe(target, settings.kind, { result, durationMs: clock.monotonicMs() - beganMs });
        return result;
      },
      onTrouble: (kind, result) => tellTrouble(events, target, kind, result),
      onVerdict: (kind, good) => {
        if (kind === 'Startup' && good) this.#startOthers(entry);
        if (kind !== 'Readiness' && !good) {
          entry.failed = kind === 'Liveness' ? 'LivenessProbe' : 'StartupProbe';
          // Its readiness still counts: it may serve until it has ended.
          entry.workers.Liveness?.stop();
        }
        onVerdict(entry.podUid);
      },
    });
  }

  async #run(probe: Probe, target: ProbeTarget): Promise<ProbeResult> {
    const { probers } = this.#deps;
    try {
      const type = probeTypes.find((one) => probe[one]);
      if (type) return await probers[type](probe, target);
      return unknown(`missing probe handler for ${target.pod.metadata.name}:${target.container.name}`);
    } catch (err) {
      return unknown(messageOf(err));
    }
  }

  /** Whether a running container has passed its startup probe, or has none. */
  hasStarted(containerId: string, container: Container): boolean {
    if (!container.startupProbe) return true;
    return this.#probed.get(containerId)?.workers.Startup?.good ?? false;
  }

  isReady(containerId: string, container: Container): boolean {
    if (!container.readinessProbe) return true;
    return this.#probed.get(containerId)?.workers.Readiness?.good ?? false;
  }

  failedProbe(containerId: string): 'LivenessProbe' | 'StartupProbe' | undefined {
    return this.#probed.get(containerId)?.failed;
  }

  /** The container has ended, or is about to be ended with its pod. */
  unwatch(containerId: string): void {
    const entry = this.#probed.get(containerId);
    for (const worker of Object.values(entry?.workers ?? {})) worker.stop();
    this.#probed.delete(containerId);
  }

  /** While a pod ends only readiness is still asked for. */
  stopRestarts(podUid: string): void {
    for (const entry of this.#probed.values()) {
      if (entry.podUid !== podUid) continue;
      entry.workers.Liveness?.stop();
      entry.workers.Startup?.stop();
    }
  }

  forgetPod(podUid: string): void {
    for (const [id, entry] of this.#probed) if (entry.podUid === podUid) this.unwatch(id);
    this.#deps.metrics.forgetPod(podUid);
  }
}

function tellTrouble(
  events: EventRecorder,
  { pod, container }: ProbeTarget,
  kind: ProbeKind,
  result: ProbeResult,
): void {
  const tell = (reason: string, message: string) =>
    events.event(eventTarget(pod, container.name), 'Warning', reason, `${kind} probe ${message}: ${result.output}`);
  if (result.isWarning) tell('ProbeWarning', 'warning');
  else tell('Unhealthy', result.outcome === 'failure' ? 'failed' : 'errored and resulted in unknown state');
}
