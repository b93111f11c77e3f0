// Asks the three APIs of metrics, whoever serves them. Values come in thousandths. Upstream: the metrics client of
// pkg/controller/podautoscaler. https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/custom-metrics-api.md
import type { CrossVersionObjectReference } from '../../api/autoscaling/horizontalpodautoscaler/metrics.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { KubeClient } from '../../client/rest.ts';
import { parseGoDuration } from '../../machinery/duration.ts';
import { StatusError } from '../../machinery/errors.ts';
import { formatLabelSelector } from '../../machinery/labels.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import { quantityMilliValue } from '../../machinery/quantity.ts';
import { resourceOf } from '../scale.ts';
import type { PodMetric } from './replicas.ts';

interface PodMetricsItem {
  metadata: { name: string };
  timestamp: string;
  window: string;
  containers?: { name: string; usage: Record<string, string> }[];
}

/** Of custom.metrics.k8s.io and external.metrics.k8s.io. */
interface MetricValue {
  describedObject?: { name: string };
  timestamp: string;
  windowSeconds?: number;
  value: string;
}

interface Items<T> {
  items?: T[];
}

interface Metric {
  name: string;
  selector?: LabelSelector;
}

export interface MetricsClient {
  /** Use of a resource by pods as a whole, or by one container of each. */
  ofResource(
    namespace: string,
    selector: string,
    what: { resource: string; container?: string },
  ): Promise<Map<string, PodMetric>>;
  ofPods(namespace: string, selector: string, metric: Metric): Promise<Map<string, PodMetric>>;
  ofObject(namespace: string, object: CrossVersionObjectReference, metric: Metric): Promise<number>;
  /** The sum of its series. */
  external(namespace: string, metric: Metric): Promise<number>;
}

const defaultWindowMs = 60_000;
const customVersions = ['v1beta2', 'v1beta1'] as const;
const noGroup = 'the server could not find the requested resource';

/** What client-go says of an answer that is no Status of the resource. */
function wordsOf(err: unknown, resource: string): string {
  const { message } = err as Error;
  if (!(err instanceof StatusError)) return message;
  if (err.code === 503) return `the server is currently unable to handle the request (get ${resource})`;
  return message === noGroup ? `${message} (get ${resource})` : message;
}

const queryOf = (values: Record<string, string>) => {
  const given = Object.entries(values).filter(([, value]) => value !== '');
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
};
const encoded = encodeURIComponent;

export function metricsClient({ client, kinds }: Pick<ControllerContext, 'client' | 'kinds'>): MetricsClient {
  const custom = (path: string, resource: string) =>
    fromAny(
      client,
      customVersions.map((version) => `/apis/custom.metrics.k8s.io/${version}/${path}`),
      `${resource}.custom.metrics.k8s.io`,
    );
  return {
    async ofResource(namespace, selector, { resource, container }) {
      const path = `/apis/metrics.k8s.io/v1beta1/namespaces/${encoded(namespace)}/pods`;
      const { items = [] } = await client
        .request<Items<PodMetricsItem>>({ method: 'GET', path: path + queryOf({ labelSelector: selector }) })
        .catch((err) => {
          const words = wordsOf(err, 'pods.metrics.k8s.io');
          throw new Error(`unable to fetch metrics from resource metrics API: ${words}`, { cause: err });
        });
      if (items.length === 0) throw new Error('no metrics returned from resource metrics API');
      return new Map(items.flatMap((item) => useOf(item, resource, container)));
    },
    async ofPods(namespace, selector, metric) {
      const query = queryOf({ labelSelector: selector, metricLabelSelector: formatLabelSelector(metric.selector) });
      const path = `namespaces/${encoded(namespace)}/pods/%2A/${encoded(metric.name)}${query}`;
      const items = await custom(path, 'pods');
      if (items.length === 0) throw new Error('no metrics returned from custom metrics API');
      return new Map(items.map((item) => [item.describedObject?.name ?? '', metricOf(item)]));
    },
    async ofObject(namespace, object, metric) {
      const resource = resourceOf(kinds, object);
      const query = queryOf({ metricLabelSelector: formatLabelSelector(metric.selector) });
      // A namespace has its metrics beside those of what is in it.
      const place = resource === 'namespaces' ? 'metrics' : `${resource}/${encoded(object.name)}`;
      const items = await custom(`namespaces/${encoded(namespace)}/${place}/${encoded(metric.name)}${query}`, resource);
      if (items.length === 1) return metricOf(items[0]!).value;
      throw new Error(
        `unable to fetch metrics from custom metrics API: the custom metrics API server returned ${items.length} results when we asked for exactly one`,
      );
    },
    async external(namespace, metric) {
      const query = queryOf({ labelSelector: formatLabelSelector(metric.selector) });
      const path = `/apis/external.metrics.k8s.io/v1beta1/namespaces/${encoded(namespace)}/${encoded(metric.name)}${query}`;
      const { items = [] } = await client.request<Items<MetricValue>>({ method: 'GET', path }).catch((err) => {
        const words = wordsOf(err, `${metric.name}.external.metrics.k8s.io`);
        throw new Error(`unable to fetch metrics from external metrics API: ${words}`, { cause: err });
      });
      if (items.length === 0) throw new Error('no metrics returned from external metrics API');
      return items.reduce((sum, item) => sum + metricOf(item).value, 0);
    },
  };
}

/** Asks one version after the other: each may be another server's. */
async function fromAny(client: KubeClient, paths: readonly string[], resource: string): Promise<MetricValue[]> {
  let first: unknown;
  for (const path of paths) {
    try {
      return (await client.request<Items<MetricValue>>({ method: 'GET', path })).items ?? [];
    } catch (err) {
      first ??= err;
      if (!(err instanceof StatusError && err.code === 404)) break;
    }
  }
  throw new Error(`unable to fetch metrics from custom metrics API: ${wordsOf(first, resource)}`, { cause: first });
}

function useOf({ metadata, timestamp, window, containers = [] }: PodMetricsItem, resource: string, container?: string) {
  const meant = containers.filter(({ name }) => container === undefined || name === container);
  const uses = meant.map(({ usage }) => usage[resource]);
  if (uses.length === 0 || uses.includes(undefined)) return [];
  const value = uses.reduce((sum, use) => sum + quantityMilliValue(use), 0);
  return [[metadata.name, { value, atMs: Date.parse(timestamp), windowMs: parseGoDuration(window) }] as const];
}

const metricOf = ({ value, timestamp, windowSeconds }: MetricValue): PodMetric => ({
  value: quantityMilliValue(value),
  atMs: Date.parse(timestamp),
  windowMs: windowSeconds === undefined ? defaultWindowMs : windowSeconds * 1000,
});
