// Metrics of what happens with every request: prom-client looks at every label of each count; here the cell that a
// request counts in is found once, and a count is an addition. Told through prom-client's registry as the others are.
// https://prometheus.io/docs/instrumenting/exposition_formats/
import type { Metric, Registry } from 'prom-client';

export interface HotOptions {
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
    this.#all.push({ labels: Object.fromEntries(this.#labelNames.map((name, i) => [name, values[i]!])), cell });
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

  /** `refresh` is called before the numbers are told: what need not be counted is looked at then. */
  constructor(options: HotOptions & { type: 'counter' | 'gauge'; refresh?: () => void | Promise<void> }) {
    this.#cells = new Cells(options.labelNames, () => ({ value: 0 }));
    register(options, options.type, async () => {
      await options.refresh?.();
      return this.#cells.all().map(({ labels, cell }) => ({ labels, value: cell.value }));
    });
  }

  /** The number of these values of the labels, in their order: count with `cell.value++`. */
  of(...values: string[]): { value: number } {
    return this.#cells.of(values);
  }
}

export interface HistogramCell {
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
    register(options, 'histogram', () =>
      this.#cells.all().flatMap(({ labels, cell }) => cell.samples(options.name, labels)),
    );
  }

  of(...values: string[]): HistogramCell {
    return this.#cells.of(values);
  }
}
