// Field sets as clients send them in managedFields. Upstream: fieldpath's reading of FieldsV1.

import { goJson } from '../go-json.ts';
import { isObject, jsonEqual } from '../json.ts';
import { emptySet, type FieldSet, inOrderThroughout, leaf, nodeOf } from './set.ts';

/** The set in the form that all sets here have, or undefined where it cannot be read. */
export function readFieldSet(fields: unknown): FieldSet | undefined {
  if (fields === undefined || fields === null) return emptySet;
  const children = readChildren(fields);
  return children && inOrderThroughout(children);
}

function readChildren(fields: unknown): FieldSet | undefined {
  if (!isObject(fields)) return undefined;
  const out: Record<string, FieldSet> = {};
  for (const [given, value] of Object.entries(fields)) {
    if (given === '.') continue;
    const element = readElement(given);
    if (element === undefined) return undefined;
    const children = readChildren(value);
    if (!children) return undefined;
    const isOwn = Object.keys(value as object).every((key) => key === '.') || Object.hasOwn(value as object, '.');
    // A kind of element that is not known, from a later version, is left out, as upstream does.
    const node = element === '' ? undefined : (nodeOf(isOwn, children) ?? leaf);
    if (node) out[element] = node;
  }
  return out;
}

/** An element in canonical form; '' is one of no known kind, undefined one that is none. */
function readElement(text: string): string | undefined {
  if (text[1] !== ':') return undefined;
  const rest = text.slice(2);
  if (text[0] === 'f') return text;
  if (text[0] === 'i') return /^-?\d{1,15}$/.test(rest) ? text : undefined;
  if (text[0] !== 'k' && text[0] !== 'v') return '';
  try {
    const value = JSON.parse(rest) as unknown;
    if (text[0] === 'v') return `v:${goJson(value)}`;
    if (!isObject(value)) return undefined;
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `k:{${entries.map(([name, v]) => `${JSON.stringify(name)}:${goJson(v)}`).join(',')}}`;
  } catch {
    return undefined;
  }
}

/** The set that a client sent back as it had got it, or else as it can be read. */
export function readFieldSetLike(known: unknown, fields: unknown): FieldSet | undefined {
  return known !== undefined && jsonEqual(known, fields) ? (known as FieldSet) : readFieldSet(fields);
}
