// A pod's own metrics, where its annotations say that it has some, and what of them autoscalers ask for: gauges as they
// are, counters as rates. Names and rules are those of prometheus-adapter's default configuration. Pure.
import type { Pod } from '../../api/core/pod.ts';
import { matchesLabels, type Selector } from '../../machinery/labels.ts';
import type { Pair } from './points.ts';
import { parseExposition, type Sample } from './prometheus-text.ts';

const annotation = 'prometheus.io/';
const defaultPath = '/metrics';
const base = 'http://pod';

/** Where the API server's proxy finds a pod's metrics; undefined for one that shows none, or does not run. */
export function scrapePath(pod: Pod): string | undefined {
  const { name = '', namespace = '', annotations = {} } = pod.metadata;
  const said = (key: string) => annotations[annotation + key];
  if (said('scrape') !== 'true' || pod.status?.phase !== 'Running' || !pod.status.podIP) return undefined;
  const port = said('port') ?? '';
  const scheme = said('scheme') === 'https' ? 'https' : '';
  const target = [scheme, name, port].map(encodeURIComponent).join(':');
  const path = said('path') ?? defaultPath;
  if (!URL.canParse(path, base)) return undefined;
  const { pathname, search } = new URL(path, base);
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${target}/proxy${pathname}${search}`;
}

/** Series by the name that they are asked for by. */
export type Look = ReadonlyMap<string, readonly Sample[]>;

const total = /(?:_seconds)?_total$/;
/** Of distributions, sums of buckets mean nothing. */
const isShown = ({ name, labels, value }: Sample) =>
  !name.endsWith('_bucket') && labels.quantile === undefined && Number.isFinite(value);

/** Throws for text that is malformed. */
export function readLook(text: string): Look {
  const look = new Map<string, Sample[]>();
  for (const sample of parseExposition(text).filter(isShown)) {
    look.getOrInsert(sample.name.replace(total, ''), []).push(sample);
  }
  return look;
}

export interface SeriesValue {
  value: number;
  /** Of a rate. */
  windowMs?: number;
}

const keyOf = ({ name, labels }: Sample) => JSON.stringify([name, ...Object.entries(labels).sort().flat()]);

/** The sum of the series of a metric that the selector leaves; undefined where there is none, or no rate yet. */
export function seriesValue({ before, last }: Pair<Look>, metric: string, selector: Selector): SeriesValue | undefined {
  const chosen = (look: Look) => (look.get(metric) ?? []).filter(({ labels }) => matchesLabels(selector, labels));
  const series = chosen(last.value);
  if (series.length === 0) return undefined;
  const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
  const gauges = series.filter(({ name }) => name === metric);
  // A name that is asked for may be a gauge here and the root of a counter there.
  if (gauges.length > 0) return { value: sum(gauges.map(({ value }) => value)) };
  const earlier = new Map(chosen(before.value).map((sample) => [keyOf(sample), sample.value]));
  const windowMs = last.atMs - before.atMs;
  if (windowMs <= 0) return undefined;
  // A counter that is smaller than it was began anew; one that is new counts from nothing.
  const grown = series.map((sample) => {
    const from = earlier.get(keyOf(sample)) ?? 0;
    return sample.value >= from ? sample.value - from : sample.value;
  });
  return { value: (sum(grown) * 1000) / windowMs, windowMs };
}
