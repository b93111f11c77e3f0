// Volumes: how full those of claims are (kubelet_volume_stats_*; all are measured once for a scrape), how many there are, and
// how long work on them takes. Upstream: pkg/kubelet/metrics/collectors/volume_stats.go, pkg/kubelet/volumemanager/metrics,
// pkg/volume/util/metrics.go.
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { CsiClient } from '../proto/csi-client.ts';
import { isRpcError } from '../proto/promise-client.ts';
import { watchCalls } from './metrics.ts';
import type { PodWorker } from './pods/pod-worker.ts';
import { goName } from './probes/rpc-text.ts';
import { isBlock, NotYetError, sourceOf, type VolumePlugin, type VolumeRef } from './volumes/plugin.ts';
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

const buckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 25, 50, 120, 300, 600];

/** `kubernetes.io/csi:hostpath.csi.k8s.io`. */
function pluginName(plugin: VolumePlugin | undefined, ref: VolumeRef): string {
  if (!plugin) return 'N/A';
  const { csi } = sourceOf(ref);
  return plugin.name.replace('~', '/') + (csi ? `:${csi.driver}` : '');
}

/** volume_manager_total_volumes. */
export function countVolumes(
  registry: Registry,
  workers: () => readonly Pick<PodWorker, 'pod' | 'isTakingResources' | 'volumes'>[],
): void {
  const of = ['total_volumes', 'Volumes that pods are to have, and have.', ['plugin_name', 'state']] as const;
  metricsIn(registry, 'volume_manager_').seen('gauge', [...of], () => {
    const counts = new Map<string, { labels: string[]; count: number }>();
    const add = (...labels: string[]) => {
      counts.getOrInsertComputed(labels.join(), () => ({ labels, count: 0 })).count++;
    };
    const taking = workers().filter((worker) => worker.isTakingResources);
    for (const { ref, plugin, isReady } of taking.flatMap(({ volumes, pod }) => volumes.list(pod))) {
      const name = pluginName(plugin, ref);
      add(name, 'desired_state_of_world');
      if (isReady) add(name, 'actual_state_of_world');
    }
    return [...counts.values()].map(({ labels, count }) => [labels, count]);
  });
}

/** The same plugins, timed: storage_operation_duration_seconds. */
export function timeVolumes(registry: Registry, clock: Clock, plugins: readonly VolumePlugin[]): VolumePlugin[] {
  const labels = ['volume_plugin', 'operation_name', 'status', 'migrated'];
  const help = 'Seconds that work on a volume took.';
  const seconds = metricsIn(registry).histogram('storage_operation_duration_seconds', help, labels, buckets);
  async function timed<T>(name: string, operation: string, work: Promise<T>): Promise<T> {
    const startMs = clock.monotonicMs();
    const end = (status: string) =>
      seconds.of(name, operation, status, 'false').observe((clock.monotonicMs() - startMs) / 1000);
    try {
      const done = await work;
      end('success');
      return done;
    } catch (err) {
      if (!(err instanceof NotYetError)) end('fail-unknown');
      throw err;
    }
  }
  return plugins.map(({ tearDown, ...plugin }) => {
    /** By folder: what takes a volume away is told no more of it. */
    const names = new Map<string, string>();
    return {
      ...plugin,
      setUp(context) {
        const name = pluginName(plugin, context);
        if (tearDown) names.set(context.diskDir, name);
        return timed(name, isBlock(context) ? 'map_volume' : 'volume_mount', plugin.setUp(context));
      },
      ...(tearDown && {
        async tearDown(diskDir) {
          await timed(
            names.get(diskDir) ?? pluginName(plugin, { volume: { name: '' } }),
            'volume_unmount',
            tearDown(diskDir),
          );
          names.delete(diskDir);
        },
      }),
    };
  });
}

/** Opens clients of drivers by their socket and name; the calls of their node service are timed: csi_operations_seconds. */
export function timeCsi(registry: Registry, clock: Clock, connect: (socket: string) => CsiClient) {
  const labels = ['driver_name', 'method_name', 'grpc_status_code', 'migrated'];
  const help = 'Seconds that a storage driver took for a call.';
  const seconds = metricsIn(registry, 'csi_').histogram('operations_seconds', help, labels, buckets);
  return (socket: string, driver: string): CsiClient => {
    const client = connect(socket);
    const node = watchCalls(client.node, (name, answer) => {
      const startMs = clock.monotonicMs();
      const end = (code: string) =>
        seconds.of(driver, `/csi.v1.Node/${name}`, code, 'false').observe((clock.monotonicMs() - startMs) / 1000);
      answer.then(
        () => end('OK'),
        (err) => end(isRpcError(err) ? goName(err.code) : 'unknown-non-grpc'),
      );
    });
    return { ...client, node };
  };
}
