// String and bytes literals: quotes, prefixes, escapes.
import { SyntaxIssue } from './errors.ts';

const simpleEscapes: Record<string, string> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};
const escapeSequence =
  /\\(?:([abfnrtv\\'"`?])|[xX]([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2}))/y;
const encoder = new TextEncoder();

/** Reads a literal whose prefix and quote are `opening` at `start`. */
export function readLiteralBody(
  source: string,
  start: number,
  opening: string,
): { value: string | Uint8Array; end: number } {
  const prefix = /^[rRbB]*/.exec(opening)![0].toLowerCase();
  const quote = opening.slice(prefix.length);
  const isRaw = prefix.includes('r');
  const isBytes = prefix.includes('b');
  const body = start + opening.length;
  const end = closingQuote(source, body, quote, isRaw);
  if (end === undefined) {
    const rest = source.slice(start, source.length);
    throw new SyntaxIssue(`Syntax error: token recognition error at: '${rest.split('\n')[0]}'`, start);
  }
  // Line ends are one form in all literals.
  const text = source.slice(body, end).replace(/\r\n?/g, '\n');
  const after = end + quote.length;
  if (isRaw || !text.includes('\\')) return { value: isBytes ? encoder.encode(text) : text, end: after };
  return { value: isBytes ? unescapeBytes(text, start) : unescapeText(text, start), end: after };
}

function closingQuote(source: string, body: number, quote: string, isRaw: boolean): number | undefined {
  const isLong = quote.length === 3;
  for (let at = body; at < source.length; at++) {
    const char = source[at];
    if (char === '\\' && !isRaw) at++;
    else if (!isLong && (char === '\n' || char === '\r')) return undefined;
    else if (char === quote[0] && source.startsWith(quote, at)) return at;
  }
  return undefined;
}

function unescapeText(text: string, start: number): string {
  const parts: string[] = [];
  forEachPart(
    text,
    start,
    (plain) => parts.push(plain),
    (match) => {
      const [, simple, hex, short, long, octal] = match;
      if (simple !== undefined) parts.push(simpleEscapes[simple]!);
      else {
        const code = octal === undefined ? Number.parseInt((hex ?? short ?? long)!, 16) : Number.parseInt(octal, 8);
        if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
          throw new SyntaxIssue('invalid unicode code point', start);
        }
        parts.push(String.fromCodePoint(code));
      }
    },
  );
  return parts.join('');
}

function unescapeBytes(text: string, start: number): Uint8Array {
  const bytes: number[] = [];
  const addText = (plain: string) => {
    for (const byte of encoder.encode(plain)) bytes.push(byte);
  };
  forEachPart(text, start, addText, (match) => {
    const [, simple, hex, short, long, octal] = match;
    if (short !== undefined || long !== undefined) {
      throw new SyntaxIssue('illegal escape sequence: unable to unescape string', start);
    }
    if (simple !== undefined) addText(simpleEscapes[simple]!);
    else bytes.push(hex === undefined ? Number.parseInt(octal!, 8) : Number.parseInt(hex, 16));
  });
  return Uint8Array.from(bytes);
}

function forEachPart(
  text: string,
  start: number,
  plain: (text: string) => void,
  escaped: (match: RegExpExecArray) => void,
): void {
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf('\\', at);
    if (next !== at) plain(text.slice(at, next < 0 ? undefined : next));
    if (next < 0) return;
    escapeSequence.lastIndex = next;
    const match = escapeSequence.exec(text);
    if (match === null) throw new SyntaxIssue('illegal escape sequence: unable to unescape string', start);
    escaped(match);
    at = escapeSequence.lastIndex;
  }
}
