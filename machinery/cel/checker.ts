// Gives every expression its type, every name its meaning and every call the overloads that fit. Upstream: cel-go's
// checker; the texts of issues are its own.
import {
  type CallExpr,
  type ComprehensionExpr,
  type Expr,
  type IdentExpr,
  qualifiedName,
  type SelectExpr,
  type StructExpr,
} from './ast.ts';
import type { FunctionDecl, Overload } from './decls.ts';
import type { Env } from './env.ts';
import type { Issue } from './errors.ts';
import { literalIssue } from './literal-checks.ts';
import { lookUpFunction, lookUpName } from './names.ts';
import { Scopes } from './scopes.ts';
import { type CelType, formatType, isDyn, isOptionalType, t } from './types.ts';
import { Bindings, isSame, mostGeneral } from './unify.ts';
import { typeOf } from './values.ts';

/** Writes types, meanings and overloads into the tree; the type of the whole, or what is wrong. */
export function check(expr: Expr, env: Env): { type: CelType } | { issues: Issue[] } {
  const checker = new Checker(env);
  checker.check(expr);
  if (checker.issues.length > 0) return { issues: checker.issues };
  checker.settle();
  return { type: expr.type! };
}

class Checker {
  readonly issues: Issue[] = [];
  readonly #env: Env;
  readonly #bindings = new Bindings();
  readonly #locals = new Scopes<CelType>();
  /** How many calls of format the expression is in. */
  #formats = 0;
  readonly #typed: Expr[] = [];

  constructor(env: Env) {
    this.#env = env;
  }

  /** Types that are still open become dyn. */
  settle(): void {
    for (const expr of this.#typed) expr.type = this.#bindings.substitute(expr.type!, true);
  }

  check(expr: Expr): CelType {
    const type = this.#typeOf(expr);
    expr.type = type;
    this.#typed.push(expr);
    return type;
  }

  #typeOf(expr: Expr): CelType {
    switch (expr.kind) {
      case 'const':
        return typeOf(expr.value);
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr.elements, expr.optionals);
      case 'map':
        return this.#map(expr.entries);
      case 'struct':
        return this.#struct(expr);
      default:
        return this.#comprehension(expr);
    }
  }

  #report(at: number, message: string): void {
    this.issues.push({ at, message });
  }

  #undeclared(at: number, name: string): CelType {
    const { container } = this.#env;
    this.#report(at, `undeclared reference to '${name.replace(/^\./, '')}' (in container '${container}')`);
    return t.error;
  }

  #isAssignable(to: CelType, from: CelType): boolean {
    return this.#bindings.isAssignable([to], [from]);
  }

  #expectType(expr: Expr, type: CelType): void {
    if (!this.#isAssignable(type, expr.type!)) this.#mismatch(expr.at, type, expr.type!);
  }

  #mismatch(at: number, expected: CelType, found: CelType): void {
    this.#report(at, `expected type '${this.#format(expected)}' but found '${this.#format(found)}'`);
  }

  #format(type: CelType): string {
    return formatType(this.#bindings.substitute(type, true));
  }

  #ident(expr: IdentExpr): CelType {
    const local = this.#locals.get(expr.name);
    if (local !== undefined) {
      expr.meaning = { kind: 'local', name: expr.name };
      return local;
    }
    const found = lookUpName(this.#env, expr.name);
    if (found === undefined) return this.#undeclared(expr.at, expr.name);
    expr.meaning = found.meaning;
    return found.type;
  }

  #select(expr: SelectExpr): CelType {
    const name = expr.isTest ? undefined : qualifiedName(expr);
    if (name !== undefined && !this.#locals.hasRoot(name)) {
      const found = lookUpName(this.#env, name);
      if (found !== undefined) {
        expr.meaning = found.meaning;
        return found.type;
      }
    }
    const type = this.#field(expr, expr.operand, expr.field, false);
    return expr.isTest ? t.bool : type;
  }

  #field(expr: Expr, operand: Expr, field: string, isOptional: boolean): CelType {
    const operandType = this.#bindings.substitute(this.check(operand));
    const target = isOptionalType(operandType) ? operandType.parameters[0]! : operandType;
    let result: CelType = t.dyn;
    if (target.kind === 'map') result = target.value;
    else if (target.kind === 'object') {
      const found = target.field(field);
      if (found === undefined) this.#report(expr.at, `undefined field '${field}'`);
      result = found ?? t.error;
    } else if (target.kind === 'parameter') this.#isAssignable(t.dyn, target);
    else if (!isDyn(target)) {
      this.#report(expr.at, `type '${this.#format(target)}' does not support field selection`);
      result = t.error;
    }
    return isOptional || target !== operandType ? t.optional(result) : result;
  }

  #call(expr: CallExpr): CelType {
    if (expr.name === '_?._') {
      const [operand, field] = expr.args as [Expr, Expr & { kind: 'const' }];
      this.check(field);
      const type = this.#field(expr, operand, String(field.value), true);
      expr.overloads = this.#env.functions.get('_?._')?.overloads ?? [];
      return type;
    }
    const { target } = expr;
    if (target !== undefined) {
      const name = qualifiedName(target);
      const qualified = name === undefined ? undefined : lookUpFunction(this.#env, `${name}.${expr.name}`);
      if (qualified !== undefined && !this.#locals.hasRoot(name!)) {
        expr.isQualified = true;
        return this.#resolve(expr, qualified, expr.args);
      }
    }
    const args = target === undefined ? expr.args : [target, ...expr.args];
    const fn = target === undefined ? lookUpFunction(this.#env, expr.name) : this.#env.functions.get(expr.name);
    if (fn === undefined) {
      for (const arg of args) this.check(arg);
      return this.#undeclared(expr.at, expr.name);
    }
    if (expr.name === 'format') this.#formats++;
    const type = this.#resolve(expr, fn, args);
    if (expr.name === 'format') this.#formats--;
    const issue = this.#env.options.checksLiterals ? literalIssue(expr) : undefined;
    if (issue !== undefined) this.issues.push(issue);
    return type;
  }

  #resolve(expr: CallExpr, fn: FunctionDecl, args: readonly Expr[]): CelType {
    const argTypes = args.map((arg) => this.check(arg));
    if (fn.name === '_&&_' || fn.name === '_||_') {
      const wrong = args.filter((arg) => !this.#isAssignable(t.bool, arg.type!));
      for (const arg of wrong) this.#mismatch(arg.at, t.bool, arg.type!);
      if (wrong.length > 0) return t.error;
    }
    const isMember = expr.target !== undefined && !expr.isQualified;
    const found: Overload[] = [];
    let result: CelType | undefined;
    for (const overload of fn.overloads) {
      if (overload.isMember !== isMember || overload.args.length !== argTypes.length) continue;
      const fresh = new Map<string, CelType>();
      const parameters = overload.args.map((type) => this.#bindings.instantiate(type, fresh));
      if (!this.#bindings.isAssignable(argTypes, parameters)) continue;
      found.push(overload);
      const type = this.#bindings.substitute(this.#bindings.instantiate(overload.result, fresh));
      if (result === undefined) result = type;
      else if (!isDyn(result) && !isSame(type, result)) result = t.dyn;
    }
    if (result === undefined) {
      const types = argTypes.map((type) => this.#format(type));
      const signature = isMember ? `${types[0]}.(${types.slice(1).join(', ')})` : `(${types.join(', ')})`;
      const name = expr.isQualified ? fn.name : expr.name;
      this.#report(expr.at, `found no matching overload for '${name}' applied to '${signature}'`);
      return t.error;
    }
    expr.overloads = found;
    return result;
  }

  /** The type of an element that was written `?x`: what the optional holds. */
  #unwrapped(expr: Expr, isOptional: boolean): CelType {
    const type = this.check(expr);
    if (!isOptional) return type;
    const settled = this.#bindings.substitute(type);
    if (isOptionalType(settled)) return settled.parameters[0]!;
    if (!isDyn(settled)) this.#mismatch(expr.at, t.optional(settled), settled);
    return t.dyn;
  }

  /** The type of all elements of a literal; each that does not go with the first is a mistake, but in a format's arguments. */
  #join(elements: readonly { at: number; type: CelType }[]): CelType {
    let joined: CelType | undefined;
    let isMixed = false;
    for (const { at, type } of elements) {
      if (joined === undefined) joined = type;
      else if (this.#isAssignable(joined, type)) joined = mostGeneral(joined, type);
      else {
        isMixed = true;
        if (this.#env.options.hasUniformLiterals && this.#formats === 0) this.#mismatch(at, joined, type);
      }
    }
    return isMixed ? t.dyn : (joined ?? this.#bindings.newParameter());
  }

  #list(elements: readonly Expr[], optionals: ReadonlySet<number>): CelType {
    return t.list(
      this.#join(elements.map((element, i) => ({ at: element.at, type: this.#unwrapped(element, optionals.has(i)) }))),
    );
  }

  #map(entries: (Expr & { kind: 'map' })['entries']): CelType {
    const checked = entries.map(({ key, value, isOptional }) => ({
      key: { at: key.at, type: this.check(key) },
      value: { at: value.at, type: this.#unwrapped(value, isOptional) },
    }));
    return t.map(this.#join(checked.map(({ key }) => key)), this.#join(checked.map(({ value }) => value)));
  }

  #struct(expr: StructExpr): CelType {
    const found = lookUpName(this.#env, expr.name);
    const named = found?.type.kind === 'type' ? found.type.of : undefined;
    if (found === undefined) this.#undeclared(expr.at, expr.name);
    else if (named === undefined) this.#report(expr.at, `'${expr.name}' is not a type`);
    else if (named.kind !== 'object' || named.create === undefined) {
      this.#report(expr.at, `'${expr.name}' is not a message type`);
    }
    const type = named?.kind === 'object' && named.create !== undefined ? named : undefined;
    for (const field of expr.fields) {
      const given = this.#unwrapped(field.value, field.isOptional);
      if (type === undefined) continue;
      const wanted = type.field(field.name);
      if (wanted === undefined) this.#report(field.at, `undefined field '${field.name}'`);
      else if (!this.#isAssignable(wanted, given)) {
        const types = `'${this.#format(wanted)}' but provided type is '${this.#format(given)}'`;
        this.#report(field.at, `expected type of field '${field.name}' is ${types}`);
      }
    }
    if (type === undefined) return t.error;
    expr.meaning = type;
    return type.produces ?? type;
  }

  #comprehension(expr: ComprehensionExpr): CelType {
    const range = this.#bindings.substitute(this.check(expr.range));
    const accumulated = this.check(expr.init);
    const [first, second] = this.#elementTypes(expr, range);
    return this.#locals.within([[expr.accumulator, accumulated]], () => {
      this.#locals.within(
        [
          [expr.variable, first],
          [expr.variable2, second],
        ],
        () => {
          this.check(expr.loopCondition);
          this.#expectType(expr.loopCondition, t.bool);
          this.check(expr.step);
          this.#expectType(expr.step, accumulated);
        },
      );
      return this.#bindings.substitute(this.check(expr.result));
    });
  }

  #elementTypes(expr: ComprehensionExpr, range: CelType): [CelType, CelType] {
    const hasTwo = expr.variable2 !== undefined;
    switch (range.kind) {
      case 'list':
        return hasTwo ? [t.int, range.element] : [range.element, range.element];
      case 'map':
        return [range.key, range.value];
      case 'parameter':
        this.#isAssignable(t.dyn, range);
        return [t.dyn, t.dyn];
    }
    if (!isDyn(range)) {
      const what = `expression of type '${this.#format(range)}' cannot be range of a comprehension`;
      this.#report(expr.range.at, `${what} (must be list, map, or dynamic)`);
      return [t.error, t.error];
    }
    return [t.dyn, t.dyn];
  }
}
