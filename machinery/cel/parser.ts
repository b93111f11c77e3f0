// From text to tree, macros expanded. Recursive descent over the grammar of the language definition; what is nested deeper
// than nesting.ts allows is refused, so that everything after may recurse over the tree. Upstream: cel-go's parser.
import type { CallExpr, Expr, MapExpr, StructField } from './ast.ts';
import type { Macro } from './decls.ts';
import { type Issue, nowhere, SyntaxIssue } from './errors.ts';
import { intLiteral, type Token, tokenize } from './lexer.ts';
import { maxExpressionLength } from './limits.ts';
import { MacroContext, macroKey } from './macros.ts';
import { Nesting } from './nesting.ts';
import { codePointCount } from './size.ts';
import { TokenCursor } from './token-cursor.ts';
import { Double, type Value } from './values.ts';

const reserved = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(' '),
);
const expectedOperand =
  "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

const binaryLevels: ReadonlySet<string>[] = [
  new Set(['<', '<=', '>=', '>', '==', '!=', 'in']),
  new Set(['+', '-']),
  new Set(['*', '/', '%']),
];

type Parsed = { readonly expr: Expr } | { readonly issues: readonly Issue[] };

/** The tree, or the first thing that is no CEL. Quoted names are fields: `` a.`b-c` ``. */
export function parse(source: string, macros: ReadonlyMap<string, Macro>, hasQuotedNames = true): Parsed {
  const size = source.length > maxExpressionLength ? codePointCount(source) : 0;
  if (size > maxExpressionLength) {
    const message = `expression code point size exceeds limit: size: ${size}, limit ${maxExpressionLength}`;
    return { issues: [{ message, at: nowhere }] };
  }
  try {
    return { expr: new Parser(tokenize(source), macros, hasQuotedNames).parseAll() };
  } catch (error) {
    if (error instanceof SyntaxIssue) return { issues: [error.issue] };
    throw error;
  }
}

class Parser {
  readonly #tokens: TokenCursor;
  readonly #macros: ReadonlyMap<string, Macro>;
  readonly #hasQuotedNames: boolean;
  readonly #context = new MacroContext();
  readonly #nesting = new Nesting();

  constructor(tokens: Token[], macros: ReadonlyMap<string, Macro>, hasQuotedNames: boolean) {
    this.#tokens = new TokenCursor(tokens);
    this.#hasQuotedNames = hasQuotedNames;
    this.#macros = macros;
  }

  parseAll(): Expr {
    const expr = this.#expression();
    const rest = this.#tokens.peek();
    if (rest.kind !== '<EOF>') {
      const what = this.#tokens.peek(1).kind === '<EOF>' ? 'extraneous' : 'mismatched';
      throw new SyntaxIssue(`Syntax error: ${what} input '${rest.text}' expecting <EOF>`, rest.at);
    }
    return expr;
  }

  #expression(): Expr {
    this.#nesting.open('expression');
    let expr = this.#logic('||');
    const question = this.#tokens.takeIf('?');
    if (question !== undefined) {
      const h0 = this.#nesting.height;
      const yes = this.#logic('||');
      const h1 = this.#nesting.height;
      this.#tokens.expect(':');
      const no = this.#expression();
      this.#nesting.join(h0, h1);
      this.#nesting.rise(1, true);
      expr = this.#call('_?_:_', question.at, [expr, yes, no]);
    }
    this.#nesting.close('expression');
    return expr;
  }

  /** `a && b && c` as a balanced tree. */
  #logic(operator: '||' | '&&'): Expr {
    const terms = [operator === '||' ? this.#logic('&&') : this.#operand(0)];
    const operators: number[] = [];
    for (let token = this.#tokens.takeIf(operator); token !== undefined; token = this.#tokens.takeIf(operator)) {
      operators.push(token.at);
      const { height } = this.#nesting;
      terms.push(operator === '||' ? this.#logic('&&') : this.#operand(0));
      this.#nesting.join(height);
    }
    this.#nesting.rise(Math.ceil(Math.log2(terms.length)), false);
    const build = (from: number, to: number): Expr => {
      if (from === to) return terms[from]!;
      const middle = from + Math.floor((to - from) / 2);
      return this.#call(`_${operator}_`, operators[middle]!, [build(from, middle), build(middle + 1, to)]);
    };
    return build(0, terms.length - 1);
  }

  /** What stands at one side of an operator that binds less. */
  #operand(level: number): Expr {
    const rule = level === 0 ? 'relation' : level === 1 ? 'calculation' : undefined;
    if (rule) this.#nesting.open(rule);
    const expr = this.#binary(level);
    if (rule) this.#nesting.close(rule);
    return expr;
  }

  #binary(level: number): Expr {
    const operators = binaryLevels[level];
    if (operators === undefined) return this.#unary();
    let left = this.#operand(level + 1);
    while (operators.has(this.#tokens.peek().kind)) {
      const token = this.#tokens.take();
      const { height } = this.#nesting;
      const rule = level === 0 ? 'relation' : 'calculation';
      this.#nesting.open(rule);
      const right = this.#operand(level + 1);
      this.#nesting.close(rule);
      this.#nesting.join(height);
      this.#nesting.rise(1, true);
      left = this.#call(token.kind === 'in' ? '@in' : `_${token.kind}_`, token.at, [left, right]);
    }
    return left;
  }

  #unary(): Expr {
    const token = this.#tokens.peek();
    if (token.kind !== '!' && token.kind !== '-') return this.#member();
    const operators: Token[] = [];
    while (this.#tokens.peek().kind === token.kind) operators.push(this.#tokens.take());
    const last = operators.at(-1)!;
    const isNumber = token.kind === '-' && ['NUM_INT', 'NUM_FLOAT'].includes(this.#tokens.peek().kind);
    if (isNumber) operators.pop();
    const operand = this.#member(isNumber ? last : undefined);
    this.#nesting.rise(1, false);
    if (operators.length % 2 === 0) return operand;
    return this.#call(token.kind === '!' ? '!_' : '-_', token.at, [operand]);
  }

  #member(minus?: Token): Expr {
    let expr = this.#primary(minus);
    while (true) {
      const token = this.#tokens.peek();
      const { height } = this.#nesting;
      if (token.kind === '.') {
        this.#tokens.take();
        const isOptional = this.#tokens.takeIf('?') !== undefined;
        const { kind } = this.#tokens.peek();
        const name = this.#fieldName();
        const open = kind === 'IDENTIFIER' && !isOptional ? this.#tokens.takeIf('(') : undefined;
        this.#nesting.reset(false);
        if (open !== undefined) expr = this.#callOrMacro(name, open.at, expr, this.#arguments());
        else if (!isOptional) {
          expr = { kind: 'select', at: token.at, operand: expr, field: name, isTest: false };
        } else {
          const fieldName: Expr = { kind: 'const', at: token.at, value: name };
          expr = this.#call('_?._', token.at, [expr, fieldName]);
        }
      } else if (token.kind === '[') {
        this.#tokens.take();
        const isOptional = this.#tokens.takeIf('?') !== undefined;
        const index = this.#expression();
        this.#tokens.expect(']');
        expr = this.#call(isOptional ? '_[?_]' : '_[_]', token.at, [expr, index]);
      } else return expr;
      this.#nesting.join(height);
      this.#nesting.rise(1, true);
    }
  }

  #fieldName(): string {
    const token = this.#tokens.peek();
    if (token.kind !== 'ESC_IDENTIFIER') return this.#tokens.expect('IDENTIFIER').text;
    if (!this.#hasQuotedNames) throw new SyntaxIssue("unsupported syntax: '`'", token.at);
    return this.#tokens.take().text.slice(1, -1);
  }

  #primary(minus?: Token): Expr {
    const token = this.#tokens.take();
    const literal = (value: Value): Expr => ({ kind: 'const', at: minus?.at ?? token.at, value });
    this.#nesting.reset(true);
    switch (token.kind) {
      case 'NUM_INT':
        return literal(intLiteral(token, minus !== undefined));
      case 'NUM_FLOAT':
        return literal(minus === undefined ? token.value! : new Double(-(token.value as Double).value));
      case 'NUM_UINT':
      case 'STRING':
      case 'BYTES':
        return literal(token.value!);
      case 'true':
      case 'false':
        return literal(token.kind === 'true');
      case 'null':
        return literal(null);
      case '(': {
        const expr = this.#expression();
        this.#tokens.expect(')');
        return expr;
      }
      case '[':
        return this.#list(token);
      case '{':
        return this.#map(token);
      case '.':
      case 'IDENTIFIER':
        return this.#name(token);
      default:
        throw new SyntaxIssue(`Syntax error: mismatched input '${token.text}' expecting ${expectedOperand}`, token.at);
    }
  }

  #name(first: Token): Expr {
    const isAbsolute = first.kind === '.';
    const word = isAbsolute ? this.#tokens.expect('IDENTIFIER') : first;
    const name = (isAbsolute ? '.' : '') + word.text;
    const structName = this.#structName(name);
    if (structName !== undefined) return this.#struct(structName);
    if (reserved.has(word.text)) throw new SyntaxIssue(`reserved identifier: ${word.text}`, word.at);
    const open = this.#tokens.takeIf('(');
    if (open !== undefined) return this.#callOrMacro(name, open.at, undefined, this.#arguments());
    return { kind: 'ident', at: first.at, name };
  }

  /** `a.b.C` where `{` follows; else nothing is taken. */
  #structName(first: string): string | undefined {
    let ahead = 0;
    let name = first;
    while (this.#tokens.peek(ahead).kind === '.' && this.#tokens.peek(ahead + 1).kind === 'IDENTIFIER') {
      name += `.${this.#tokens.peek(ahead + 1).text}`;
      ahead += 2;
    }
    if (this.#tokens.peek(ahead).kind !== '{') return undefined;
    while (ahead-- > 0) this.#tokens.take();
    return name;
  }

  /** What stands up to the closing token, comma after comma. */
  #sequence<T>(close: string, mayTrail: boolean, item: () => T): T[] {
    const items: T[] = [];
    this.#nesting.reset(false);
    while (this.#tokens.peek().kind !== close || (items.length > 0 && !mayTrail)) {
      const { height } = this.#nesting;
      items.push(item());
      this.#nesting.join(height);
      if (this.#tokens.peek().kind === close) break;
      this.#tokens.expect(',', close);
    }
    this.#tokens.expect(close);
    this.#nesting.rise(1, false);
    return items;
  }

  #arguments(): Expr[] {
    return this.#sequence(')', false, () => this.#expression());
  }

  #list(open: Token): Expr {
    const optionals = new Set<number>();
    let index = 0;
    const elements = this.#sequence(']', true, () => {
      if (this.#tokens.takeIf('?') !== undefined) optionals.add(index);
      index++;
      return this.#expression();
    });
    return { kind: 'list', at: open.at, elements, optionals };
  }

  #map(open: Token): MapExpr {
    const entries = this.#sequence('}', true, () => {
      const isOptional = this.#tokens.takeIf('?') !== undefined;
      const key = this.#expression();
      const { height } = this.#nesting;
      this.#tokens.expect(':');
      const value = this.#expression();
      this.#nesting.join(height);
      this.#nesting.rise(1, false);
      return { key, value, isOptional };
    });
    return { kind: 'map', at: open.at, entries };
  }

  #struct(name: string): Expr {
    const open = this.#tokens.expect('{');
    const fields = this.#sequence('}', true, (): StructField => {
      const isOptional = this.#tokens.takeIf('?') !== undefined;
      const name = this.#fieldName();
      const { at } = this.#tokens.expect(':');
      return { name, value: this.#expression(), isOptional, at };
    });
    return { kind: 'struct', at: open.at, name, fields };
  }

  #call(name: string, at: number, args: Expr[], target?: Expr): CallExpr {
    return { kind: 'call', at, name, target, args };
  }

  #callOrMacro(name: string, at: number, target: Expr | undefined, args: Expr[]): Expr {
    const isMember = target !== undefined;
    const macro =
      this.#macros.get(macroKey(name, args.length, isMember)) ?? this.#macros.get(macroKey(name, undefined, isMember));
    this.#context.at = at;
    return macro?.expand(this.#context, target, args) ?? this.#call(name, at, args, target);
  }
}
