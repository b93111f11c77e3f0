// A configuration file as documents whose fields know where they stand: what is wrong is told with the file, the line
// and the path of the field, and a field that nobody asks for is refused.
import { TextError } from '../../machinery/json-reader.ts';
import { readYamlLines, type YamlLines } from '../../machinery/yaml-reader.ts';
import { UserError } from '../user-error.ts';

interface Source {
  /** What the user calls the file. */
  file: string;
  /** Lines of the file before the text of the document. */
  above: number;
  lines: YamlLines;
}

/** A value of a document with its place. */
export class Field {
  readonly path: string;
  readonly line: number;
  readonly value: unknown;
  readonly #source: Source;

  constructor(source: Source, place: { path: string; line: number }, value: unknown) {
    this.#source = source;
    this.path = place.path;
    this.line = place.line;
    this.value = value;
  }

  get file(): string {
    return this.#source.file;
  }

  /** `file:line: path`: for what is found later. */
  get place(): string {
    return `${this.file}:${this.line}: ${this.path}`;
  }

  refuse(why: string): UserError {
    return new UserError(`${this.place}${this.path === '' ? '' : ': '}${why}`);
  }

  /** The fields of an object. Throws for any that is not `known`. */
  fields<K extends string>(known: readonly K[]): { [P in K]?: Field } {
    const all = this.entries();
    const names: readonly string[] = known;
    for (const [name, field] of all) {
      if (!names.includes(name)) throw field.refuse(`is not supported; known here: ${known.join(', ')}`);
    }
    return Object.fromEntries(all) as { [P in K]?: Field };
  }

  /** The entries of an object, null being an empty one. */
  entries(): [string, Field][] {
    if (this.value === null) return [];
    if (typeof this.value !== 'object' || Array.isArray(this.value)) throw this.refuse('must be an object');
    const object = this.value;
    return Object.entries(object)
      .filter(([, value]) => value !== null)
      .map(([key, value]) => [key, this.#child(object, key, value, this.path === '' ? key : `${this.path}.${key}`)]);
  }

  /** The items of a list, null being an empty one. */
  items(): Field[] {
    if (this.value === null) return [];
    const list = this.value;
    if (!Array.isArray(list)) throw this.refuse('must be a list');
    return list.map((value, index) => this.#child(list, index, value, `${this.path}[${index}]`));
  }

  text(): string {
    if (typeof this.value !== 'string') throw this.refuse('must be a string');
    return this.value;
  }

  boolean(): boolean {
    if (typeof this.value !== 'boolean') throw this.refuse('must be true or false');
    return this.value;
  }

  integer(): number {
    if (!Number.isInteger(this.value)) throw this.refuse('must be a whole number');
    return this.value as number;
  }

  /** Refuses every value but those. */
  oneOf<T>(values: readonly T[]): T {
    if (!values.includes(this.value as T)) {
      const shown = values.map((value) => JSON.stringify(value)).join(' or ');
      throw this.refuse(`must be ${shown}, not ${JSON.stringify(this.value)}`);
    }
    return this.value as T;
  }

  /** The documents of a text that stands in the file itself. */
  documents(): Field[] {
    // What a block holds begins in the line below.
    return readDocuments(this.text(), this.file, { above: this.line, path: this.path });
  }

  #child(parent: object, key: string | number, value: unknown, path: string): Field {
    const found = this.#source.lines.get(parent)?.get(key);
    return new Field(this.#source, { path, line: found === undefined ? this.line : found + this.#source.above }, value);
  }
}

/** The documents of `text`, the empty ones left out. Throws UserError for what is no YAML. */
export function readDocuments(text: string, file: string, within = { above: 0, path: '' }): Field[] {
  const out: Field[] = [];
  const lines = text.split('\n');
  for (let first = 0; first < lines.length; ) {
    let next = first + 1;
    while (next < lines.length && !/^---(\s|$)/.test(lines[next]!)) next++;
    const above = within.above + first;
    const document = lines.slice(first, next).join('\n');
    first = next;
    const { value, duplicates, lines: known } = parse(document, { file, above });
    if (duplicates.length > 0) throw new UserError(inFile(duplicates[0]!, { file, above }));
    if (value === null) continue;
    const line = above + 1 + document.split('\n').findIndex((one) => /^[^#\s-]/.test(one));
    out.push(new Field({ file, above, lines: known }, { path: within.path, line: Math.max(line, above + 1) }, value));
  }
  return out;
}

/** What the reader of a document says, with the file and the line in it. */
function inFile(message: string, { file, above }: { file: string; above: number }): string {
  const [, line] = /line (\d+): /.exec(message) ?? [];
  const what = message.replace(/^yaml: (unmarshal errors:\s*)?/, '').replace(/line \d+: /, '');
  return `${file}:${Number(line ?? 1) + above}: ${what}`;
}

function parse(text: string, place: { file: string; above: number }) {
  try {
    return readYamlLines(text);
  } catch (err) {
    if (err instanceof TextError) throw new UserError(inFile(err.message, place), { cause: err });
    throw err;
  }
}
