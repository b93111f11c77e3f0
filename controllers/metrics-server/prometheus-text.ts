// Reads metrics as programs show them to Prometheus. One pass over the text; what is too much or malformed is refused.
// https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
import type { Labels } from '../../machinery/labels.ts';

export interface Sample {
  name: string;
  labels: Labels;
  value: number;
  /** When it was measured, in milliseconds since the epoch, where that is said. */
  atMs?: number;
}

const maxSamples = 20_000;
const maxLineLength = 64 * 1024;
const namePart = /[a-zA-Z_:][\w:]*/y;
const labelPart = /[ \t]*([a-zA-Z_]\w*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*,?/y;
const closePart = /[ \t]*\}/y;
const valuePart = /[ \t]*([^ \t]+)(?:[ \t]+(-?\d+))?[ \t]*$/y;
const numberForm = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const specials: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Infinity,
  '+inf': Infinity,
  '-inf': -Infinity,
};
const escapes: Readonly<Record<string, string>> = { n: '\n' };

function numberOf(text: string): number | undefined {
  return numberForm.test(text) ? Number(text) : specials[text.toLowerCase()];
}

/** Throws with the number of a line that is no sample. Comments, types among them, are passed over. */
export function parseExposition(text: string): Sample[] {
  const samples: Sample[] = [];
  let number = 0;
  for (const line of linesOf(text)) {
    number++;
    if (line === '' || line.startsWith('#')) continue;
    const sample = line.length > maxLineLength ? undefined : parseSample(line);
    if (!sample) throw new Error(`line ${number} is no sample: ${JSON.stringify(line.slice(0, 80))}`);
    if (samples.push(sample) > maxSamples) throw new Error(`more than ${maxSamples} samples`);
  }
  return samples;
}

function* linesOf(text: string): Iterable<string> {
  for (let at = 0; at < text.length; ) {
    const found = text.indexOf('\n', at);
    const end = found < 0 ? text.length : found;
    yield text.slice(at, end).trim();
    at = end + 1;
  }
}

function parseSample(line: string): Sample | undefined {
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (match) at = pattern.lastIndex;
    return match ?? undefined;
  };
  const name = take(namePart)?.[0];
  if (name === undefined) return undefined;
  const labels: Record<string, string> = {};
  while (line[at] === ' ' || line[at] === '\t') at++;
  if (line[at] === '{') {
    at++;
    for (let label = take(labelPart); label; label = take(labelPart)) {
      labels[label[1]!] = label[2]!.replaceAll(/\\(.)/g, (_, char: string) => escapes[char] ?? char);
    }
    if (!take(closePart)) return undefined;
  }
  const [, valueText = '', atText] = take(valuePart) ?? [];
  const value = numberOf(valueText);
  if (value === undefined) return undefined;
  return { name, labels, value, ...(atText === undefined ? {} : { atMs: Number(atText) }) };
}
