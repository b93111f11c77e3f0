// How long the event loop of a process was kept busy in one go: while it is, nobody else is served.
// Of a late turn only the time that the process itself spent computing counts, so that a busy
// machine is not taken for a busy loop. While the process computes, a timer says how late turns are;
// while it rests the timer is slow, and Node measures the turns, for which nobody has to be woken.
import type { Registry } from 'prom-client';
import type { Clock } from './clock.ts';
import { metricsIn } from './hot-metrics.ts';

const shortestLookMs = 50;
const longestLookMs = 1600;
/** Less computing than this share of the time is rest. */
const restShare = 0.05;
/** The longest stall is told for one to two of these. */
const windowMs = 5 * 60_000;

/** Microseconds that the process has computed. */
export type CpuUsage = () => { user: number; system: number };

/**
 * How long turns of the loop that ended since the reset took, without their wait for something to do; `max` in
 * nanoseconds. Node's monitorEventLoopDelay with a sample per iteration, which no timer wakes; what its threads bring
 * back (files, names) begins turns that it does not see.
 */
interface LoopDelays {
  readonly max: number;
  reset(): void;
}

/** Watches the loop from now on. */
export function watchLoopStall(
  registry: Registry,
  clock: Clock,
  loop: { cpuUsage: CpuUsage; delays: LoopDelays },
): void {
  let [previous, current] = [0, 0];
  let windowEndMs = clock.monotonicMs() + windowMs;
  let lookMs = shortestLookMs;
  let lastMs = clock.monotonicMs();
  let lastCpuMs = cpuMs();
  let computedBefore = 0;
  function cpuMs(): number {
    const { user, system } = loop.cpuUsage();
    return (user + system) / 1000;
  }
  function look(): void {
    const [nowMs, nowCpuMs] = [clock.monotonicMs(), cpuMs()];
    const computed = nowCpuMs - lastCpuMs;
    // A turn has its end, and is told, only after the look that it began with.
    const lateMs = Math.max(loop.delays.max / 1e6, nowMs - lastMs - lookMs);
    const stallMs = Math.min(lateMs, computed + computedBefore);
    loop.delays.reset();
    lookMs = computed > restShare * (nowMs - lastMs) ? shortestLookMs : Math.min(2 * lookMs, longestLookMs);
    [lastMs, lastCpuMs, computedBefore] = [nowMs, nowCpuMs, computed];
    if (nowMs >= windowEndMs) {
      previous = current;
      current = 0;
      windowEndMs = nowMs + windowMs;
    }
    current = Math.max(current, stallMs);
    clock.after(lookMs, look);
  }
  clock.after(lookMs, look);
  const help = 'The longest time in the last minutes for which the event loop was kept busy in one go.';
  metricsIn(registry).seen('gauge', ['k8ts_event_loop_stall_seconds', help], () => [
    [[], Math.max(previous, current) / 1000],
  ]);
}
