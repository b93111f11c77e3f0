// Loops by what they are. Each counts what its general form costs: the loop's condition, the step, the result.
import type { ComprehensionExpr, Expr } from './ast.ts';
import type { Compiler } from './compile.ts';
import { keyOf } from './equality.ts';
import { CelError, noSuchOverload } from './errors.ts';
import { type Closure, type Frame, LazyCell } from './frame.ts';
import { listCreateCost, selectCost } from './limits.ts';
import { toText } from './text.ts';
import { ArrayList, CelList, CelMap, EntryMap, type MapKey, mapKey, type Value } from './values.ts';

interface Parts {
  readonly range: Closure;
  /** The slots of the variables. */
  readonly slot: number;
  readonly slot2: number | undefined;
  readonly condition: Closure | undefined;
  readonly transform: Closure | undefined;
}

export function compileComprehension(compiler: Compiler, expr: ComprehensionExpr): Closure {
  if (expr.form === 'bind') return compileBind(compiler, expr);
  const range = compiler.compile(expr.range);
  return compiler.scoped(expr.variable, (slot) => {
    const inner = (slot2: number | undefined): Closure => {
      const compile = (part: Expr | undefined) => (part === undefined ? undefined : compiler.compile(part));
      const parts = { range, slot, slot2, condition: compile(expr.condition), transform: compile(expr.transform) };
      return loops[expr.form as keyof typeof loops](parts);
    };
    return expr.variable2 === undefined ? inner(undefined) : compiler.scoped(expr.variable2, inner);
  });
}

function compileBind(compiler: Compiler, expr: ComprehensionExpr): Closure {
  const init = compiler.compile(expr.init);
  return compiler.scoped(expr.accumulator, (slot) => {
    const result = compiler.compile(expr.result);
    return (f) => {
      f.slots[slot] = new LazyCell(init);
      return result(f);
    };
  });
}

/** Runs the body for each element, its variables set, until it returns true. */
function forEach(parts: Parts, f: Frame, range: Value, body: () => boolean): void {
  const { slot, slot2 } = parts;
  if (range instanceof CelList) {
    for (let i = 0; i < range.size; i++) {
      if (slot2 === undefined) f.slots[slot] = range.at(i);
      else {
        f.slots[slot] = i;
        f.slots[slot2] = range.at(i);
      }
      if (body()) return;
    }
  } else if (range instanceof CelMap) {
    for (const key of range.keys()) {
      f.slots[slot] = key;
      if (slot2 !== undefined) f.slots[slot2] = range.get(mapKey(key)!)!;
      if (body()) return;
    }
  } else throw noSuchOverload();
}

function quantifier(decisive: boolean, loopCost: number): (parts: Parts) => Closure {
  return (parts) => (f) => {
    let failure: CelError | undefined;
    let isDecided = false;
    forEach(parts, f, parts.range(f), () => {
      f.charge(loopCost);
      if (isDecided) return true;
      f.charge(selectCost);
      try {
        const value = parts.condition!(f);
        isDecided = value === decisive;
        if (typeof value !== 'boolean') failure ??= noSuchOverload();
      } catch (error) {
        if (!(error instanceof CelError)) throw error;
        failure ??= error;
      }
      return false;
    });
    f.charge(selectCost);
    if (isDecided) return decisive;
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

/** Whether the element is to be taken. */
function isTaken(parts: Parts, f: Frame): boolean {
  if (parts.condition === undefined) return true;
  const value = parts.condition(f);
  if (typeof value !== 'boolean') throw noSuchOverload();
  return value;
}

function existsOne(parts: Parts): Closure {
  return (f) => {
    let count = 0;
    forEach(parts, f, parts.range(f), () => {
      if (isTaken(parts, f)) {
        f.charge(1 + selectCost);
        count++;
      }
      return false;
    });
    f.charge(1 + selectCost);
    return count === 1;
  };
}

function list(parts: Parts): Closure {
  return (f) => {
    const items: Value[] = [];
    forEach(parts, f, parts.range(f), () => {
      if (!isTaken(parts, f)) return false;
      items.push(parts.transform!(f));
      f.charge(1 + selectCost + listCreateCost);
      return false;
    });
    f.charge(selectCost);
    return new ArrayList(items);
  };
}

type Entries = Map<MapKey, readonly [Value, Value]>;

function insert(entries: Entries, key: Value, value: Value): void {
  const canonical = keyOf(key);
  if (entries.has(canonical)) throw new CelError(`insert failed: key ${toText(key)} already exists`);
  entries.set(canonical, [key, value]);
}

function map(parts: Parts): Closure {
  return (f) => {
    const entries: Entries = new Map();
    forEach(parts, f, parts.range(f), () => {
      if (!isTaken(parts, f)) return false;
      const value = parts.transform!(f);
      f.charge(1 + 2 * selectCost);
      insert(entries, f.slots[parts.slot] as Value, value);
      return false;
    });
    f.charge(selectCost);
    return new EntryMap(entries);
  };
}

/** Each element gives a map, whose entries are put together. */
function merge(parts: Parts): Closure {
  return (f) => {
    const entries: Entries = new Map();
    forEach(parts, f, parts.range(f), () => {
      if (!isTaken(parts, f)) return false;
      const added = parts.transform!(f);
      if (!(added instanceof CelMap)) throw noSuchOverload();
      f.charge(1 + selectCost);
      for (const key of added.keys()) insert(entries, key, added.get(mapKey(key)!)!);
      return false;
    });
    f.charge(selectCost);
    return new EntryMap(entries);
  };
}

const loops = {
  all: quantifier(false, 1 + selectCost),
  exists: quantifier(true, 2 + selectCost),
  exists_one: existsOne,
  list,
  map,
  merge,
};
