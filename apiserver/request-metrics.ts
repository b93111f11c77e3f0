// Counts and latencies of requests under the names, labels and buckets of kube-apiserver.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (apiserver_*)
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { Cells, metricsIn } from '../machinery/hot-metrics.ts';
import { isLongRunning } from './in-flight.ts';
import type { RequestInfo } from './request-info.ts';
import { one } from './server-headers.ts';
import { durationBuckets } from './storage/storage-metrics.ts';

/** What of a request's head is told apart. */
interface CountedHead {
  method: string;
  headers: Record<string, string | string[] | undefined>;
}

/** A request that is counted as under way. */
export interface RequestCount {
  /** It has waited so long for its turn. */
  waited(ms: number): void;
  /** The server did not carry it out to its end. */
  brokenOff(code: number): void;
  /** It is over, with an answer of so many bytes. */
  end(code: number, bytes?: number): void;
}

export interface RequestMetrics {
  /** Counts a request as under way. `info` names nothing that is not served: its values become labels. */
  begin(info: RequestInfo, head: CountedHead): RequestCount;
  /** A version was asked for that is to go. */
  deprecated(info: RequestInfo): void;
  /** Counts the events of a watch, by their bytes. */
  watched(info: RequestInfo): (bytes: number) => void;
}

const paths = new Set(['/healthz', '/livez', '/readyz', '/metrics', '/version', '/api', '/apis']);
const connecting = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
const readingVerbs = new Set(['get', 'list', 'watch', 'head']);
const methods = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);
const verbs: Record<string, string> = {
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
};

function verbOf({ isResource, verb, subresource }: RequestInfo, { method, headers }: CountedHead): string {
  if (!isResource) return method === 'HEAD' ? 'GET' : methods.has(method) ? method : 'OTHER';
  if (connecting.has(subresource)) return 'CONNECT';
  if (verb === 'patch' && one(headers['content-type'])?.startsWith('application/apply-patch')) return 'APPLY';
  return verbs[verb] ?? 'OTHER';
}

function scopeOf({ isResource, verb, name, namespace }: RequestInfo): string {
  if (!isResource) return '';
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}

function dryRunOf({ query }: RequestInfo): string {
  const asked = query.getAll('dryRun');
  return asked.length === 0 ? '' : asked.every((value) => value === 'All') ? 'All' : 'invalid';
}

/** How many there were at most at a time in the last second. */
class Peak {
  #now = 0;
  #second = 0;
  #most = 0;
  #mostBefore = 0;

  add(count: number, nowMs: number): void {
    this.#turn(nowMs);
    this.#now += count;
    if (this.#now > this.#most) this.#most = this.#now;
  }

  read(nowMs: number): number {
    this.#turn(nowMs);
    return Math.max(this.#most, this.#mostBefore);
  }

  #turn(nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    if (second === this.#second) return;
    this.#mostBefore = second === this.#second + 1 ? this.#most : this.#now;
    this.#second = second;
    this.#most = this.#now;
  }
}

const sizeBuckets = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const eventBuckets = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];
const version = ['group', 'version', 'resource'];
const target = ['verb', ...version, 'subresource', 'scope', 'component'];

function createAll(registry: Registry) {
  const { counter, gauge, histogram } = metricsIn(registry, 'apiserver_');
  const slow = durationBuckets.filter((bound) => bound >= 0.05);
  const ended = [...target, 'dry_run', 'code'];
  const broken = [...target, 'code'];
  const removed = [...version, 'subresource', 'removed_release'];
  return {
    total: counter('request_total', 'Requests by what they ask for and code.', ended),
    terminations: counter('request_terminations_total', 'Requests that the server broke off.', broken),
    longRunning: gauge('longrunning_requests', 'Requests that stay, and are there now.', target),
    old: gauge('requested_deprecated_apis', 'Versions to go that were asked for.', removed),
    events: counter('watch_events_total', 'Events that watches were told.', version),
    eventSizes: histogram('watch_events_sizes', 'Bytes of the events of watches.', version, eventBuckets),
    sizes: histogram('response_sizes', 'Bytes of answers to what reads.', target, sizeBuckets),
    seconds: histogram('request_duration_seconds', 'Time of requests.', [...target, 'dry_run'], durationBuckets),
    sli: histogram('request_sli_duration_seconds', 'The same without waiting for a turn.', target, slow),
  };
}

function tellPeaks(registry: Registry, clock: Clock) {
  const peaks = { readOnly: new Peak(), mutating: new Peak() };
  const help = 'Requests at a time, at most, in the last second.';
  metricsIn(registry).seen('gauge', ['apiserver_current_inflight_requests', help, ['request_kind']], () =>
    Object.entries(peaks).map(([kind, peak]) => [[kind], peak.read(clock.monotonicMs())]),
  );
  return peaks;
}

export function createRequestMetrics(registry: Registry, clock: Clock): RequestMetrics {
  const all = createAll(registry);
  const peaks = tellPeaks(registry, clock);
  // All that requests of a sort count in: found once.
  const sorts = new Cells([...target, 'dry_run'], (values) => {
    const labels = values.slice(0, -1);
    const isRead = values[0] === 'GET' || values[0] === 'LIST';
    const codes = new Map<number, { value: number }>();
    return {
      labels,
      seconds: all.seconds.of(...values),
      sli: all.sli.of(...labels),
      sizes: isRead ? all.sizes.of(...labels) : undefined,
      count(code: number) {
        const cell = codes.getOrInsertComputed(code, () => all.total.of(...values, String(code)));
        cell.value++;
      },
      longRunning: () => all.longRunning.of(...labels),
    };
  });
  return {
    begin(info, head) {
      const { isResource, group, version: v, resource, path } = info;
      const subresource = isResource ? info.subresource : paths.has(path) ? path : '';
      const component = isResource ? 'apiserver' : '';
      const [verb, scope] = [verbOf(info, head), scopeOf(info)];
      const sort = sorts.of([verb, group, v, resource, subresource, scope, component, dryRunOf(info)]);
      const startMs = clock.monotonicMs();
      const staying = isLongRunning(info) ? sort.longRunning() : undefined;
      const peak = staying ? undefined : readingVerbs.has(info.verb) ? peaks.readOnly : peaks.mutating;
      peak?.add(1, startMs);
      if (staying) staying.value++;
      let waitedMs = 0;
      return {
        waited(ms) {
          waitedMs += ms;
        },
        brokenOff: (code) => void all.terminations.of(...sort.labels, String(code)).value++,
        end(code, bytes) {
          const nowMs = clock.monotonicMs();
          peak?.add(-1, nowMs);
          if (staying) staying.value--;
          sort.count(code);
          sort.seconds.observe((nowMs - startMs) / 1000);
          sort.sli.observe((nowMs - startMs - waitedMs) / 1000);
          if (bytes !== undefined) sort.sizes?.observe(bytes);
        },
      };
    },
    deprecated({ group, version: v, resource, subresource }) {
      all.old.of(group, v, resource, subresource, '').value = 1;
    },
    watched({ group, version: v, resource }) {
      const [events, sizes] = [all.events.of(group, v, resource), all.eventSizes.of(group, v, resource)];
      return (bytes) => {
        events.value++;
        sizes.observe(bytes);
      };
    },
  };
}
