// How long the event loop of a process was kept busy in one go: while it is, nobody else is served.
// Of a late turn only the time that the process itself spent computing counts, so that a busy
// machine is not taken for a busy loop.
import { Gauge, type Registry } from 'prom-client';
import type { Clock } from './clock.ts';

const periodMs = 50;
/** The longest stall is told for one to two of these. */
const windowMs = 5 * 60_000;

/** Microseconds that the process has computed. */
export type CpuUsage = () => { user: number; system: number };

/** Watches the loop from now on. */
export function watchLoopStall(registry: Registry, clock: Clock, cpuUsage: CpuUsage): void {
  let [previous, current] = [0, 0];
  let windowEndMs = clock.monotonicMs() + windowMs;
  let lastMs = clock.monotonicMs();
  let lastCpuMs = cpuMs();
  function cpuMs(): number {
    const { user, system } = cpuUsage();
    return (user + system) / 1000;
  }
  clock.every(periodMs, () => {
    const [nowMs, nowCpuMs] = [clock.monotonicMs(), cpuMs()];
    const stallMs = Math.max(0, Math.min(nowMs - lastMs - periodMs, nowCpuMs - lastCpuMs));
    [lastMs, lastCpuMs] = [nowMs, nowCpuMs];
    if (nowMs >= windowEndMs) {
      previous = current;
      current = 0;
      windowEndMs = nowMs + windowMs;
    }
    current = Math.max(current, stallMs);
  });
  new Gauge({
    name: 'k8ts_event_loop_stall_seconds',
    help: 'The longest time in the last minutes for which the event loop was kept busy in one go.',
    registers: [registry],
    collect() {
      this.set(Math.max(previous, current) / 1000);
    },
  });
}
