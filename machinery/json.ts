// JSON as the API needs it beyond JSON.parse: keys that appear twice, deep equality, clones.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Deep equality of JSON values; object key order does not matter, and an undefined field equals an absent one. */
export function jsonEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    return Array.isArray(b) && a.length === b.length && a.every((x, i) => jsonEqual(x, b[i]));
  }
  if (Array.isArray(b)) return false;
  const x = a as Record<string, unknown>;
  const y = b as Record<string, unknown>;
  for (const k in x) if (!jsonEqual(x[k], y[k])) return false;
  for (const k in y) if (y[k] !== undefined && x[k] === undefined) return false;
  return true;
}

/** A deep copy of a JSON value. */
export function cloneJson<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneJson) as T;
  const out: Record<string, unknown> = {};
  for (const [k, v] of Object.entries(value)) setKey(out, k, cloneJson(v));
  return out as T;
}

/** Sets an own property, whatever the key is called. */
export function setKey(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__')
    Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
  else target[key] = value;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Freezes a value and everything below it; tests use it to catch writes to cached objects. */
export function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const v of Object.values(value)) deepFreeze(v);
  }
  return value;
}

/**
 * Paths (`spec.ports[0].name`) of keys that an object of the text holds twice. The text must be valid JSON: run JSON.parse first.
 */
export function findDuplicateKeys(text: string): string[] {
  const found: string[] = [];
  // One frame per open container: the keys seen in an object, or the index in a list.
  const frames: { keys: Set<string> | null; at: string; index: number }[] = [];
  const pathOf = () => frames.map((f, i) => (f.keys ? (i > 0 && f.at ? `.${f.at}` : f.at) : `[${f.index}]`)).join('');
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const top = frames[frames.length - 1];
    if (c === 0x22) {
      const end = stringEnd(text, i);
      if (expectKey && top?.keys) {
        const key = JSON.parse(text.slice(i, end + 1)) as string;
        top.at = key;
        if (top.keys.has(key)) found.push(pathOf());
        top.keys.add(key);
        expectKey = false;
      }
      i = end;
    } else if (c === 0x7b) {
      frames.push({ keys: new Set(), at: '', index: 0 });
      expectKey = true;
    } else if (c === 0x5b) {
      frames.push({ keys: null, at: '', index: 0 });
      expectKey = false;
    } else if (c === 0x7d || c === 0x5d) {
      frames.pop();
      expectKey = false;
    } else if (c === 0x2c && top) {
      if (top.keys) expectKey = true;
      else top.index++;
    }
  }
  return found;
}

/** Whether objects and lists of the text stand in each other more than `maxDepth` times. The text should be JSON; of others any answer will do. */
export function isDeeperThan(text: string, maxDepth: number): boolean {
  // Every level needs two brackets.
  if (text.length <= maxDepth * 2) return false;
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = stringEnd(text, i);
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > maxDepth) return true;
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  return false;
}

function stringEnd(text: string, start: number): number {
  let i = start + 1;
  for (;;) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return text.length;
    let back = quote - 1;
    while (text.charCodeAt(back) === 0x5c) back--;
    if ((quote - back) % 2 === 1) return quote;
    i = quote + 1;
  }
}
