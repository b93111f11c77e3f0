// A place among tokens. What is expected and not there is the issue that cel-go tells of it.
import { SyntaxIssue } from './errors.ts';
import type { Token } from './lexer.ts';

export class TokenCursor {
  readonly #tokens: readonly Token[];
  #next = 0;

  /** The last of the tokens is the end. */
  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#next + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    return this.#tokens[this.#next++]!;
  }

  takeIf(kind: string): Token | undefined {
    return this.peek().kind === kind ? this.take() : undefined;
  }

  expect(...kinds: string[]): Token {
    const token = this.peek();
    if (kinds.includes(token.kind)) return this.take();
    const names = kinds.map((kind) => (/^\w/.test(kind) ? kind : `'${kind}'`));
    const expected = names.length === 1 ? names[0] : `{${names.join(', ')}}`;
    throw new SyntaxIssue(`Syntax error: mismatched input '${token.text}' expecting ${expected}`, token.at);
  }
}
