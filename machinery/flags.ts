// Command-line flags of the components, declared as data so that parsing, --help and errors come from one table.

interface FlagSpec {
  type: 'string' | 'number' | 'boolean' | 'list';
  doc: string;
  /** The value when the flag is not given. A flag without a default is left out of the result. */
  default?: string | number | boolean | readonly string[];
  required?: boolean;
}

export type FlagTable = Record<string, FlagSpec>;

function of<const T extends FlagSpec['type']>(type: T) {
  return <const O extends Pick<FlagSpec, 'default' | 'required'>>(doc: string, options?: O) =>
    ({ type, doc, ...options }) as { type: T; doc: string } & O;
}

/** A row of the table: what the flag is for, and its options. */
export const flag = { string: of('string'), number: of('number'), boolean: of('boolean'), list: of('list') };

type ValueOf<S extends FlagSpec> = S['type'] extends 'number'
  ? number
  : S['type'] extends 'boolean'
    ? boolean
    : S['type'] extends 'list'
      ? string[]
      : string;

type IsPresent<S extends FlagSpec> = S extends { required: true }
  ? true
  : S extends { default: unknown }
    ? true
    : false;

/** The parsed flags: always there when required or defaulted, else optional. */
export type Flags<T extends FlagTable> = {
  [K in keyof T as IsPresent<T[K]> extends true ? K : never]: ValueOf<T[K]>;
} & {
  [K in keyof T as IsPresent<T[K]> extends true ? never : K]?: ValueOf<T[K]>;
};

export class FlagError extends Error {}

/** Parses `--name value`, `--name=value` and `--switch`. Throws FlagError on anything it does not know. */
export function parseFlags<T extends FlagTable>(table: T, argv: readonly string[]): Flags<T> {
  const out: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(table)) if (spec.default !== undefined) out[name] = spec.default;
  for (let i = 0; i < argv.length; i++) {
    const arg = argv[i]!;
    const [, name = '', , inline] = /^--([a-z0-9-]+)(=([\s\S]*))?$/.exec(arg) ?? [];
    const spec = table[name];
    if (!spec) throw new FlagError(`unknown argument ${JSON.stringify(arg)}`);
    if (spec.type === 'boolean') {
      if (inline !== undefined && inline !== 'true' && inline !== 'false') {
        throw new FlagError(`--${name} takes true or false`);
      }
      out[name] = inline !== 'false';
      continue;
    }
    const text = inline ?? argv[++i];
    if (text === undefined) throw new FlagError(`--${name} needs a value`);
    out[name] = parseValue(name, spec, text);
  }
  for (const [name, spec] of Object.entries(table)) {
    if (spec.required && out[name] === undefined) throw new FlagError(`--${name} is required`);
  }
  return out as Flags<T>;
}

function parseValue(name: string, spec: FlagSpec, text: string): unknown {
  if (spec.type === 'list') return text.split(',').filter((x) => x !== '');
  if (spec.type === 'string') return text;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new FlagError(`--${name} takes a number, not "${text}"`);
  return value;
}

/** The text of `k8ts <component> --help`. */
export function describeFlags(command: string, summary: string, table: FlagTable): string {
  const rows = Object.entries(table).map(([name, spec]) => {
    const kind = spec.type === 'boolean' ? '' : ` <${spec.type}>`;
    const note = spec.required ? ' (required)' : spec.default === undefined ? '' : ` (default ${String(spec.default)})`;
    return [`  --${name}${kind}`, `${spec.doc}${note}`] as const;
  });
  const width = Math.max(...rows.map(([left]) => left.length));
  return `${summary}\n\nUsage: ${command} [flags]\n\n${rows.map(([a, b]) => `${a.padEnd(width)}  ${b}`).join('\n')}\n`;
}
