// What every component tells of its own process, under the names of Prometheus' clients, by which dashboards know it.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
import { readdirSync, readFileSync } from 'node:fs';
import type { Registry } from 'prom-client';
import { metricsIn } from './hot-metrics.ts';

/** The kernel's unit in /proc/PID/stat, the same on every Linux that there is. */
const ticksPerSecond = 100;

const read = (name: string) => readFileSync(`/proc/${name}`, 'utf8');

/** A field of /proc/self/stat, counted from 1 as in proc(5); the second, in parentheses, may hold spaces. */
function statField(index: number): number {
  const stat = read('self/stat');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[index - 3]);
}

const bootSeconds = () => Number(/^btime (\d+)$/m.exec(read('stat'))?.[1]);
const residentBytes = () => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read('self/status'))?.[1]) * 1024;
const maxFiles = () => Number(/^Max open files\s+(\d+)/m.exec(read('self/limits'))?.[1]);

/** When the process started, in seconds since 1970. */
export const startSeconds = () => bootSeconds() + statField(22) / ticksPerSecond;

const figures: readonly { name: string; help: string; value(): number }[] = [
  {
    name: 'process_cpu_seconds_total',
    help: 'CPU time of the process, its own and that of the kernel for it.',
    value: () => (statField(14) + statField(15)) / ticksPerSecond,
  },
  {
    name: 'process_start_time_seconds',
    help: 'When the process started, in seconds since 1970.',
    value: startSeconds,
  },
  { name: 'process_resident_memory_bytes', help: 'Memory of the process that is in RAM.', value: residentBytes },
  { name: 'process_virtual_memory_bytes', help: 'Address space of the process.', value: () => statField(23) },
  { name: 'process_open_fds', help: 'Files that are open.', value: () => readdirSync('/proc/self/fd').length },
  { name: 'process_max_fds', help: 'How many files may be open.', value: maxFiles },
];

export function registerProcessMetrics(registry: Registry): void {
  const { seen } = metricsIn(registry);
  for (const { name, help, value } of figures)
    seen(name.endsWith('_total') ? 'counter' : 'gauge', [name, help], () => [[[], value()]]);
}
