// custom.metrics.k8s.io: the metrics that pods show of themselves. Upstream: custom-metrics-apiserver.
// https://github.com/kubernetes/metrics/tree/master/pkg/apis/custom_metrics
import type { Pod } from '../../api/core/pod.ts';
import type { Lister } from '../../client/store.ts';
import { StatusError, unknownPathError } from '../../machinery/errors.ts';
import { matchesLabels, type Selector } from '../../machinery/labels.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { type Look, type SeriesValue, seriesValue } from './pod-series.ts';
import type { Pair } from './points.ts';
import { type Asked, milliQuantity, parseSelector, type ServedApi } from './served-api.ts';

const group = 'custom.metrics.k8s.io';

export interface CustomApiDeps {
  pods: Pick<Lister<Pod>, 'get' | 'inNamespace'>;
  /** Two looks at what a pod shows; undefined for one that shows nothing. */
  look(pod: Pod): Promise<Pair<Look> | undefined>;
  /** Names of the metrics that were seen lately. */
  seen(): Iterable<string>;
}

/** In the versions differ only how a metric is named in a value. */
export const customApis = (deps: CustomApiDeps): ServedApi[] =>
  ['v1beta2', 'v1beta1'].map((version) => ({
    group,
    version,
    resources: () =>
      [...deps.seen()].sort().map((name) => ({
        name: `pods/${name}`,
        singularName: '',
        namespaced: true,
        kind: 'MetricValueList',
        verbs: ['get'],
      })),
    answer: (asked) => answer(deps, version, asked),
  }));

async function answer(deps: CustomApiDeps, version: string, asked: Asked): Promise<object> {
  const { namespace, resource, name, subresource: metric, query } = asked;
  if (namespace === '' || name === '' || metric === '') throw unknownPathError();
  if (resource !== 'pods') throw noMetric(metric, name === '*' ? resource : `${resource} ${name}`);
  const labels = parseSelector(query.get('labelSelector'));
  const series = parseSelector(query.get('metricLabelSelector') ?? query.get('metricSelector'));
  const one = deps.pods.get(`${namespace}/${name}`);
  const pods =
    name === '*'
      ? deps.pods.inNamespace(namespace).filter(({ metadata }) => matchesLabels(labels, metadata.labels))
      : one
        ? [one]
        : [];
  const found = await Promise.all(
    pods.map(async (pod) => {
      const pair = await deps.look(pod);
      const value = pair && seriesValue(pair, metric, series);
      return value ? [valueObject(version, pod, { metric, series, atMs: pair.last.atMs, ...value })] : [];
    }),
  );
  const items = found.flat();
  if (items.length === 0) throw noMetric(metric, name === '*' ? resource : `${resource} ${name}`);
  return { kind: 'MetricValueList', apiVersion: `${group}/${version}`, metadata: {}, items };
}

const noMetric = (metric: string, what: string) =>
  new StatusError(404, 'NotFound', `the server could not find the metric ${metric} for ${what}`);

const operators: Readonly<Record<string, string>> = {
  in: 'In',
  notin: 'NotIn',
  '!=': 'NotIn',
  exists: 'Exists',
  '!': 'DoesNotExist',
};

/** A selector as an object; none for an empty one. */
function selectorObject(selector: Selector): LabelSelector | undefined {
  if (selector.length === 0) return undefined;
  const isEqual = ({ operator }: Selector[number]) => operator === '=' || operator === '==';
  const equal = selector.filter(isEqual).map(({ key, values }) => [key, values[0] ?? ''] as const);
  const matchExpressions = selector
    .filter((one) => !isEqual(one))
    .map(({ key, operator, values }) => ({ key, operator: operators[operator] ?? operator, values: [...values] }));
  return {
    ...(equal.length > 0 ? { matchLabels: Object.fromEntries(equal) } : {}),
    ...(matchExpressions.length > 0 ? { matchExpressions } : {}),
  };
}

function valueObject(
  version: string,
  { metadata: { name = '', namespace = '' } }: Pod,
  { metric, series, atMs, value, windowMs }: SeriesValue & { metric: string; series: Selector; atMs: number },
): object {
  const selector = selectorObject(series);
  const chosen = selector ? { selector } : {};
  return {
    describedObject: { kind: 'Pod', namespace, name, apiVersion: '/v1' },
    ...(version === 'v1beta1' ? { metricName: metric, ...chosen } : { metric: { name: metric, ...chosen } }),
    timestamp: timestamp(atMs),
    ...(windowMs === undefined ? {} : { windowSeconds: Math.max(1, Math.round(windowMs / 1000)) }),
    value: milliQuantity(value),
  };
}
