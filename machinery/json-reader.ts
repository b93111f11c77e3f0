// Reads JSON text in one pass, in time linear in its length and without recursion: values, keys
// that come twice, integers that a double cannot hold (as bigint), and refusals in the words of
// Go's encoding/json, which is what clients of the API know.
import { setKey } from './json.ts';
import type { Steps } from './steps.ts';

/** The text cannot be read. The message is what the client is told. */
export class TextError extends Error {}

/** The text holds more values than its reader is willing to make. */
export class TooManyValuesError extends TextError {
  constructor(max: number, what = 'values') {
    super(`limit is ${max} ${what}`);
  }
}

export interface ReadText {
  value: unknown;
  /** Paths (`spec.ports[0].name`) of keys that an object holds twice: each once, and no more than are worth telling. */
  duplicates: string[];
  /** Numbers as they are written, by their paths, where JavaScript would write them in another way: `1.0`. Absent: none. */
  literals?: ReadonlyMap<string, string>;
}

/** Nothing that people write comes near this depth, and walks over objects are recursive. */
export const maxDepth = 1000;
/** As many complaints about one body as upstream's decoder collects. */
export const maxComplaints = 100;

const quote = 0x22;
const backslash = 0x5c;
const minSafeDigits = 15;
const maxInt64Digits = 19;
const minInt64 = -(2n ** 63n);
const maxInt64 = 2n ** 63n - 1n;

interface Frame {
  /** The object or list that is open. */
  target: Record<string, unknown> | unknown[];
  /** The key whose value comes next. */
  key: string;
}

/** Throws TextError: TooManyValuesError where lists and objects are more than `maxOpened`. */
export function readJson(text: string, maxOpened = Number.POSITIVE_INFINITY): ReadText {
  return new JsonReader(text, maxOpened).readOn(Number.POSITIVE_INFINITY)!;
}

const valuesPerStep = 1000;

/** The same step by step. */
export function* readJsonInSteps(text: string, maxOpened?: number): Steps<ReadText> {
  const reader = new JsonReader(text, maxOpened);
  for (;;) {
    const read = reader.readOn(valuesPerStep);
    if (read) return read;
    yield;
  }
}

/** `a.b[0].c` */
export function formatFieldPath(path: readonly (string | number)[]): string {
  let out = '';
  for (const p of path) out += typeof p === 'number' ? `[${p}]` : out ? `.${p}` : p;
  return out;
}

class JsonReader {
  readonly #text: string;
  #at = 0;
  readonly #frames: Frame[] = [];
  readonly #duplicates = new Set<string>();
  readonly #literals = new Map<string, string>();
  readonly #maxOpened: number;
  #opened = 0;

  constructor(text: string, maxOpened = Number.POSITIVE_INFINITY) {
    this.#text = text;
    this.#maxOpened = maxOpened;
  }

  /** Undefined: so many values have been read, and there are more. */
  readOn(values: number): ReadText | undefined {
    for (let left = values; left > 0; left--) {
      let value = this.#valueOrOpening();
      if (value === opened) continue;
      // What is complete goes into what is open, which may be complete with it.
      for (;;) {
        const frame = this.#frames[this.#frames.length - 1];
        if (!frame) return this.#end(value);
        this.#put(frame, value);
        if (!this.#isClosed(frame)) break;
        value = frame.target;
        this.#frames.pop();
      }
    }
    return undefined;
  }

  #end(value: unknown): ReadText {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected('after top-level value');
    const literals = this.#literals;
    return { value, duplicates: [...this.#duplicates], ...(literals.size > 0 && { literals }) };
  }

  #put({ target, key }: Frame, value: unknown): void {
    if (Array.isArray(target)) target.push(value);
    else setKey(target, key, value);
  }

  /** After a value: whether the frame ends here. If not, the next value (with its key read) follows. */
  #isClosed(frame: Frame): boolean {
    const isList = Array.isArray(frame.target);
    const c = this.#next();
    if (c === 0x2c) {
      if (!isList) this.#readKey(frame);
      return false;
    }
    if (c !== (isList ? 0x5d : 0x7d)) {
      this.#at--;
      throw this.#unexpected(isList ? 'after array element' : 'after object key:value pair');
    }
    return true;
  }

  /** A scalar or something empty; or `opened`, when the first value of an object or list comes next. */
  #valueOrOpening(): unknown {
    const c = this.#next();
    if (c === quote) return this.#string();
    if (c === 0x7b || c === 0x5b) return this.#open(c === 0x5b);
    if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return this.#number(c);
    if (c === 0x74) return this.#literal('true', true);
    if (c === 0x66) return this.#literal('false', false);
    if (c === 0x6e) return this.#literal('null', null);
    this.#at--;
    throw this.#unexpected('looking for beginning of value');
  }

  #open(isList: boolean): unknown {
    if (++this.#opened > this.#maxOpened) throw new TooManyValuesError(this.#maxOpened, 'lists and objects');
    if (this.#frames.length >= maxDepth) throw new TextError('exceeded max depth');
    const frame: Frame = { target: isList ? [] : {}, key: '' };
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) === (isList ? 0x5d : 0x7d)) {
      this.#at++;
      return frame.target;
    }
    this.#frames.push(frame);
    if (!isList) this.#readKey(frame);
    return opened;
  }

  #readKey(frame: Frame): void {
    if (this.#next() !== quote) {
      this.#at--;
      throw this.#unexpected('looking for beginning of object key string');
    }
    frame.key = this.#string();
    if (Object.hasOwn(frame.target, frame.key) && this.#duplicates.size < maxComplaints) {
      this.#duplicates.add(this.#path());
    }
    if (this.#next() !== 0x3a) {
      this.#at--;
      throw this.#unexpected('after object key');
    }
  }

  /** Where the value stands that is being read. */
  #path(): string {
    return formatFieldPath(this.#frames.map((f) => (Array.isArray(f.target) ? f.target.length : f.key)));
  }

  /** The rest of a string whose quote has been read. */
  #string(): string {
    const text = this.#text;
    const start = this.#at;
    let hasEscapes = false;
    for (let at = start; ; at++) {
      const c = text.charCodeAt(at);
      if (c === quote) {
        this.#at = at + 1;
        return hasEscapes ? (JSON.parse(text.slice(start - 1, at + 1)) as string) : text.slice(start, at);
      }
      if (c === backslash) {
        hasEscapes = true;
        at = this.#escapeEnd(at + 1);
      } else if (!(c >= 0x20)) {
        this.#at = at;
        throw this.#unexpected('in string literal');
      }
    }
  }

  /** Where the escape ends whose first character, after the backslash, is at `at`. */
  #escapeEnd(at: number): number {
    this.#at = at;
    if (!'"\\/bfnrtu'.includes(this.#text.charAt(at)) || at >= this.#text.length)
      throw this.#unexpected('in string escape code');
    if (this.#text[at] !== 'u') return at;
    for (let i = 1; i <= 4; i++) {
      this.#at = at + i;
      if (!/[0-9a-fA-F]/.test(this.#text.charAt(at + i))) throw this.#unexpected('in \\u hexadecimal character escape');
    }
    return at + 4;
  }

  #number(first: number): number | bigint {
    const start = this.#at - 1;
    if (first === 0x2d) this.#digit('in numeric literal');
    const firstDigit = this.#at - 1;
    if (this.#text.charCodeAt(firstDigit) !== 0x30) this.#skipDigits();
    const integerEnd = this.#at;
    if (this.#text[this.#at] === '.') {
      this.#at++;
      this.#digit('after decimal point in numeric literal');
      this.#skipDigits();
    }
    if (this.#text[this.#at] === 'e' || this.#text[this.#at] === 'E') {
      this.#at++;
      if (this.#text[this.#at] === '+' || this.#text[this.#at] === '-') this.#at++;
      this.#digit('in exponent of numeric literal');
      this.#skipDigits();
    }
    const literal = this.#text.slice(start, this.#at);
    const isInteger = this.#at === integerEnd;
    const value = isInteger ? integerOf(literal) : Number(literal);
    if (isInteger && literal.length <= minSafeDigits) return value;
    if (String(value) !== literal && this.#literals.size < maxComplaints) this.#literals.set(this.#path(), literal);
    return value;
  }

  #digit(where: string): void {
    const c = this.#text.charCodeAt(this.#at);
    if (!(c >= 0x30 && c <= 0x39)) throw this.#unexpected(where);
    this.#at++;
  }

  #skipDigits(): void {
    for (let c = this.#text.charCodeAt(this.#at); c >= 0x30 && c <= 0x39; c = this.#text.charCodeAt(this.#at))
      this.#at++;
  }

  #literal(word: string, value: unknown): unknown {
    for (let i = 1; i < word.length; i++, this.#at++)
      if (this.#text[this.#at] !== word[i]) throw this.#unexpected(`in literal ${word} (expecting '${word[i]}')`);
    return value;
  }

  /** The next character that is no space; NaN at the end. */
  #next(): number {
    this.#skipSpace();
    return this.#text.charCodeAt(this.#at++);
  }

  #skipSpace(): void {
    for (let c = this.#text.charCodeAt(this.#at); ; c = this.#text.charCodeAt(++this.#at))
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
  }

  #unexpected(where: string): TextError {
    if (this.#at >= this.#text.length) return new TextError('unexpected end of JSON input');
    return new TextError(`invalid character ${quoteByte(this.#text.charAt(this.#at))} ${where}`);
  }
}

const opened = Symbol('opened');

/**
 * An integer as a number where that is exact, as a bigint where 64 bits hold it, and else as the
 * number nearest to it.
 */
export function integerOf(literal: string): number | bigint {
  const value = Number(literal);
  if (literal.length <= minSafeDigits || Number.isSafeInteger(value) || literal.length > maxInt64Digits + 1)
    return value;
  const exact = BigInt(literal);
  return exact >= minInt64 && exact <= maxInt64 ? exact : value;
}

/** A character as Go shows the first byte of it. */
function quoteByte(character: string): string {
  if (character === "'") return "'\\''";
  if (character === '"') return `'"'`;
  const byte = String.fromCharCode(Buffer.from(character)[0]!);
  return `'${JSON.stringify(byte).slice(1, -1)}'`;
}
