// JSON as Go's encoding/json writes it, where clients compare bytes.
import { writeJson } from './json.ts';
import type { Steps } from './steps.ts';

const escaped = /[<>&\u2028\u2029]/g;
const needsEscape = /[<>&\u2028\u2029]/;

/** Like writeJson, with the characters escaped that mean something in HTML or JavaScript. */
export function goJson(value: unknown): string {
  const text = writeJson(value);
  if (!needsEscape.test(text)) return text;
  return text.replace(escaped, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A copy whose objects have their keys in the order in which Go writes those of a map. */
export function sortKeys<T>(value: T): T {
  if (Array.isArray(value)) return value.map(sortKeys) as T;
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)])) as T;
}

/** Compact JSON text, indented by `step` as Go's encoding/json does it for people. */
export const indentJson = (text: string, step = '  '): string => [...indented([text], step)].join('');

/** The same as bytes, of texts that make one together; each ends outside of strings and of what is empty. */
export function* indentInSteps(texts: Iterable<string>): Steps<Buffer[]> {
  const chunks: Buffer[] = [];
  for (const chunk of indented(texts, '  ')) {
    chunks.push(Buffer.from(chunk));
    yield;
  }
  return chunks;
}

const partsPerChunk = 2000;

function* indented(texts: Iterable<string>, step: string): Generator<string> {
  let depth = 0;
  for (const text of texts) depth = yield* indentedAt(depth, text, step);
}

/** Returns how deep it ends. */
function* indentedAt(start: number, text: string, step: string): Generator<string, number> {
  let out: string[] = [];
  let depth = start;
  let from = 0;
  for (let i = 0; i < text.length; i++) {
    if (out.length > partsPerChunk) {
      yield out.join('');
      out = [];
    }
    const c = text[i]!;
    if (c === '"') {
      i = endOfString(text, i);
      continue;
    }
    const isOpening = c === '{' || c === '[';
    const isEmpty = isOpening && (text[i + 1] === '}' || text[i + 1] === ']');
    if (isEmpty) i++;
    else if (isOpening || c === ',') {
      if (isOpening) depth++;
      out.push(text.slice(from, i + 1), '\n', step.repeat(depth));
      from = i + 1;
    } else if (c === '}' || c === ']') {
      depth--;
      out.push(text.slice(from, i), '\n', step.repeat(depth));
      from = i;
    } else if (c === ':') {
      out.push(text.slice(from, i + 1), ' ');
      from = i + 1;
    }
  }
  yield `${out.join('')}${text.slice(from)}`;
  return depth;
}

/** Where the string ends that begins at `start`. */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i;
}
