// From text to tokens, in one pass. Upstream: cel-go's parser/gen/CEL.g4.
import { SyntaxIssue } from './errors.ts';
import { readLiteralBody } from './literals.ts';
import { canonicalInt, Double, Uint, type Value } from './values.ts';

export interface Token {
  /** An operator or keyword as it is written, or what kind of token it is. */
  readonly kind: string;
  readonly text: string;
  readonly at: number;
  /** Of a literal. */
  readonly value?: Value;
}

const space = /(?:[\t\n\f\r ]+|\/\/[^\n]*)+/y;
const number = /0x[0-9a-fA-F]+[uU]?|\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?|\d+[uU]?/y;
const quote = /(?:[rR][bB]?|[bB][rR]?)?(?:"""|'''|"|')/y;
const name = /[A-Za-z_]\w*/y;
const quotedName = /`[\w.\-/ ]+`/y;
const operator = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y;
const keywords = new Set(['in', 'true', 'false', 'null']);

/** All tokens, the last of kind `<EOF>`; throws `SyntaxIssue`. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(source)?.[0];
  };
  const add = (kind: string, text: string, value?: Value) => {
    tokens.push(value === undefined ? { kind, text, at } : { kind, text, at, value });
    at += text.length;
  };
  while (true) {
    at += match(space)?.length ?? 0;
    if (at >= source.length) break;
    const opening = match(quote);
    if (opening !== undefined) {
      const { value, end } = readLiteralBody(source, at, opening);
      add(typeof value === 'string' ? 'STRING' : 'BYTES', source.slice(at, end), value);
      continue;
    }
    const digits = match(number);
    if (digits !== undefined) {
      add(...numberToken(digits, at));
      continue;
    }
    const word = match(name);
    if (word !== undefined) {
      add(keywords.has(word) ? word : 'IDENTIFIER', word);
      continue;
    }
    const quoted = match(quotedName);
    if (quoted !== undefined) {
      add('ESC_IDENTIFIER', quoted);
      continue;
    }
    const symbol = match(operator);
    if (symbol === undefined) {
      const [char = '', next = ''] = source.slice(at, at + 4);
      // What might have begun an operator is shown with what ended that.
      const shown = '=&|'.includes(char) ? `${char}${next}`.replace('\n', '\\n') : char;
      throw new SyntaxIssue(`Syntax error: token recognition error at: '${shown}'`, at);
    }
    add(symbol, symbol);
  }
  tokens.push({ kind: '<EOF>', text: '<EOF>', at: source.length });
  return tokens;
}

// An int is kept as it is written: only the parser knows its sign.
function numberToken(text: string, at: number): [kind: string, text: string, value?: Value] {
  const isHex = text.startsWith('0x');
  if (/[uU]$/.test(text)) {
    const value = BigInt(text.slice(0, -1));
    if (value >= 2n ** 64n) throw new SyntaxIssue('invalid uint literal', at);
    return ['NUM_UINT', text, new Uint(value)];
  }
  if (!isHex && /[.eE]/.test(text)) {
    const value = Number(text);
    if (!Number.isFinite(value)) throw new SyntaxIssue('invalid double literal', at);
    return ['NUM_FLOAT', text, new Double(value)];
  }
  return ['NUM_INT', text];
}

/** The value of an int literal; throws `SyntaxIssue` for more than 64 bits. */
export function intLiteral(token: Token, isNegative: boolean): number | bigint {
  const amount = BigInt(token.text);
  const value = isNegative ? -amount : amount;
  if (value < -(2n ** 63n) || value >= 2n ** 63n) throw new SyntaxIssue('invalid int literal', token.at);
  return canonicalInt(value);
}
