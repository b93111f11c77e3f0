// The objects an informer holds, by key, with indexes kept up to date as they change.
import { type KubeObject, keyOf } from '../machinery/metadata.ts';

/** Values under which an object is found in an index. */
export type IndexFunction<T> = (object: T) => readonly string[];

/** Reads from an informer's cache. Objects are shared: copy before changing. */
export interface Lister<T> {
  /** By `namespace/name`. */
  get(key: string): T | undefined;
  list(): T[];
  inNamespace(namespace: string): T[];
  byIndex(index: string, value: string): T[];
}

interface Index<T> {
  values: IndexFunction<T>;
  keys: Map<string, Set<string>>;
}

export class ObjectCache<T extends KubeObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor() {
    this.addIndex('namespace', (o) => [o.metadata.namespace ?? '']);
  }

  /** Adds an index over what is there and what will come. Adding it again changes nothing. */
  addIndex(name: string, values: IndexFunction<T>): void {
    if (this.#indexes.has(name)) return;
    const index: Index<T> = { values, keys: new Map() };
    this.#indexes.set(name, index);
    for (const [key, object] of this.#objects) link(index, key, object);
  }

  get(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(): T[] {
    return [...this.#objects.values()];
  }

  inNamespace(namespace: string): T[] {
    return this.byIndex('namespace', namespace);
  }

  byIndex(name: string, value: string): T[] {
    const index = this.#indexes.get(name);
    if (!index) throw new Error(`no index ${JSON.stringify(name)}`);
    return [...(index.keys.get(value) ?? [])].map((key) => this.#objects.get(key)!);
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** Stores an object; returns what was there. */
  put(object: T): T | undefined {
    const key = keyOf(object);
    const old = this.#objects.get(key);
    for (const index of this.#indexes.values()) {
      if (old) unlink(index, key, old);
      link(index, key, object);
    }
    this.#objects.set(key, object);
    return old;
  }

  remove(key: string): T | undefined {
    const old = this.#objects.get(key);
    if (!old) return undefined;
    for (const index of this.#indexes.values()) unlink(index, key, old);
    this.#objects.delete(key);
    return old;
  }
}

function link<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const keys = index.keys.get(value);
    if (keys) keys.add(key);
    else index.keys.set(value, new Set([key]));
  }
}

function unlink<T>(index: Index<T>, key: string, object: T): void {
  for (const value of index.values(object)) {
    const keys = index.keys.get(value);
    keys?.delete(key);
    if (keys?.size === 0) index.keys.delete(value);
  }
}
