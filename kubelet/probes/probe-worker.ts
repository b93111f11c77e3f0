// Probes one running container with one of its probes, until it ends or the probe has given it up.
// Upstream: pkg/kubelet/prober/worker.go.
//
//   initial delay ──> probe ──every period──> probe ...    a verdict changes after `threshold` equal outcomes in a row
import type { Probe } from '../../api/core/pod/probe.ts';
import type { Clock, Timer } from '../../machinery/clock.ts';
import type { ProbeResult } from './probe-result.ts';

export type ProbeKind = 'Liveness' | 'Readiness' | 'Startup';

export interface ProbeWorkerOptions {
  kind: ProbeKind;
  probe: Probe;
  clock: Clock;
  /** When the container started. */
  startedAtMs: number;
  /** The verdict before the first probe. */
  initial: boolean;
  run(): Promise<ProbeResult>;
  /** Every outcome that is not a plain success, for events. */
  onTrouble(kind: ProbeKind, result: ProbeResult): void;
  /** The verdict has changed. */
  onVerdict(kind: ProbeKind, good: boolean): void;
}

export class ProbeWorker {
  readonly #options: ProbeWorkerOptions;
  #good: boolean;
  #last: boolean | undefined;
  #inARow = 0;
  #timer: Timer | undefined;
  #stopped = false;

  constructor(options: ProbeWorkerOptions) {
    this.#options = options;
    this.#good = options.initial;
  }

  get good(): boolean {
    return this.#good;
  }

  start(): void {
    if (this.#timer || this.#stopped) return;
    const { clock, startedAtMs, probe } = this.#options;
    const firstAtMs = startedAtMs + (probe.initialDelaySeconds ?? 0) * 1000;
    this.#timer = clock.after(Math.max(0, firstAtMs - clock.now()), () => void this.#tick());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #tick(): Promise<void> {
    const { clock, probe, run } = this.#options;
    const startMs = clock.monotonicMs();
    const result = await run();
    if (this.#stopped) return;
    this.#judge(result);
    if (this.#stopped) return;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    // From start to start, however long the probe took.
    const delayMs = Math.max(0, periodMs - (clock.monotonicMs() - startMs));
    this.#timer = clock.after(delayMs, () => void this.#tick());
  }

  #judge(result: ProbeResult): void {
    const { kind, probe, onTrouble, onVerdict } = this.#options;
    if (result.outcome !== 'success' || result.isWarning) onTrouble(kind, result);
    if (result.outcome === 'unknown') return;
    const good = result.outcome === 'success';
    this.#inARow = this.#last === good ? this.#inARow + 1 : 1;
    this.#last = good;
    const threshold = good ? (probe.successThreshold ?? 1) : (probe.failureThreshold ?? 3);
    if (this.#inARow < threshold) return;
    // The container is given up, or has started for good: either way this probe has done its work.
    if (!good && kind !== 'Readiness') this.stop();
    if (good && kind === 'Startup') this.stop();
    const changed = this.#good !== good || (!good && kind === 'Startup');
    this.#good = good;
    if (changed) onVerdict(kind, good);
  }
}
