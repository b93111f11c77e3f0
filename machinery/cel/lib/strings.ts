// Functions over strings, by code points. Upstream: cel-go's ext/strings.go, of which Kubernetes takes version 2.
import { shortEscapes } from '../../go-quote.ts';
import { type Library, member, overload } from '../decls.ts';
import { CelError } from '../errors.ts';
import { formatString } from '../format-string.ts';
import { ArrayList, type CelList, type Value } from '../values.ts';
import { workText } from '../work.ts';

type Int = number | bigint;

const isPlain = (text: string) => !/[\ud800-\udfff]/.test(text);
/** The text by code points: itself where each is one unit. */
function charsOf(text: string): string | string[] {
  workText(text.length);
  return isPlain(text) ? text : [...text];
}

function joinChars(chars: string | string[], from: number, to: number): string {
  const part = chars.slice(from, to);
  return typeof part === 'string' ? part : part.join('');
}

function outOfRange(index: Int): CelError {
  return new CelError(`index out of range: ${index}`);
}

function charAt(text: string, index: Int): string {
  const chars = charsOf(text);
  const at = Number(index);
  if (at < 0 || at > chars.length) throw outOfRange(index);
  return chars[at] ?? '';
}

/** Where a part begins, in code points. */
function placeOf(text: string, units: number): number {
  return units <= 0 || isPlain(text) ? units : [...text.slice(0, units)].length;
}

function unitsOf(text: string, index: Int): number {
  const chars = charsOf(text);
  const at = Number(index);
  if (at < 0 || at > chars.length) throw outOfRange(index);
  return typeof chars === 'string' ? at : chars.slice(0, at).join('').length;
}

function indexOf(text: string, part: string, from: Int = 0): number {
  if (part === '' && from === 0) return 0;
  if (from === 0) return placeOf(text, text.indexOf(part));
  return placeOf(text, text.indexOf(part, unitsOf(text, from)));
}

function lastIndexOf(text: string, part: string, from?: Int): number {
  if (from === undefined) return placeOf(text, text.lastIndexOf(part));
  return placeOf(text, text.lastIndexOf(part, unitsOf(text, from)));
}

function substring(text: string, from: Int, to?: Int): string {
  const chars = charsOf(text);
  const [start, end] = [Number(from), to === undefined ? chars.length : Number(to)];
  if (start < 0 || start > chars.length) throw outOfRange(from);
  if (end < 0 || end > chars.length) throw outOfRange(to ?? 0);
  if (start > end) throw new CelError(`invalid substring range. start: ${from}, end: ${to}`);
  return joinChars(chars, start, end);
}

function replace(text: string, part: string, by: string, limit: Int = -1): string {
  const most = Number(limit);
  // What comes of it may be far more than what it costs.
  workText(text.length + by.length * (part === '' ? text.length + 1 : occurrences(text, part)));
  if (most < 0) return part === '' ? replaceGaps(text, by, Number.POSITIVE_INFINITY) : text.replaceAll(part, () => by);
  if (part === '') return replaceGaps(text, by, most);
  const pieces = text.split(part);
  const count = Math.min(most, pieces.length - 1);
  return [pieces.slice(0, count + 1).join(by), ...pieces.slice(count + 1)].join(part);
}

function occurrences(text: string, part: string): number {
  let count = 0;
  for (let at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length)) count++;
  return count;
}

/** Puts a text before each character and behind the last, from the left. */
function replaceGaps(text: string, by: string, limit: number): string {
  const chars = [...text];
  const parts = chars.map((char, i) => (i < limit ? by + char : char));
  return parts.join('') + (chars.length < limit ? by : '');
}

function split(text: string, separator: string, limit: Int = -1): Value {
  const most = Number(limit);
  if (most === 0) return new ArrayList([]);
  const parts = separator === '' ? [...text] : text.split(separator);
  if (most < 0 || parts.length <= most) return new ArrayList(parts);
  return new ArrayList([...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)]);
}

function join(list: CelList, separator = ''): string {
  const parts: string[] = [];
  for (let i = 0; i < list.size; i++) {
    const part = list.at(i);
    if (typeof part !== 'string') throw new CelError('no such overload');
    parts.push(part);
  }
  return parts.join(separator);
}

const lower = (text: string) => text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
const upper = (text: string) => text.replace(/[a-z]+/g, (part) => part.toUpperCase());
// What Unicode calls white space, which JavaScript's `trim` does not have whole.
const blanks = new Set(
  [...'\t\n\v\f\r \u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000', ...'\u2000\u2001\u2002\u2003\u2004\u2005'].concat([
    ...'\u2006\u2007\u2008\u2009\u200a',
  ]),
);

function trim(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && blanks.has(text[from]!)) from++;
  while (to > from && blanks.has(text[to - 1]!)) to--;
  return text.slice(from, to);
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
const toQuote = /[\x07-\r\\"]/g;

function quote(text: string): string {
  return `"${text.replace(toQuote, (char) => shortEscapes[char]!)}"`;
}

export const stringLibrary: Library = {
  functions: [
    member('charAt', 'string_char_at_int', 'string, int -> string', charAt),
    member('indexOf', 'string_index_of_string', 'string, string -> int', indexOf),
    member('indexOf', 'string_index_of_string_int', 'string, string, int -> int', indexOf),
    member('lastIndexOf', 'string_last_index_of_string', 'string, string -> int', lastIndexOf),
    member('lastIndexOf', 'string_last_index_of_string_int', 'string, string, int -> int', lastIndexOf),
    member('lowerAscii', 'string_lower_ascii', 'string -> string', lower),
    member('upperAscii', 'string_upper_ascii', 'string -> string', upper),
    member('replace', 'string_replace_string_string', 'string, string, string -> string', replace),
    member('replace', 'string_replace_string_string_int', 'string, string, string, int -> string', replace),
    member('split', 'string_split_string', 'string, string -> list(string)', split),
    member('split', 'string_split_string_int', 'string, string, int -> list(string)', split),
    member('substring', 'string_substring_int', 'string, int -> string', substring),
    member('substring', 'string_substring_int_int', 'string, int, int -> string', substring),
    member('trim', 'string_trim', 'string -> string', trim),
    member('join', 'list_join', 'list(string) -> string', join),
    member('join', 'list_join_string', 'list(string), string -> string', join),
    member('format', 'string_format', 'string, list(dyn) -> string', formatString),
    overload('strings.quote', 'strings_quote', 'string -> string', quote),
  ],
};
