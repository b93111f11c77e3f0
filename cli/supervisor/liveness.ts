// Health, not existence: a process that runs but does not answer is as good as dead. As kubeadm has the kubelet probe
// its control plane: a check every 10 s that may take 10 s, and after eight in a row that failed (80 s) the process is
// killed. One that has not answered yet since its start may fail 24 times. Time in which the process waited for a CPU
// does not count: on a machine that is overloaded it cannot answer, and to start it again would cost more of the same.
import { connect } from 'node:net';
import { type Clock, realClock, type Timer } from '../../machinery/clock.ts';
import { isStopped, meterCpuWait, type ProcessRef } from '../host/processes.ts';
import { UserError } from '../user-error.ts';
import type { LivenessCheck, UnitPlan } from './plan.ts';

export interface LivenessLimits {
  periodMs: number;
  timeoutMs: number;
  /** So many checks in a row must fail before the process counts as hung. */
  failures: number;
  /** The same for a process that has not answered since its start. */
  startFailures: number;
}

const defaultLimits: LivenessLimits = { periodMs: 10_000, timeoutMs: 10_000, failures: 8, startFailures: 24 };

/** The variable that changes them, for tests and very slow machines: `periodMs=500,failures=2`. */
export const livenessVariable = 'K8TS_LIVENESS';

export function readLimits(env: NodeJS.ProcessEnv): LivenessLimits {
  const limits = { ...defaultLimits };
  for (const part of (env[livenessVariable] ?? '').split(',').filter((text) => text !== '')) {
    const [name = '', value = ''] = part.split('=');
    if (!Object.hasOwn(limits, name) || !/^[1-9]\d{0,8}$/.test(value)) {
      throw new UserError(`${livenessVariable}: "${part}" is no limit`, {
        hint: `Limits are ${Object.keys(defaultLimits).join(', ')}, each with a whole number: periodMs=500,failures=2`,
      });
    }
    limits[name as keyof LivenessLimits] = Number(value);
  }
  return limits;
}

export interface LivenessFailure {
  /** Nothing came: it hangs. Otherwise nobody listens, or the answer was not good. */
  silent: boolean;
  /** Goes on after the name of what was asked. */
  reason: string;
}

const longestAnswer = 4_096;

/** Asks once. Resolves to undefined when the answer is 200. HTTP by hand, so that the supervisor stays small. */
export function probeLiveness(check: LivenessCheck, timeoutMs: number): Promise<LivenessFailure | undefined> {
  return new Promise((resolve) => {
    const socket = 'socket' in check ? connect(check.socket) : connect(check.port, '127.0.0.1');
    let answer = '';
    const end = (failure: LivenessFailure | undefined) => {
      socket.destroy();
      timer.cancel();
      resolve(failure);
    };
    const judge = () => {
      const status = /^HTTP\/1\.\d (\d{3})/.exec(answer)?.[1];
      const body = answer.slice(answer.indexOf('\r\n\r\n')).trim();
      end(status === '200' ? undefined : { silent: false, reason: `answers ${status ?? 'no HTTP'}: ${body}` });
    };
    const timer = realClock.after(timeoutMs, () => end({ silent: true, reason: 'does not answer' }));
    socket.setEncoding('latin1');
    socket.on('data', (text) => {
      answer += text;
      if (answer.startsWith('HTTP/1.1 200 ') || answer.length > longestAnswer) judge();
    });
    socket.on('end', judge);
    socket.on('error', (err) => end({ silent: false, reason: `does not listen: ${err.message}` }));
    socket.write(`GET ${check.path} HTTP/1.0\r\n\r\n`);
  });
}

/** What is wrong with the process of a unit, as far as it can be asked. */
export async function probeUnit(
  unit: UnitPlan,
  ref: ProcessRef,
  timeoutMs: number,
): Promise<LivenessFailure | undefined> {
  if (isStopped(ref)) return { silent: true, reason: 'was stopped by a signal' };
  return unit.liveness && probeLiveness(unit.liveness, timeoutMs);
}

/** Shorter than this, nothing is worth asking again for. */
const leastMs = 50;

/**
 * Asks once, as `up` does, which kills at the first silence: what the process waits for a CPU
 * meanwhile is added to its time.
 */
export async function askPatiently(
  ref: ProcessRef,
  timeoutMs: number,
  ask: (timeoutMs: number) => Promise<LivenessFailure | undefined>,
  waitedMs = meterCpuWait(ref),
): Promise<LivenessFailure | undefined> {
  for (let leftMs = timeoutMs; ; ) {
    const failure = await ask(leftMs);
    leftMs = Math.min(leftMs, waitedMs());
    if (!failure?.silent || leftMs < leastMs) return failure;
  }
}

export interface LivenessWatchOptions {
  clock: Clock;
  limits: LivenessLimits;
  /**
   * When the process started, in milliseconds since the epoch: one that should have answered long
   * ago gets no more time.
   */
  startedMs: number;
  probe(): Promise<LivenessFailure | undefined>;
  /** Begins to measure: each call tells how long it has waited for a CPU since the last one, in milliseconds. */
  meterCpuWait(): () => number;
  /** Called once, when it counts as hung. */
  hung(reason: string): void;
}

/** Asks one process again and again, until it counts as hung or the watch is stopped. */
export class LivenessWatch {
  readonly #options: LivenessWatchOptions;
  #timer: Timer | undefined;
  #stopped = false;
  #answered: boolean;
  #failures = 0;
  /** Since the first of the failures. */
  #starvation: { waitedMs: () => number; askedMs: number; checks: number } | undefined;

  constructor(options: LivenessWatchOptions) {
    const { clock, limits, startedMs } = options;
    this.#options = options;
    this.#answered = clock.now() - startedMs > limits.periodMs * limits.startFailures;
    this.#next(limits.periodMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #next(afterMs: number): void {
    this.#timer = this.#options.clock.after(afterMs, () => void this.#ask());
  }

  async #ask(): Promise<void> {
    const { clock, limits, probe, hung } = this.#options;
    const startedMs = clock.monotonicMs();
    const failure = await probe();
    if (this.#stopped) return;
    this.#failures = failure ? this.#failures + 1 : 0;
    this.#answered ||= !failure;
    const starved = this.#starvedChecks();
    const counted = Math.round(this.#failures - starved);
    if (failure && counted >= (this.#answered ? limits.failures : limits.startFailures)) {
      this.stop();
      hung(`${failure.reason} (${this.#failures} checks in a row failed)`);
      return;
    }
    this.#next(Math.max(0, limits.periodMs - (clock.monotonicMs() - startedMs)));
  }

  /** How much of the failures in a row is not its fault: of each the share in which it waited for a CPU. */
  #starvedChecks(): number {
    if (this.#failures === 0) {
      this.#starvation = undefined;
      return 0;
    }
    const nowMs = this.#options.clock.monotonicMs();
    const before = this.#starvation;
    this.#starvation = before ?? { waitedMs: this.#options.meterCpuWait(), askedMs: nowMs, checks: 0 };
    if (!before) return 0;
    const share = before.waitedMs() / (nowMs - before.askedMs);
    before.checks += Math.min(1, share);
    before.askedMs = nowMs;
    return before.checks;
  }
}
