// From a tree to closures: each takes the frame of one evaluation and gives a value, counting what it costs as Kubernetes
// does (cel-go's interpreter/runtimecost.go). Trees that were checked know their overloads; those that were not (tests of
// the language ask for it) find them by their values.
import { type Expr, type IdentExpr, qualifiedName, type SelectExpr, type StructExpr } from './ast.ts';
import { compileCall } from './compile-call.ts';
import { compileComprehension } from './compile-loop.ts';
import type { Env } from './env.ts';
import { keyOf } from './equality.ts';
import { CelError } from './errors.ts';
import { selectField, testField } from './fields.ts';
import { type Closure, type Frame, LazyCell } from './frame.ts';
import { listCreateCost, mapCreateCost, selectCost, structCreateCost } from './limits.ts';
import { candidateNames, lookUpName } from './names.ts';
import { Scopes } from './scopes.ts';
import { toText } from './text.ts';
import { ArrayList, EntryMap, type MapKey, Optional, type Value } from './values.ts';

/** The closure of a tree, and how many local variables it needs. */
export function compileExpr(expr: Expr, env: Env): [closure: Closure, slots: number] {
  const compiler = new Compiler(env);
  const closure = compiler.compile(expr);
  return [closure, compiler.slots];
}

export class Compiler {
  readonly env: Env;
  slots = 0;
  readonly #locals = new Scopes<number>();

  constructor(env: Env) {
    this.env = env;
  }

  compile(expr: Expr): Closure {
    switch (expr.kind) {
      case 'const': {
        const { value } = expr;
        return () => value;
      }
      case 'ident':
        return this.#ident(expr);
      case 'select':
        return this.#select(expr);
      case 'call':
        return compileCall(this, expr);
      case 'list':
        return this.#list(expr);
      case 'map':
        return this.#map(expr);
      case 'struct':
        return this.#struct(expr);
      default:
        return compileComprehension(this, expr);
    }
  }

  /** Compiles what sees a local variable of this name, in a slot of its own. */
  scoped<T>(name: string, body: (slot: number) => T): T {
    const slot = this.slots++;
    return this.#locals.within([[name, slot]], () => body(slot));
  }

  #ident(expr: IdentExpr): Closure {
    const slot = this.#locals.get(expr.name);
    if (slot !== undefined) return readSlot(slot);
    const meaning = expr.meaning ?? lookUpName(this.env, expr.name)?.meaning;
    if (meaning?.kind === 'value') {
      const { value } = meaning;
      return () => value;
    }
    const names = meaning?.kind === 'variable' ? [meaning.name] : candidateNames(this.env.container, expr.name);
    return (f) => {
      f.charge(selectCost);
      const value = findVariable(f, names);
      if (value === undefined) throw new CelError(`no such attribute(s): ${names.join(', ')}`);
      return value;
    };
  }

  /** A chain of names that may be one name as a whole, where the checker has not said. */
  #qualified(expr: SelectExpr): { names: string[]; value?: Value } | undefined {
    const { meaning } = expr;
    if (meaning?.kind === 'variable') return { names: [meaning.name] };
    if (meaning?.kind === 'value') return { names: [], value: meaning.value };
    const name = expr.type !== undefined || expr.isTest ? undefined : qualifiedName(expr);
    if (name === undefined || this.#locals.hasRoot(name)) return undefined;
    const found = lookUpName(this.env, name)?.meaning;
    if (found?.kind === 'value') return { names: [], value: found.value };
    return { names: candidateNames(this.env.container, name) };
  }

  #select(expr: SelectExpr): Closure {
    const qualified = this.#qualified(expr);
    if (qualified?.value !== undefined) {
      const { value } = qualified;
      return () => value;
    }
    const { field } = expr;
    const names = qualified?.names ?? [];
    if (expr.meaning !== undefined) {
      return (f) => {
        f.charge(selectCost);
        const value = findVariable(f, names);
        if (value === undefined) throw new CelError(`no such attribute(s): ${names.join(', ')}`);
        return value;
      };
    }
    const operand = this.compile(expr.operand);
    if (expr.isTest) {
      const cost = this.env.options.isPresenceTestFree ? 0 : selectCost;
      return (f) => {
        const value = operand(f);
        f.charge(cost);
        return testField(value, field);
      };
    }
    return (f) => {
      if (names.length > 0) {
        const value = findVariable(f, names);
        if (value !== undefined) return value;
      }
      const value = operand(f);
      f.charge(selectCost);
      return selectField(value, field);
    };
  }

  #list(expr: Expr & { kind: 'list' }): Closure {
    const { elements, optionals } = expr;
    if (optionals.size === 0 && elements.every((element) => element.kind === 'const')) {
      const constant = new ArrayList(elements.map((element) => (element as Expr & { kind: 'const' }).value));
      return () => constant;
    }
    const closures = elements.map((element) => this.compile(element));
    return (f) => {
      const items: Value[] = [];
      for (let i = 0; i < closures.length; i++) {
        const value = closures[i]!(f);
        if (!optionals.has(i)) items.push(value);
        else if (!(value instanceof Optional)) throw new CelError('cannot initialize optional list element');
        else if (value.value !== undefined) items.push(value.value);
      }
      f.charge(listCreateCost);
      return new ArrayList(items);
    };
  }

  #map(expr: Expr & { kind: 'map' }): Closure {
    const isConstant = expr.entries.every((entry) => entry.key.kind === 'const' && entry.value.kind === 'const');
    const cost = isConstant ? 0 : mapCreateCost;
    const entries = expr.entries.map((entry) => ({
      key: this.compile(entry.key),
      value: this.compile(entry.value),
      isOptional: entry.isOptional,
    }));
    return (f) => {
      const map = new Map<MapKey, readonly [Value, Value]>();
      for (const entry of entries) {
        const key = entry.key(f);
        let value: Value | undefined = entry.value(f);
        if (entry.isOptional) {
          if (!(value instanceof Optional)) throw new CelError('cannot initialize optional entry');
          value = value.value;
          if (value === undefined) continue;
        }
        const canonical = keyOf(key);
        if (map.has(canonical)) throw new CelError(`repeated key: ${toText(key)}`);
        map.set(canonical, [key, value]);
      }
      f.charge(cost);
      return new EntryMap(map);
    };
  }

  #struct(expr: StructExpr): Closure {
    const found = expr.meaning ?? lookUpName(this.env, expr.name)?.type;
    const type = found?.kind === 'type' ? found.of : found;
    const create = type?.kind === 'object' ? type.create : undefined;
    if (create === undefined) {
      return () => {
        throw new CelError(`unknown type: ${expr.name}`);
      };
    }
    const fields = expr.fields.map((field) => ({ ...field, value: this.compile(field.value) }));
    return (f) => {
      const values = new Map<string, Value>();
      for (const { name, value, isOptional } of fields) {
        const given = value(f);
        if (!isOptional) values.set(name, given);
        else if (!(given instanceof Optional)) throw new CelError('cannot initialize optional field');
        else if (given.value !== undefined) values.set(name, given.value);
      }
      f.charge(structCreateCost);
      return create(values);
    };
  }
}

function readSlot(slot: number): Closure {
  return (f) => {
    f.charge(selectCost);
    const value = f.slots[slot];
    return value instanceof LazyCell ? value.read(f) : value!;
  };
}

function findVariable(frame: Frame, names: readonly string[]): Value | undefined {
  for (const name of names) {
    const value = frame.variable(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
