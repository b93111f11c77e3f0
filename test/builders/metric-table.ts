// What a registry tells, as a table that tests hold against one of their own: a line a metric, without its values.
import type { Registry } from 'prom-client';

interface Described {
  name: string;
  labelNames?: readonly string[];
  /** Of histograms: as prom-client has them, and as ours do. */
  upperBounds?: readonly number[];
  buckets?: readonly number[];
}

/** Without what sums of fractions leave behind. */
const short = (bound: number) => Number(bound.toPrecision(12));

/** `name type label,label first..last*count`: labels in order; what follows them are the buckets of a histogram. */
export async function metricTable(registry: Registry): Promise<string[]> {
  const types = new Map((await registry.getMetricsAsJSON()).map(({ name, type }) => [name, String(type)]));
  return (registry.getMetricsAsArray() as unknown as Described[])
    .map(({ name, labelNames = [], upperBounds, buckets = upperBounds }) => {
      const bounds = buckets ? `${buckets[0]}..${short(buckets.at(-1)!)}*${buckets.length}` : '';
      return [name, types.get(name), [...labelNames].sort().join(','), bounds].filter((part) => part !== '').join(' ');
    })
    .sort();
}

/** The values of a metric, by its labels as Prometheus writes them: `a="1",b="2"`, in order. */
export async function valuesOf(registry: Registry, name: string): Promise<Record<string, number>> {
  const [family = ''] = [name, name.replace(/_(bucket|count|sum)$/, '')].filter((n) => registry.getSingleMetric(n));
  const told = await registry.getSingleMetric(family)?.get();
  const rows = (told?.values ?? []) as { labels: Record<string, string>; value: number; metricName?: string }[];
  return Object.fromEntries(
    rows
      .filter(({ metricName = family }) => metricName === name)
      .map(({ labels, value }) => [
        Object.keys(labels)
          .sort()
          .map((label) => `${label}="${labels[label]}"`)
          .join(','),
        value,
      ]),
  );
}
