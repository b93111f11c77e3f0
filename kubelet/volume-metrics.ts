// kubelet_volume_stats_*: how full the volumes of claims are. All are measured once for a scrape.
// Upstream: pkg/kubelet/metrics/collectors/volume_stats.go.
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { ClaimUse } from './volumes/volume-use.ts';

const families: [name: string, help: string, value: (use: ClaimUse) => number | undefined][] = [
  ['capacity_bytes', 'Size of the volume.', (use) => use.capacityBytes],
  ['available_bytes', 'Bytes that are free in the volume.', (use) => use.availableBytes],
  ['used_bytes', 'Bytes that are taken in the volume.', (use) => use.usedBytes],
  ['inodes', 'Most files that the volume can have.', (use) => use.inodes],
  ['inodes_free', 'Files that the volume has room for.', (use) => use.inodesFree],
  ['inodes_used', 'Files in the volume.', (use) => use.inodesUsed],
  [
    'health_status_abnormal',
    'Whether the driver finds something wrong with the volume: 1 or 0.',
    (use) => (use.isAbnormal === undefined ? undefined : Number(use.isAbnormal)),
  ],
];
const freshMs = 1_000;

export function registerVolumeMetrics(registry: Registry, clock: Clock, measure: () => Promise<ClaimUse[]>): void {
  let last: { atMs: number; uses: Promise<ClaimUse[]> } | undefined;
  const measured = () => {
    const now = clock.monotonicMs();
    if (!last || now - last.atMs > freshMs) last = { atMs: now, uses: measure() };
    return last.uses;
  };
  const { seen } = metricsIn(registry, 'kubelet_volume_stats_');
  for (const [name, help, value] of families) {
    seen('gauge', [name, help, ['namespace', 'persistentvolumeclaim']], async () =>
      (await measured()).flatMap((use) => {
        const number = value(use);
        return number === undefined ? [] : [[[use.claim.namespace, use.claim.name], number] as const];
      }),
    );
  }
}
