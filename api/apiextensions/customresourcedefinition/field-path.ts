// Paths to fields of a custom resource, as rules and selectable fields name them: `.spec.a` or
// `.spec['a.b']`. Upstream: ValidFieldPath in apiextensions-apiserver's schema/cel/validation.go.
import type { JSONSchemaProps } from './json-schema.ts';
import { valuesOf } from './schema-walk.ts';

interface FoundField {
  /** As error texts write it: `spec.a`, `spec.labels[b]`. */
  path: string;
  /** Name of the first field on the way. */
  root: string;
  schema: JSONSchemaProps | undefined;
}

const tokens = /'(?:\\.|[^'\\])*'|[.[\]]|[^.[\]]+/gs;
const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  "'": "'",
  '\\': '\\',
};

/** Finds the field, or says why there is none. */
export function findField(text: string, root: JSONSchemaProps, allowBrackets = true): FoundField | string {
  const parts = text.match(tokens) ?? [];
  const found: FoundField = { path: '', root: '', schema: root };
  for (let i = 0; i < parts.length; ) {
    const start = parts[i++]!;
    if (start !== '.' && start !== '[') return `expected [ or . but got: ${start}`;
    if (start === '[' && !allowBrackets) return 'array notation is not allowed';
    let name = parts[i++];
    if (name === undefined) return 'unexpected end of JSON path';
    if (start === '[') {
      const unquoted = unquote(name);
      if (typeof unquoted !== 'string') return unquoted.problem;
      name = unquoted;
    }
    if (!step(found, name)) return 'does not refer to a valid field';
    if (start === '.') continue;
    const end = parts[i++];
    if (end === undefined) return 'unexpected end of JSON path';
    if (end !== ']') return `expected ] but got ${end}`;
  }
  return found;
}

function step(found: FoundField, name: string): boolean {
  const { properties } = found.schema ?? {};
  if (properties) {
    if (!Object.hasOwn(properties, name)) return false;
    found.schema = properties[name];
    found.path += found.path ? `.${name}` : name;
  } else {
    if (!found.schema?.additionalProperties) return false;
    found.schema = valuesOf(found.schema);
    found.path += `[${name}]`;
  }
  found.root ||= name;
  return true;
}

function unquote(text: string): string | { problem: string } {
  if (!/^'.*'$/s.test(text) || text.length < 2) return { problem: `expected single quoted string but got ${text}` };
  let problem: string | undefined;
  const plain = text.slice(1, -1).replace(/\\(.)/gs, (whole, char: string) => {
    if (!Object.hasOwn(escapes, char)) problem ??= `invalid string literal: invalid escape char ${whole}`;
    return escapes[char] ?? '';
  });
  return problem === undefined ? plain : { problem };
}
