// What is asked of etcd and how much lies there, under kube-apiserver's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (etcd_*, apiserver_storage_*, apiserver_resource_*)
import type { Registry } from 'prom-client';
import type { Clock } from '../../machinery/clock.ts';
import { Cells, metricsIn } from '../../machinery/hot-metrics.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { Etcd } from './etcd.ts';
import type { ObjectStore } from './object-store.ts';
import { resourceOfKey } from './resource-of-key.ts';

/** Seconds, of requests and of calls of etcd. */
// biome-ignore format: as upstream has them
export const durationBuckets = [
  0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60,
];

/** The same etcd, with its calls counted and timed. `groups` are those of the built-in kinds. */
export function meterEtcd(etcd: Etcd, groups: readonly string[], registry: Registry, clock: Clock): Etcd {
  const old = new Set(groups);
  const labelNames = ['operation', 'group', 'resource'];
  const { counter, histogram } = metricsIn(registry);
  const requests = counter('etcd_requests_total', 'Calls of etcd.', labelNames);
  const failures = counter('etcd_request_errors_total', 'Calls of etcd that failed.', labelNames);
  const of = labelNames.slice(1);
  const received = counter('apiserver_storage_events_received_total', 'Events that etcd has told.', of);
  const seconds = histogram('etcd_request_duration_seconds', 'Time of calls of etcd.', labelNames, durationBuckets);
  const cells = new Cells(labelNames, ([operation = '', group = '', resource = '']) => ({
    requests: requests.of(operation, group, resource),
    failures: failures.of(operation, group, resource),
    seconds: seconds.of(operation, group, resource),
  }));
  const timed = async <T>(operation: string, key: string, work: Promise<T>): Promise<T> => {
    const { group, resource } = resourceOfKey(key, old) ?? { group: '', resource: '' };
    const cell = cells.of([operation, group, resource]);
    const startMs = clock.monotonicMs();
    cell.requests.value++;
    try {
      return await work;
    } catch (err) {
      cell.failures.value++;
      throw err;
    } finally {
      cell.seconds.observe((clock.monotonicMs() - startMs) / 1000);
    }
  };
  return {
    get: (key) => timed('get', key, etcd.get(key)),
    currentRevision: () => timed('getCurrentResourceVersion', '', etcd.currentRevision()),
    range: (from, to, options) => timed('list', from, etcd.range(from, to, options)),
    put: (key, value, revision) => timed(revision === 0 ? 'create' : 'update', key, etcd.put(key, value, revision)),
    delete: (key, revision) => timed('delete', key, etcd.delete(key, revision)),
    putForTime: (key, value, time) => etcd.putForTime(key, value, time),
    compact: (revision) => etcd.compact(revision),
    watchAll: (startRevision, handlers) =>
      etcd.watchAll(startRevision, {
        ...handlers,
        onEvents(events, revision) {
          for (const { key } of events) {
            const of = resourceOfKey(key, old);
            if (of) received.of(of.group, of.resource).value++;
          }
          handlers.onEvents(events, revision);
        },
      }),
    close: () => etcd.close(),
  };
}

interface Stored {
  store: ObjectStore;
  /** Kinds as they are served now. */
  kinds: { kinds: readonly Kind[] };
  /** Bytes that the database takes on etcd's disk. */
  size(): Promise<number>;
}

/** Tells how many objects there are, and what they take. */
export function tellStored(registry: Registry, { store, kinds, size }: Stored): void {
  const { seen } = metricsIn(registry, 'apiserver_');
  const counts = (labelsOf: (group: string, resource: string) => string[]) =>
    kinds.kinds
      .filter((kind) => kind.stored)
      .map((kind) => [labelsOf(kind.group, kind.plural), store.count(kind)] as const);
  seen('gauge', ['resource_objects', 'Objects that are stored.', ['group', 'resource']], () =>
    counts((group, resource) => [group, resource]),
  );
  const help = 'The same by the name of the resource; deprecated since 1.34.';
  seen('gauge', ['storage_objects', help, ['resource']], () =>
    counts((group, resource) => [group === '' ? resource : `${resource}.${group}`]),
  );
  seen('gauge', ['storage_size_bytes', "Bytes of etcd's database on its disk.", ['storage_cluster_id']], () =>
    size().then(
      (bytes) => [[['etcd-0'], bytes]],
      () => [], // an etcd that is away has no size
    ),
  );
}

/** Counts stored objects that cannot be decoded, by the prefix of their keys. */
export function countUnreadable(registry: Registry, groups: readonly string[]): (prefix: string) => void {
  const old = new Set(groups);
  const help = 'Objects in etcd that cannot be decoded.';
  const counter = metricsIn(registry).counter('apiserver_storage_decode_errors_total', help, ['group', 'resource']);
  return (prefix) => {
    const { group, resource } = resourceOfKey(prefix, old) ?? { group: '', resource: '' };
    counter.of(group, resource).value++;
  };
}
