// Metrics of which every sample bears the time of its measurement, in the text format of Prometheus.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format

export type Families = Readonly<Record<string, readonly [type: 'counter' | 'gauge', help: string]>>;

export class Exposition<F extends Families> {
  readonly #families: F;
  readonly #samples = new Map<string, string[]>();

  constructor(families: F) {
    this.#families = families;
  }

  /** A sample without a value is left out. */
  add(
    family: keyof F & string,
    labels: Readonly<Record<string, string>>,
    value: number | undefined,
    atMs?: number,
  ): void {
    if (value === undefined || Number.isNaN(value)) return;
    const pairs = Object.entries(labels).map(([key, text]) => `${key}=${JSON.stringify(text)}`);
    const line = `${family}${pairs.length > 0 ? `{${pairs.join(',')}}` : ''} ${value}${atMs ? ` ${atMs}` : ''}\n`;
    const samples = this.#samples.get(family);
    if (samples) samples.push(line);
    else this.#samples.set(family, [line]);
  }

  render(): string {
    return Object.entries(this.#families)
      .filter(([family]) => this.#samples.has(family))
      .map(([family, [type, help]]) => {
        const samples = this.#samples.get(family)!.join('');
        return `# HELP ${family} ${help}\n# TYPE ${family} ${type}\n${samples}`;
      })
      .join('');
  }
}
