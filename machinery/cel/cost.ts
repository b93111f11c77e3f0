// What an expression can cost at most, from the sizes its variables may have. Kubernetes refuses rules whose estimate is too
// high before they ever run, so the reckoning is theirs to the unit: cel-go's checker/cost.go.
import type { CallExpr, ComprehensionExpr, Expr, SelectExpr } from './ast.ts';
import { estimateCall } from './cost-calls.ts';
import { add, type CostRange, fixed, isScalar, multiply, type Size, union, unknownSize } from './cost-range.ts';
import type { DeclType } from './decl-type.ts';
import type { Env } from './env.ts';
import { listCreateCost, mapCreateCost, selectCost, structCreateCost } from './limits.ts';
import { Scopes } from './scopes.ts';
import { sizeOf } from './size.ts';
import type { CelType } from './types.ts';

/** Sizes of what is in a list or map. */
export interface EntrySize {
  readonly key: Size;
  readonly value: Size;
}

/** What is known of an expression besides its cost. */
export interface Known {
  readonly expr: Expr;
  readonly type: CelType | undefined;
  /** Of JSON that it is read from. */
  readonly decl: DeclType | undefined;
  readonly size: Size | undefined;
  readonly entry: EntrySize | undefined;
}

interface Local {
  readonly decl: DeclType | undefined;
  readonly size: Size | undefined;
  readonly entry: EntrySize | undefined;
}

/** The least and the most that a checked expression costs. */
export function estimateCost(expr: Expr, env: Env): CostRange {
  return new Estimator(env).cost(expr);
}

class Estimator {
  readonly #env: Env;
  readonly #known = new Map<Expr, Known>();
  readonly #locals = new Scopes<Local>();

  constructor(env: Env) {
    this.#env = env;
  }

  cost(expr: Expr): CostRange {
    switch (expr.kind) {
      case 'const':
        return fixed(0);
      case 'ident':
        return fixed(selectCost);
      case 'select':
        return this.#select(expr);
      case 'call':
        return this.#call(expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return expr.fields.reduce((sum, field) => add(sum, this.cost(field.value)), fixed(structCreateCost));
      default:
        return expr.form === 'bind' ? this.#bind(expr) : this.#loop(expr);
    }
  }

  /** What is known of an expression whose cost has been taken. */
  know(expr: Expr): Known {
    const decl = this.#declOf(expr);
    const known = this.#known.get(expr);
    const local = expr.kind === 'ident' ? this.#locals.get(expr.name) : undefined;
    const entry = known?.entry ?? local?.entry;
    const size = known?.size ?? literalSize(expr) ?? declSize(decl) ?? typeSize(expr.type) ?? local?.size;
    return { expr, type: expr.type, decl, size, entry };
  }

  /** Sizes that only the shape of the expression tells. */
  remember(expr: Expr, size: Size | undefined, entry: EntrySize | undefined, decl?: DeclType): void {
    this.#known.set(expr, { expr, type: expr.type, decl, size, entry });
  }

  #declOf(expr: Expr): DeclType | undefined {
    if (expr.kind === 'ident') {
      const local = this.#locals.get(expr.name);
      if (local !== undefined) return local.decl;
      return expr.meaning?.kind === 'variable' ? this.#env.variables.get(expr.meaning.name)?.decl : undefined;
    }
    if (expr.kind === 'select' && !expr.isTest) {
      if (expr.meaning?.kind === 'variable') return this.#env.variables.get(expr.meaning.name)?.decl;
      const operand = this.#declOf(expr.operand);
      return operand?.fields?.get(expr.field)?.decl;
    }
    return this.#known.get(expr)?.decl;
  }

  #select(expr: SelectExpr): CostRange {
    if (expr.meaning !== undefined) return fixed(selectCost);
    const operand = this.cost(expr.operand);
    if (expr.isTest) return add(operand, fixed(this.#env.options.isPresenceTestFree ? 0 : selectCost));
    const kind = expr.operand.type?.kind;
    const isLookup = kind === 'map' || kind === 'object' || kind === 'parameter' || kind === 'dyn';
    return add(operand, fixed(isLookup ? selectCost : 0));
  }

  #call(expr: CallExpr): CostRange {
    if (expr.name === 'dyn' && expr.args.length === 1) {
      const sum = add(fixed(1), this.cost(expr.args[0]!));
      const { size, entry, decl } = this.know(expr.args[0]!);
      this.remember(expr, size, entry, decl);
      return sum;
    }
    const argCosts = expr.args.map((arg) => this.cost(arg));
    const isMember = expr.target !== undefined && !expr.isQualified;
    const targetCost = isMember ? this.cost(expr.target!) : fixed(0);
    const args = expr.args.map((arg) => this.know(arg));
    const target = isMember ? this.know(expr.target!) : undefined;
    let sum: CostRange | undefined;
    let size: Size | undefined;
    let entry: EntrySize | undefined;
    let decl: DeclType | undefined;
    for (const overload of expr.overloads ?? []) {
      const estimate = estimateCall({ name: this.#functionName(expr), overload: overload.id, target, args, argCosts });
      sum = sum === undefined ? estimate.cost : union(sum, estimate.cost);
      if (estimate.size !== undefined) size = size === undefined ? estimate.size : union(size, estimate.size);
      entry ??= estimate.entry;
      if (overload.id === 'index_list' || overload.id === 'index_map') {
        size = args[0]!.entry?.value;
        decl = args[0]!.decl?.element;
      }
    }
    this.remember(expr, size, entry, decl);
    return add(targetCost, sum ?? fixed(0));
  }

  #functionName(expr: CallExpr): string {
    if (!expr.isQualified) return expr.name;
    const { target } = expr;
    return target?.kind === 'ident' ? `${target.name}.${expr.name}` : expr.name;
  }

  #sizeOrUnknown(expr: Expr): Size {
    return this.know(expr).size ?? unknownSize;
  }

  #list(expr: Expr & { kind: 'list' }): CostRange {
    let sum = fixed(listCreateCost);
    let item: Size | undefined;
    for (const element of expr.elements) {
      sum = add(sum, this.cost(element));
      const size = this.#sizeOrUnknown(element);
      item = item === undefined ? size : union(item, size);
    }
    this.remember(expr, fixed(expr.elements.length), { key: fixed(1), value: item ?? fixed(0) });
    return sum;
  }

  #map(expr: Expr & { kind: 'map' }): CostRange {
    let sum = fixed(mapCreateCost);
    let keySize: Size | undefined;
    let valueSize: Size | undefined;
    for (const { key, value } of expr.entries) {
      sum = add(add(sum, this.cost(key)), this.cost(value));
      const sizes = [this.#sizeOrUnknown(key), this.#sizeOrUnknown(value)] as const;
      keySize = keySize === undefined ? sizes[0] : union(keySize, sizes[0]);
      valueSize = valueSize === undefined ? sizes[1] : union(valueSize, sizes[1]);
    }
    const entry = { key: keySize ?? fixed(0), value: valueSize ?? fixed(0) };
    this.remember(expr, fixed(expr.entries.length), entry);
    return sum;
  }

  #bind(expr: ComprehensionExpr): CostRange {
    const before = add(this.cost(expr.range), this.cost(expr.init));
    const { decl, size, entry } = this.know(expr.init);
    return this.#locals.within([[expr.accumulator, { decl, size, entry }]], () => {
      const sum = add(before, this.cost(expr.result));
      const result = this.know(expr.result);
      this.remember(expr, result.size, result.entry, result.decl);
      return sum;
    });
  }

  #loop(expr: ComprehensionExpr): CostRange {
    let sum = add(this.cost(expr.range), this.cost(expr.init));
    const range = this.know(expr.range);
    const init = this.know(expr.init);
    const isList = range.type?.kind === 'list';
    // Upstream knows no length of a map's keys, and takes them for empty where it knows the map.
    const ofKeys = range.decl !== undefined && range.type?.kind === 'map' ? fixed(0) : undefined;
    const keys: Local = { decl: undefined, size: range.entry?.key ?? ofKeys, entry: undefined };
    const values: Local = { decl: range.decl?.element, size: range.entry?.value, entry: undefined };
    const accumulator: Local = { decl: undefined, size: init.size, entry: init.entry };
    const variables: [string, Local][] =
      expr.variable2 === undefined
        ? [[expr.variable, isList ? values : keys]]
        : [
            [expr.variable, keys],
            [expr.variable2, values],
          ];
    let stepEntry: EntrySize | undefined;
    this.#locals.within([[expr.accumulator, accumulator]], () => {
      const each = this.#locals.within(variables, () => {
        const cost = add(this.cost(expr.loopCondition), this.cost(expr.step));
        stepEntry = this.know(expr.step).entry;
        return cost;
      });
      sum = add(sum, this.cost(expr.result));
      sum = add(sum, multiply(range.size ?? unknownSize, each));
    });
    const isContainer = expr.init.kind === 'list' || expr.init.kind === 'map';
    this.remember(expr, isContainer ? (range.size ?? unknownSize) : init.size, isContainer ? stepEntry : undefined);
    return sum;
  }
}

function literalSize(expr: Expr): Size | undefined {
  if (expr.kind === 'const') return fixed(sizeOf(expr.value));
  if (expr.kind === 'list') return fixed(expr.elements.length);
  return expr.kind === 'map' ? fixed(expr.entries.length) : undefined;
}

function declSize(decl: DeclType | undefined): Size | undefined {
  return decl === undefined ? undefined : { min: 0, max: decl.maxElements };
}

function typeSize(type: CelType | undefined): Size | undefined {
  return type !== undefined && isScalar(type) ? fixed(1) : undefined;
}
