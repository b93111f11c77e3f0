// JSON as Go's encoding/json writes it, where clients compare bytes.
import { writeJson } from './json.ts';

const escaped = /[<>&\u2028\u2029]/g;
const needsEscape = /[<>&\u2028\u2029]/;

/** Like writeJson, with the characters escaped that mean something in HTML or JavaScript. */
export function goJson(value: unknown): string {
  const text = writeJson(value);
  if (!needsEscape.test(text)) return text;
  return text.replace(escaped, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A copy whose objects have their keys in the order in which Go writes those of a map. */
export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}
