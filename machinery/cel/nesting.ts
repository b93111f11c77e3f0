// How deep an expression is: open levels while it is parsed, and levels of the tree that comes of it, which chains like
// `a.b.c` make without opening any.
import { SyntaxIssue } from './errors.ts';
import { maxExpressionDepth } from './limits.ts';

export class Nesting {
  /** Levels of the expression that was parsed last. */
  height = 0;
  /** Levels open above what is parsed now. */
  #depth = 0;
  readonly #at: () => number;

  /** `at` says where the parser is. */
  constructor(at: () => number) {
    this.#at = at;
  }

  /** Parses one level deeper. */
  deeper<T>(parse: () => T): T {
    if (++this.#depth > maxExpressionDepth) this.#refuse();
    const result = parse();
    this.#depth--;
    return result;
  }

  /** The expression parsed last stands above others of these heights. */
  rise(...heights: number[]): void {
    this.height = Math.max(...heights) + 1;
    if (this.height > maxExpressionDepth) this.#refuse();
  }

  #refuse(): never {
    throw new SyntaxIssue(`expression recursion limit exceeded: ${maxExpressionDepth}`, this.#at());
  }
}
