// What goes wrong: issues of an expression when it is compiled, with its text and a caret, and errors of a value while it
// runs. Run-time errors are thrown; they are no `Error`, since `&&`, `||` and macros catch them often and need no stack.
// Upstream: cel-go's common/error.go, checker/errors.go.

export interface Issue {
  readonly message: string;
  /** Offset in the text, or `nowhere`. */
  readonly at: number;
}

/** What is wrong is the expression as a whole. */
export const nowhere = -1;

/** So many issues are told, as cel-go does, and no more text than anybody reads. */
const maxShown = 100;
const maxTextLength = 100_000;

/** Why an expression does not compile. */
export class Issues {
  readonly list: readonly Issue[];
  readonly source: string;
  constructor(source: string, list: readonly Issue[]) {
    this.source = source;
    this.list = [...list].sort((a, b) => a.at - b.at);
  }

  /** `ERROR: <input>:1:5: undeclared reference ...`, the line and a caret below, for each issue. */
  toString(): string {
    const shown: string[] = [];
    let length = 0;
    for (const issue of this.list) {
      // Each shows its line, which may be the whole of a long expression.
      if (shown.length >= maxShown || (length > maxTextLength && shown.length > 0)) break;
      const text = render(this.source, issue);
      length += text.length;
      shown.push(text);
    }
    const more = this.list.length - shown.length;
    if (more > 0) shown.push(`${more} more errors were truncated`);
    return shown.join('\n');
  }
}

function render(source: string, issue: Issue): string {
  if (issue.at === nowhere) return `ERROR: <input>:-1:0: ${issue.message}`;
  const start = source.lastIndexOf('\n', issue.at - 1) + 1;
  const end = source.indexOf('\n', issue.at);
  const line = source.slice(0, start).split('\n').length;
  const before = [...source.slice(start, issue.at)];
  const text = source.slice(start, end < 0 ? undefined : end).replaceAll('\t', ' ');
  // Characters of several bytes count as wide ones.
  const isWide = (char: string) => char.codePointAt(0)! > 0x7f;
  const dots = before.map((char) => (isWide(char) ? '．' : '.')).join('');
  const next = source.charAt(issue.at);
  const caret = next !== '' && isWide(next) ? '＾' : '^';
  return `ERROR: <input>:${line}:${before.length + 1}: ${issue.message}\n | ${text}\n | ${dots}${caret}`;
}

/** Thrown by the lexer and the parser at the first thing that is no CEL. */
export class SyntaxIssue {
  readonly issue: Issue;
  constructor(message: string, at: number) {
    this.issue = { message, at };
  }
}

/** An error of a value: `no such key: x`. `||` and its like go on after one. */
export class CelError {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

/** The evaluation has cost more than it may; nothing in an expression can catch it. */
export class CostExceeded {
  readonly message = 'operation cancelled: actual cost limit exceeded';
}

/** The evaluation needs an answer that is still under way (an authorizer's): wait, then evaluate again. */
export class Pending {
  readonly answer: Promise<unknown>;
  constructor(answer: Promise<unknown>) {
    this.answer = answer;
  }
}

export const noSuchOverload = (): CelError => new CelError('no such overload');
export const noSuchKey = (key: string): CelError => new CelError(`no such key: ${key}`);
