// Label selectors: the LabelSelector of specs, the text form of `?labelSelector=`, and matching.
// Upstream: apimachinery's labels and the selector half of apis/meta/v1.
import { joinErrors } from './errors.ts';
import { type FieldError, invalid, showError } from './field-error.ts';
import type { LabelSelector } from './metadata.ts';
import { checkLabelValue, checkQualifiedName } from './name-rules.ts';

export type Labels = Readonly<Record<string, string>>;

/** `!` is "does not exist"; `exists` has no values; `gt` and `lt` compare whole numbers. */
export type SelectorOperator = '=' | '==' | '!=' | 'in' | 'notin' | 'exists' | '!' | 'gt' | 'lt';

export interface SelectorRequirement {
  readonly key: string;
  readonly operator: SelectorOperator;
  readonly values: readonly string[];
}

/** All requirements must hold; none at all matches everything. */
export type Selector = readonly SelectorRequirement[];

/** A text that is no selector; the message is fit for the client. */
class SelectorError extends Error {}

export function matchesLabels(selector: Selector, labels: Labels | undefined): boolean {
  return selector.every((requirement) => matchesRequirement(requirement, labels ?? {}));
}

function matchesRequirement({ key, operator, values }: SelectorRequirement, labels: Labels): boolean {
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case '==':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
      return compareWhole(value, values[0], (a, b) => a > b);
    case 'lt':
      return compareWhole(value, values[0], (a, b) => a < b);
  }
}

/** One of 64 bits. */
const isWhole = (text: string) => /^[+-]?\d+$/.test(text) && BigInt.asIntN(64, BigInt(text)) === BigInt(text);

function compareWhole(
  value: string | undefined,
  bound: string | undefined,
  test: (a: bigint, b: bigint) => boolean,
): boolean {
  if (value === undefined || bound === undefined || !isWhole(value) || !isWhole(bound)) return false;
  return test(BigInt(value), BigInt(bound));
}

/** Whether a LabelSelector selects these labels. An absent one selects nothing, an empty one everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  return selector !== undefined && matchesLabels(selectorOf(selector), labels);
}

const operatorOf: Record<string, SelectorOperator> = { In: 'in', NotIn: 'notin', Exists: 'exists', DoesNotExist: '!' };

// A selector belongs to an immutable cached object and is asked about many times.
const selectors = new WeakMap<LabelSelector, Selector>();

/** The requirements of a LabelSelector, sorted by key. Unknown operators match nothing. */
function selectorOf(selector: LabelSelector): Selector {
  const known = Object.isFrozen(selector) ? selectors.get(selector) : undefined;
  if (known) return known;
  const requirements: SelectorRequirement[] = [];
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    requirements.push({ key, operator: '=', values: [value] });
  }
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    requirements.push({ key, operator: operatorOf[operator] ?? 'in', values: [...(values ?? [])].sort() });
  }
  requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  if (Object.isFrozen(selector)) selectors.set(selector, requirements);
  return requirements;
}

/** The text form, which `parseLabelSelector` reads back. */
export function formatSelector(selector: Selector): string {
  return selector.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: SelectorRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    case 'gt':
      return `${key}>${values[0]}`;
    case 'lt':
      return `${key}<${values[0]}`;
    default:
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

/** The text form of a LabelSelector; empty for one that is absent or empty. */
export function formatLabelSelector(selector: LabelSelector | undefined): string {
  return selector ? formatSelector(selectorOf(selector)) : '';
}

/** `a=b,c=d` of plain labels, sorted; `<none>` without any. */
export function formatLabels(labels: Labels | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);
  return pairs.length ? pairs.sort().join(',') : '<none>';
}

/** A selector for exactly these labels. */
export function selectorFromLabels(labels: Labels): Selector {
  return selectorOf({ matchLabels: { ...labels } });
}

interface Token {
  /** `end`, `word`, or the operator itself. */
  type: string;
  text: string;
}

const tokenPattern = /[ \t\r\n]*(?:(==|!=|[()!=<>,])|([^ \t\r\n()!=<>,]+))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  tokenPattern.lastIndex = 0;
  for (let match = tokenPattern.exec(text); match; match = tokenPattern.exec(text)) {
    tokens.push(match[1] ? { type: match[1], text: match[1] } : { type: 'word', text: match[2]! });
  }
  tokens.push({ type: 'end', text: '' });
  return tokens;
}

/** Reads `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`. Throws SelectorError. */
export function parseLabelSelector(text: string): Selector {
  const tokens = tokenize(text);
  const requirements: SelectorRequirement[] = [];
  let at = 0;
  const peek = () => tokens[at]!;
  const next = () => tokens[Math.min(at++, tokens.length - 1)]!;
  while (peek().type !== 'end') {
    if (peek().type !== 'word' && peek().type !== '!') {
      throw new SelectorError(`found '${peek().text}', expected: !, identifier, or 'end of string'`);
    }
    requirements.push(parseRequirement(peek, next));
    const after = next();
    if (after.type === 'end') break;
    if (after.type !== ',') throw new SelectorError(`found '${after.text}', expected: ',' or 'end of string'`);
    if (peek().type !== 'word' && peek().type !== '!') {
      throw new SelectorError(`found '${peek().text}', expected: identifier after ','`);
    }
  }
  return requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
}

function parseRequirement(peek: () => Token, next: () => Token): SelectorRequirement {
  const fail = (why: string) => new SelectorError(`unable to parse requirement: ${why}`);
  const negated = peek().type === '!';
  if (negated) next();
  const name = next();
  if (name.type !== 'word') throw fail(`found '${name.text}', expected: identifier`);
  const key = name.text;
  const keyComplaints = checkQualifiedName(key);
  if (keyComplaints.length) throw fail(showError(invalid('<nil>', key, keyComplaints.join('; '))));
  if (negated) return { key, operator: '!', values: [] };
  if (peek().type === 'end' || peek().type === ',') return { key, operator: 'exists', values: [] };
  const operatorToken = next();
  const operator = operatorOfToken(operatorToken);
  if (operator === undefined) throw fail(`found '${operatorToken.text}', expected: in, notin, =, ==, !=, gt, lt`);
  const values = operator === 'in' || operator === 'notin' ? parseValues(next, fail) : [parseValue(peek, next, fail)];
  const errors: FieldError[] = [];
  if ((operator === 'gt' || operator === 'lt') && !isWhole(values[0]!)) {
    errors.push(invalid('values[0]', values[0], "for 'Gt', 'Lt' operators, the value must be an integer"));
  }
  for (const [i, value] of values.entries()) {
    const complaints = checkLabelValue(value);
    if (complaints.length) errors.push(invalid(`values[${i}][${key}]`, value, complaints.join('; ')));
  }
  if (errors.length > 0) throw fail(joinErrors(errors.map(showError)));
  return { key, operator, values };
}

function operatorOfToken(token: Token): SelectorOperator | undefined {
  if (token.type === '=' || token.type === '==' || token.type === '!=') return token.type;
  if (token.type === '>') return 'gt';
  if (token.type === '<') return 'lt';
  return token.type === 'word' && (token.text === 'in' || token.text === 'notin') ? token.text : undefined;
}

function parseValue(peek: () => Token, next: () => Token, fail: (why: string) => Error): string {
  if (peek().type === 'end' || peek().type === ',') return '';
  const token = next();
  if (token.type !== 'word') throw fail(`found '${token.text}', expected: identifier`);
  return token.text;
}

function parseValues(next: () => Token, fail: (why: string) => Error): string[] {
  const open = next();
  if (open.type !== '(') throw fail(`found '${open.text}' expected: '('`);
  const values = new Set<string>();
  let last = open;
  for (;;) {
    const token = next();
    if ((token.type === ')' || token.type === ',') && last.type !== 'word') values.add('');
    if (token.type === ')') return [...values].sort();
    if (token.type !== ',' && (token.type !== 'word' || last.type === 'word')) {
      throw fail(`found '${token.text}', expected: ${expectedAfter[last.type]}`);
    }
    if (token.type === 'word') values.add(token.text);
    last = token;
  }
}

const expectedAfter: Record<string, string> = {
  '(': "',', ')' or identifier",
  ',': "',', or identifier",
  word: "',' or ')'",
};
