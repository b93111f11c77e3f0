// How deep an expression is: levels that are open while it is parsed, counted for each rule of the grammar, and levels
// of the tree that comes of it, which chains like `a.b.c` make without opening any. Upstream: the recursion listener and
// the visitor of cel-go's parser.
import { nowhere, SyntaxIssue } from './errors.ts';
import { maxExpressionDepth, maxTreeHeight } from './limits.ts';

type Rule = 'expression' | 'relation' | 'calculation';

const tooManyOpen = `expression recursion limit exceeded: ${maxExpressionDepth}`;

/** Levels of a tree: those that count, which are operators between two, conditions, fields, indexes and methods, and all. */
export interface Height {
  readonly counted: number;
  readonly all: number;
}

const none: Height = { counted: 0, all: 0 };
const leaf: Height = { counted: 0, all: 1 };

export class Nesting {
  /** Of what was parsed last. */
  height: Height = none;
  readonly #open: Record<Rule, number> = { expression: 0, relation: 0, calculation: 0 };

  /** Another level of a rule begins. Who parses it closes it again: calls between would need more of the stack. */
  open(rule: Rule): void {
    if (++this.#open[rule] > maxExpressionDepth) throw new SyntaxIssue(tooManyOpen, nowhere);
  }

  close(rule: Rule): void {
    this.#open[rule]--;
  }

  /** What was parsed last is nothing, or nothing that has parts. */
  reset(isLeaf: boolean): void {
    this.height = isLeaf ? leaf : none;
  }

  /** What was parsed last, with these beside it, is as high as the highest of them. */
  join(...others: readonly Height[]): void {
    for (const { counted, all } of others) {
      this.height = { counted: Math.max(this.height.counted, counted), all: Math.max(this.height.all, all) };
    }
  }

  /** And stands below this many more levels; `counts`: of the kind that counts. */
  rise(levels: number, counts: boolean): void {
    const { counted, all } = this.height;
    this.height = { counted: counted + (counts ? levels : 0), all: all + levels };
    if (this.height.counted > maxExpressionDepth) throw new SyntaxIssue('max recursion depth exceeded', nowhere);
    if (this.height.all > maxTreeHeight) throw new SyntaxIssue(tooManyOpen, nowhere);
  }
}
