// JSON paths as definitions of custom resources use them, for columns, scales and selectable fields: `.spec.replicas`,
// `.metadata.labels.app\.name`, `.status.conditions[?(@.type=="Ready")].status`, `.items[0]`, `.spec['a']`, `[*]`
// and of lists `[0:3:2]`, `[0,2]`, of what is anywhere below `..name`. Upstream: client-go's util/jsonpath, of which this
// is what a path without braces and functions needs.
// https://kubernetes.io/docs/reference/kubectl/jsonpath/
import { isObject } from '../../machinery/json.ts';

type Step =
  | { type: 'field'; name: string }
  | { type: 'slice'; start: number; end: number | undefined; step: number }
  | { type: 'union'; paths: readonly JsonPath[] }
  | { type: 'descent' }
  | { type: 'all' }
  | { type: 'filter'; left: Operand; operator: string; right: Operand };

type Operand = { path: readonly Step[] } | { value: unknown };

export type JsonPath = readonly Step[];

const maxPathLength = 2_000;
const comparisons = ['==', '!=', '<=', '>=', '<', '>'];

/** Reads a path. Throws an Error that says where it goes wrong. */
export function parseJsonPath(text: string): JsonPath {
  if (text.length > maxPathLength) throw new Error(`a path has at most ${maxPathLength} characters`);
  const trimmed = text.startsWith('$') || text.startsWith('@') ? text.slice(1) : text;
  const steps: Step[] = [];
  let at = 0;
  while (at < trimmed.length) {
    if (trimmed[at] === '.') {
      const { name, end } = readName(trimmed, at + 1);
      if (name === '*') steps.push({ type: 'all' });
      else if (name !== '') steps.push({ type: 'field', name });
      else if (trimmed[end] === '.') steps.push({ type: 'descent' });
      else if (trimmed[end] !== '[' && end < trimmed.length) throw new Error(`unexpected ${trimmed.slice(end)}`);
      at = end;
    } else if (trimmed[at] === '[') {
      const end = closingBracket(trimmed, at);
      steps.push(...readBracket(trimmed.slice(at + 1, end)));
      at = end + 1;
    } else {
      throw new Error(`unexpected ${JSON.stringify(trimmed.slice(at))}: a path begins with a dot`);
    }
  }
  return steps;
}

/** A name up to the next dot or bracket; a backslash takes what follows as it is. */
function readName(text: string, from: number): { name: string; end: number } {
  let name = '';
  let at = from;
  for (; at < text.length && text[at] !== '.' && text[at] !== '['; at++) {
    if (text[at] === '\\' && at + 1 < text.length) at++;
    name += text[at];
  }
  return { name, end: at };
}

function closingBracket(text: string, from: number): number {
  let quote = '';
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== '') {
      if (char === '\\') at++;
      else if (char === quote) quote = '';
    } else if (char === "'" || char === '"') quote = char;
    else if (char === '[') depth++;
    else if (char === ']' && --depth === 0) return at;
  }
  throw new Error('unterminated array');
}

function readBracket(inside: string): JsonPath {
  const text = inside.trim();
  if (text === '*') return [{ type: 'all' }];
  if (text.startsWith('?(') && text.endsWith(')')) return [readFilter(text.slice(2, -1))];
  // What is quoted is a path of its own: the dots of a name have backslashes there, too.
  const [, quoted] = /^'([^']*)'$/.exec(text) ?? [];
  if (quoted !== undefined) return parseJsonPath(`.${quoted}`);
  if (text.includes(',')) return [{ type: 'union', paths: text.split(',').map(readBracket) }];
  const [range, start, end, step] = sliceText.exec(text) ?? [];
  if (!range) throw new Error(`invalid array index ${text}`);
  const from = Number(start);
  // One index is the slice that ends after it.
  const to = end === undefined ? from + 1 || undefined : end === '' ? undefined : Number(end);
  return [{ type: 'slice', start: from, end: to, step: Number(step || 1) }];
}

const sliceText = /^(-?\d{1,9}|(?=:))(?::(-?\d{1,9}|))?(?::(\d{1,9}|))?$/;

function readQuoted(text: string): string | undefined {
  if (!/^(['"])(?:\\.|(?!\1)[^\\])*\1$/s.test(text)) return undefined;
  return text.slice(1, -1).replace(/\\(.)/g, '$1');
}

function readFilter(text: string): Step {
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const char = text[at]!;
    if (quote !== '') {
      if (char === quote) quote = '';
      continue;
    }
    if (char === "'" || char === '"') quote = char;
    const operator = comparisons.find((one) => text.startsWith(one, at));
    if (operator) {
      const right = readOperand(text.slice(at + operator.length));
      return { type: 'filter', left: readOperand(text.slice(0, at)), operator, right };
    }
  }
  return { type: 'filter', left: readOperand(text), operator: 'exists', right: { value: undefined } };
}

function readOperand(text: string): Operand {
  const trimmed = text.trim();
  if (trimmed.startsWith('@') || trimmed.startsWith('$')) return { path: parseJsonPath(trimmed) };
  const quoted = readQuoted(trimmed);
  if (quoted !== undefined) return { value: quoted };
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return { value: Number(trimmed) };
  if (trimmed === 'true' || trimmed === 'false') return { value: trimmed === 'true' };
  throw new Error(`unrecognized operand ${JSON.stringify(trimmed)}`);
}

/** What the path finds, in document order; by unions and descents nothing twice, or they would multiply it. */
export function findByPath(path: JsonPath, object: unknown): unknown[] {
  let found: unknown[] = [object];
  for (const step of path) {
    found = step.type === 'descent' ? below(found) : found.flatMap((value) => takeStep(step, value));
    if (step.type === 'union') found = [...new Set(found)];
  }
  return found;
}

function takeStep(step: Exclude<Step, { type: 'descent' }>, value: unknown): unknown[] {
  switch (step.type) {
    case 'field':
      return isObject(value) && Object.hasOwn(value, step.name) ? [value[step.name]] : [];
    case 'slice': {
      if (!Array.isArray(value)) return [];
      const [start, end] = [step.start, step.end ?? value.length].map((n) => (n < 0 ? value.length + n : n));
      // What is not all there is not there.
      if (start! < 0 || end! > value.length) return [];
      return value.slice(start, end).filter((_, i) => i % step.step === 0);
    }
    case 'union':
      return step.paths.flatMap((path) => findByPath(path, value));
    case 'all':
      return Array.isArray(value) ? value : isObject(value) ? Object.values(value) : [];
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => passes(step, item)) : [];
  }
}

/** The objects and lists in values that have something, each of those first; each once, wherever it is met. */
function below(values: readonly unknown[]): unknown[] {
  const found = new Set<unknown>();
  const left = [...values].reverse();
  while (left.length > 0) {
    const one = left.pop();
    const parts = typeof one === 'object' && one !== null && !found.has(one) ? Object.values(one) : [];
    if (parts.length > 0) found.add(one);
    for (const part of parts.reverse()) left.push(part);
  }
  return [...found];
}

function passes(filter: Step & { type: 'filter' }, item: unknown): boolean {
  const left = operandValue(filter.left, item);
  if (filter.operator === 'exists') return left !== undefined;
  const right = operandValue(filter.right, item);
  if (left === undefined || right === undefined) return false;
  switch (filter.operator) {
    case '==':
      return left === right;
    case '!=':
      return left !== right;
  }
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false;
  const [a, b] = [left, right as typeof left];
  if (filter.operator === '<') return a < b;
  if (filter.operator === '<=') return a <= b;
  return filter.operator === '>' ? a > b : a >= b;
}

const operandValue = (operand: Operand, item: unknown): unknown =>
  'value' in operand ? operand.value : findByPath(operand.path, item)[0];
