// Writes JSON values as YAML that readers of 1.1 and 1.2 take for the same: block style, two spaces,
// strings without quotes only where nobody could read anything else. In time linear in the value, and
// without aliases.
import { writeJson } from './json.ts';
import type { Steps } from './steps.ts';
import { resolvePlain } from './yaml-resolve.ts';

const plain = /^[A-Za-z_/][\w./:@+-]*(?: [\w./@+-]+)*$/;
const maxPlainCharacters = 200;
/** Text of several lines that a literal block keeps as it is: no blanks at the ends of lines, nothing invisible. */
const literal = /^[^\s\x7f-\xa0]/;
const notLiteral = /[^\n\t\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd]|[\u2028\u2029]|[ \t]\n|[ \t]$/;

const partsPerChunk = 2000;

/** What has been written, and what waits to be joined to it. */
interface Out {
  chunks: string[];
  parts: string[];
}

/** The value as a document, its last line ended. */
export function* yamlInSteps(value: unknown): Steps<string> {
  const out: Out = { chunks: [], parts: [] };
  yield* write(value, '', '', out);
  return out.chunks.join('') + out.parts.join('');
}

/** Writes a value behind `lead`, which stands at the end of the line so far; what it holds is indented by `indent`. */
function* write(value: unknown, lead: string, indent: string, out: Out): Steps<void> {
  if (out.parts.length > partsPerChunk) {
    out.chunks.push(out.parts.join(''));
    out.parts = [];
    yield;
  }
  if (typeof value !== 'object' || value === null) {
    out.parts.push(lead, scalar(value, indent), '\n');
  } else if (Array.isArray(value)) {
    if (value.length === 0) out.parts.push(lead, '[]\n');
    else yield* writeList(value, lead, indent, out);
  } else {
    yield* writeMap(value as Record<string, unknown>, lead, indent, out);
  }
}

function* writeList(list: readonly unknown[], lead: string, indent: string, out: Out): Steps<void> {
  // Behind a dash the first item goes on in the same line.
  let start = lead === '' || lead.endsWith('- ') ? lead : `${lead.trimEnd()}\n${indent}`;
  for (const item of list) {
    yield* write(item, `${start}- `, `${indent}  `, out);
    start = indent;
  }
}

function* writeMap(map: Record<string, unknown>, lead: string, indent: string, out: Out): Steps<void> {
  let start = lead === '' || lead.endsWith('- ') ? lead : `${lead.trimEnd()}\n${indent}`;
  let isEmpty = true;
  for (const key in map) {
    const value = map[key];
    if (value === undefined) continue;
    isEmpty = false;
    const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
    yield* write(value, `${start}${word(key)}: `, isMap ? `${indent}  ` : indent, out);
    start = indent;
  }
  if (isEmpty) out.parts.push(lead, '{}\n');
}

function scalar(value: unknown, indent: string): string {
  if (typeof value !== 'string') return writeJson(value) ?? 'null';
  if (value.includes('\n') && literal.test(value) && !notLiteral.test(value)) return block(value, indent);
  return word(value);
}

/** A literal block; its text is indented below what it belongs to. */
function block(text: string, indent: string): string {
  const body = text.replace(/\n+$/, '');
  const ended = text.length - body.length;
  const mark = ended === 0 ? '|-' : ended === 1 ? '|' : '|+';
  const shown = ended > 1 ? text.slice(0, -1) : body;
  return `${mark}\n${indent}  ${shown.replaceAll('\n', `\n${indent}  `)}`.replace(/\n +(?=\n|$)/g, '\n');
}

function word(text: string): string {
  if (text.length <= maxPlainCharacters && plain.test(text) && !/:(?: |$)/.test(text) && resolvePlain(text) === text)
    return text;
  // JSON's strings are YAML's, but for characters that YAML wants escaped.
  return JSON.stringify(text).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
