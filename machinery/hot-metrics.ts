// Counters, gauges and histograms: prom-client looks at every label of each count; here the cell that a request counts
// in is found once, and a count is an addition. Told through prom-client's registry.
// https://prometheus.io/docs/instrumenting/exposition_formats/
import type { Metric, Registry } from 'prom-client';

interface HotOptions {
  name: string;
  help: string;
  labelNames: readonly string[];
  registry: Registry;
}

interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

/** The values of labels that follow a value; those of all labels have the cell. */
interface Branch<T> {
  next: Map<string, Branch<T>>;
  cell?: T;
}

const labelsOf = (names: readonly string[], values: readonly string[]): Record<string, string> =>
  Object.fromEntries(names.map((name, i) => [name, values[i]!]));

/** What belongs to each combination of values: made when it is first asked for. */
export class Cells<T> {
  readonly #labelNames: readonly string[];
  readonly #make: (values: readonly string[]) => T;
  readonly #root: Branch<T> = { next: new Map() };
  readonly #all: { labels: Record<string, string>; cell: T }[] = [];

  constructor(labelNames: readonly string[], make: (values: readonly string[]) => T) {
    this.#labelNames = labelNames;
    this.#make = make;
  }

  of(values: readonly string[]): T {
    let branch = this.#root;
    for (const value of values) {
      let next = branch.next.get(value);
      if (!next) {
        next = { next: new Map() };
        branch.next.set(value, next);
      }
      branch = next;
    }
    branch.cell ??= this.#add(values);
    return branch.cell;
  }

  #add(values: readonly string[]): T {
    const cell = this.#make(values);
    this.#all.push({ labels: labelsOf(this.#labelNames, values), cell });
    return cell;
  }

  all() {
    return this.#all;
  }
}

function register(options: HotOptions, type: string, samples: () => Sample[] | Promise<Sample[]>): void {
  const { registry, ...told } = options;
  const get = async () => ({ ...told, type, values: await samples() });
  registry.registerMetric({ ...told, type, aggregator: 'sum', get } as unknown as Metric);
}

/** A counter or a gauge. */
export class HotNumber {
  readonly #cells: Cells<{ value: number }>;

  constructor(options: HotOptions & { type: 'counter' | 'gauge' }) {
    this.#cells = new Cells(options.labelNames, () => ({ value: 0 }));
    if (options.labelNames.length === 0) this.of(); // told from the start, as 0
    register(options, options.type, () => this.#cells.all().map(({ labels, cell }) => ({ labels, value: cell.value })));
  }

  /** The number of these values of the labels, in their order: count with `cell.value++`. */
  of(...values: string[]): { value: number } {
    return this.#cells.of(values);
  }
}

interface HistogramCell {
  observe(value: number): void;
}

class Observed implements HistogramCell {
  readonly bounds: readonly number[];
  /** How many values are in each bucket and in none below it; one more for what is above all. */
  readonly counts: Float64Array;
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    this.sum += value;
    let i = 0;
    while (i < this.bounds.length && value > this.bounds[i]!) i++;
    this.counts[i]!++;
  }

  samples(name: string, labels: Record<string, string>): Sample[] {
    let below = 0;
    const buckets = [...this.bounds, '+Inf'].map((le, i) => {
      below += this.counts[i]!;
      return { labels: { ...labels, le }, value: below, metricName: `${name}_bucket` };
    });
    return [
      ...buckets,
      { labels, value: this.sum, metricName: `${name}_sum` },
      { labels, value: below, metricName: `${name}_count` },
    ];
  }
}

export class HotHistogram {
  readonly #cells: Cells<Observed>;

  /** `buckets` are upper bounds, in order. */
  constructor(options: HotOptions & { buckets: readonly number[] }) {
    this.#cells = new Cells(options.labelNames, () => new Observed(options.buckets));
    if (options.labelNames.length === 0) this.of();
    register(options, 'histogram', () =>
      this.#cells.all().flatMap(({ labels, cell }) => cell.samples(options.name, labels)),
    );
  }

  of(...values: string[]): HistogramCell {
    return this.#cells.of(values);
  }
}

/** Numbers with the values of their labels. */
type Told = readonly (readonly [values: readonly string[], value: number])[];

/** Makes metrics in a registry whose names begin alike. */
export function metricsIn(registry: Registry, prefix = '') {
  const named = (name: string, help: string, labelNames: readonly string[] = []) => {
    return { name: prefix + name, help, labelNames, registry };
  };
  return {
    counter: (...of: Parameters<typeof named>) => new HotNumber({ type: 'counter', ...named(...of) }),
    gauge: (...of: Parameters<typeof named>) => new HotNumber({ type: 'gauge', ...named(...of) }),
    histogram: (name: string, help: string, labelNames: readonly string[], buckets: readonly number[]) =>
      new HotHistogram({ ...named(name, help, labelNames), buckets }),
    /** A metric that is looked up when it is told. */
    seen(type: 'counter' | 'gauge', of: Parameters<typeof named>, read: () => Told | Promise<Told>): void {
      const options = named(...of);
      register(options, type, async () =>
        (await read()).map(([values, value]) => ({ labels: labelsOf(options.labelNames, values), value })),
      );
    },
  };
}
