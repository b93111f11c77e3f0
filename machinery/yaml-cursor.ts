// The text of a YAML document under a cursor: spaces, comments and line breaks, and the scalars,
// each read once from left to right. Upstream: the scanner of libyaml, with its refusals.
import { TextError } from './json-reader.ts';

const lineFeed = 0x0a;
const space = 0x20;
const tab = 0x09;

export class YamlCursor {
  readonly text: string;
  at = 0;
  /** Of the line that the cursor is in: its number, from 1, and where it begins. */
  line = 1;
  lineStart = 0;

  constructor(text: string) {
    this.text = text;
  }

  get column(): number {
    return this.at - this.lineStart;
  }

  get isAtEnd(): boolean {
    return this.at >= this.text.length;
  }

  /** The character `ahead` of the cursor; NaN behind the end. */
  code(ahead = 0): number {
    return this.text.charCodeAt(this.at + ahead);
  }

  /** Whether a blank, a line break or the end stands there. */
  isBlankAt(ahead: number): boolean {
    const c = this.code(ahead);
    return c === space || c === tab || c === lineFeed || Number.isNaN(c);
  }

  fail(problem: string, line = this.line): TextError {
    return new TextError(`yaml: ${line > 1 ? `line ${line}: ` : ''}${problem}`);
  }

  /** Whether `---` or `...` stands alone at the beginning of the line. */
  isAtDocumentMark(): boolean {
    if (this.column !== 0) return false;
    return (this.text.startsWith('---', this.at) || this.text.startsWith('...', this.at)) && this.isBlankAt(3);
  }

  /**
   * To the next thing that means something; comments and empty lines mean nothing. True: on another
   * line than before.
   */
  skipSpace(mayIndentByTab: boolean): boolean {
    const before = this.line;
    for (;;) {
      const c = this.code();
      if (c === space) this.at++;
      else if (c === tab && (mayIndentByTab || (this.line === before && this.column > 0))) this.at++;
      else if (c === lineFeed) this.newLine();
      else if (c === 0x23 && (this.at === this.lineStart || this.isBlankAt(-1))) this.#skipComment();
      else return this.line !== before;
    }
  }

  #skipComment(): void {
    const end = this.text.indexOf('\n', this.at);
    this.at = end < 0 ? this.text.length : end;
  }

  /** Over a line break. */
  newLine(): void {
    this.at++;
    this.line++;
    this.lineStart = this.at;
  }

  /** The characters up to the next blank, or up to what ends a name within `[]` and `{}`. */
  word(isInFlow: boolean): string {
    const start = this.at;
    while (!this.isBlankAt(0) && !(isInFlow && ',[]{}'.includes(this.text[this.at]!))) this.at++;
    return this.text.slice(start, this.at);
  }

  /** Spaces and line breaks within a scalar, folded: none, one space, or the breaks beyond the first. */
  fold(): string {
    const start = this.at;
    let breaks = 0;
    for (;;) {
      const c = this.code();
      if (c === space || c === tab) this.at++;
      else if (c === lineFeed) {
        breaks++;
        this.newLine();
      } else break;
    }
    if (breaks === 0) return this.text.slice(start, this.at);
    return breaks === 1 ? ' ' : '\n'.repeat(breaks - 1);
  }

  /** A plain scalar whose further lines stand further right than `parentIndent`. */
  plain(parentIndent: number, isInFlow: boolean): string {
    const parts: string[] = [];
    for (;;) {
      const start = this.at;
      this.#skipPlainLine(isInFlow);
      parts.push(this.text.slice(start, this.at));
      // What follows is only part of it when another word does.
      const { at, line, lineStart } = this;
      const gap = this.fold();
      const isOver =
        this.isAtEnd ||
        this.code() === 0x23 ||
        (this.line !== line && !isInFlow && this.column <= parentIndent) ||
        this.isAtDocumentMark() ||
        !this.#isPlainHere(isInFlow);
      if (!isOver && this.line !== line && !isInFlow) this.#refuseTabs(parentIndent);
      if (isOver) {
        Object.assign(this, { at, line, lineStart });
        return parts.join('');
      }
      parts.push(gap);
    }
  }

  #refuseTabs(parentIndent: number): void {
    const indent = this.text.slice(this.lineStart, this.lineStart + parentIndent + 1);
    if (indent.includes('\t')) throw this.fail('found a tab character that violates indentation');
  }

  /** Whether the character at the cursor goes on with a plain scalar. */
  #isPlainHere(isInFlow: boolean): boolean {
    const c = this.code();
    if (c === 0x3a || (c === 0x3f && isInFlow)) return !this.isBlankAt(1);
    return !(isInFlow && ',[]{}'.includes(String.fromCharCode(c)));
  }

  /** To the blank after the last word that belongs to it. */
  #skipPlainLine(isInFlow: boolean): void {
    while (!this.isBlankAt(0) && this.#isPlainHere(isInFlow)) this.at++;
  }

  /** The rest of a quoted scalar whose quote has been read. */
  quoted(isDouble: boolean): string {
    const parts: string[] = [];
    const firstLine = this.line;
    for (;;) {
      const start = this.at;
      for (let c = this.code(); c !== (isDouble ? 0x22 : 0x27) && c !== 0x5c && !this.isBlankAt(0); c = this.code())
        this.at++;
      parts.push(this.text.slice(start, this.at));
      if (this.isAtEnd) throw this.fail('found unexpected end of stream', firstLine);
      if (this.isAtDocumentMark() && this.line !== firstLine) throw this.fail('found unexpected document indicator');
      const c = this.code();
      if (c === (isDouble ? 0x22 : 0x27)) {
        this.at++;
        if (isDouble || this.code() !== 0x27) return parts.join('');
        this.at++;
        parts.push("'");
      } else if (c === 0x5c && isDouble) parts.push(this.#escape());
      else if (c === 0x5c) {
        this.at++;
        parts.push('\\');
      } else parts.push(this.fold());
    }
  }

  /** An escape of a double-quoted scalar; before a line break it joins the lines. */
  #escape(): string {
    const c = this.text.charAt(this.at + 1);
    if (c === '\n') {
      this.at++;
      this.newLine();
      while (this.code() === space || this.code() === tab) this.at++;
      return '';
    }
    const digits = hexEscapes[c];
    if (digits === undefined) {
      const known = escapes[c];
      if (known === undefined) throw this.fail('found unknown escape character');
      this.at += 2;
      return known;
    }
    const hex = this.text.slice(this.at + 2, this.at + 2 + digits);
    if (hex.length < digits || /[^0-9a-fA-F]/.test(hex)) throw this.fail('did not find expected hexdecimal number');
    this.at += 2 + digits;
    const value = Number.parseInt(hex, 16);
    if (value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff))
      throw this.fail('found invalid Unicode character escape code');
    return String.fromCodePoint(value);
  }

  /** A `|` or `>` scalar, the cursor at its sign; its lines stand further right than `parentIndent`. */
  block(parentIndent: number): string {
    const isLiteral = this.code() === 0x7c;
    const { chomp, increment } = this.#blockHeader();
    const least = Math.max(parentIndent, 0);
    const leading: string[] = [];
    const indent = increment > 0 ? least + increment : this.#blockIndent(Math.max(parentIndent + 1, 1), leading);
    let breaks = increment > 0 ? this.#blankLines(indent) : leading.join('');
    const parts: string[] = [];
    let lastBreak = '';
    let wasBlank = false;
    while (this.column === indent && !this.isAtEnd && !(indent === 0 && this.isAtDocumentMark())) {
      const isBlank = this.code() === space || this.code() === tab;
      const folds = !isLiteral && lastBreak === '\n' && !wasBlank && !isBlank;
      parts.push(folds ? (breaks === '' ? ' ' : '') : lastBreak, breaks);
      wasBlank = isBlank;
      const end = this.text.indexOf('\n', this.at);
      parts.push(this.text.slice(this.at, end < 0 ? undefined : end));
      this.at = end < 0 ? this.text.length : end;
      lastBreak = end < 0 ? '' : '\n';
      if (end >= 0) this.newLine();
      breaks = this.#blankLines(indent);
    }
    if (chomp !== '-') parts.push(lastBreak);
    if (chomp === '+') parts.push(breaks);
    return parts.join('');
  }

  #blockHeader(): { chomp: string; increment: number } {
    this.at++;
    const [, a = '', digit = '', b = ''] = /^([+-]?)(\d?)([+-]?)/.exec(this.text.slice(this.at, this.at + 3))!;
    if (digit === '0') throw this.fail('found an indentation indicator equal to 0');
    this.at += a.length + digit.length + (a ? 0 : b.length);
    while (this.code() === space || this.code() === tab) this.at++;
    if (this.code() === 0x23) this.#skipComment();
    if (this.isAtEnd) return { chomp: a || b, increment: Number(digit) };
    if (this.code() !== lineFeed) throw this.fail('did not find expected comment or line break');
    this.newLine();
    return { chomp: a || b, increment: Number(digit) };
  }

  /** Where the lines of a block begin: as far right as the first with text, or the widest empty one before it. */
  #blockIndent(least: number, leading: string[]): number {
    let widest = 0;
    for (;;) {
      while (this.code() === space) this.at++;
      widest = Math.max(widest, this.column);
      if (this.code() === tab && this.column < least)
        throw this.fail('found a tab character where an indentation space is expected');
      if (this.code() !== lineFeed) return Math.max(widest, least);
      leading.push('\n');
      this.newLine();
    }
  }

  /** Empty lines, and the indentation of the line after them. */
  #blankLines(indent: number): string {
    let breaks = 0;
    for (;;) {
      while (this.code() === space && this.column < indent) this.at++;
      if (this.code() !== lineFeed) return '\n'.repeat(breaks);
      breaks++;
      this.newLine();
    }
  }
}

const hexEscapes: Record<string, number> = { __proto__: null as never, x: 2, u: 4, U: 8 };

const escapes: Record<string, string> = {
  __proto__: null as never,
  '0': '\0', a: '\x07', b: '\b', t: '\t', '\t': '\t', n: '\n', v: '\v', f: '\f', r: '\r', e: '\x1b', ' ': ' ',
  '"': '"', "'": "'", '/': '/', '\\': '\\', N: '\u0085', _: '\u00a0', L: '\u2028', P: '\u2029',
}; // biome-ignore format: one table
