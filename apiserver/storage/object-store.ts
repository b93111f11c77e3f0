// Objects in etcd, kind by kind: reads come from the watch cache, writes are compare-and-swap transactions.
// Knows nothing of admission, validation or HTTP. Upstream: apiserver's storage.Interface.
import { alreadyExistsError, type GroupResource, notFoundError } from '../../machinery/errors.ts';
import type { Kind, StoredForm } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { breathe } from '../turns.ts';
import type { Etcd, EtcdEntry } from './etcd.ts';
import { pagesOf } from './etcd-pages.ts';
import type { ResourceCache } from './resource-cache.ts';
import { decodeEntry, encodeStored, keyPrefixOf, type StoredObject, storageKey, storedAs } from './stored-object.ts';
import type { WatchCache } from './watch-cache.ts';

export const groupResourceOf = (kind: Kind): GroupResource => ({ group: kind.group, resource: kind.plural });

/** What became of a compare-and-swap: the object as stored, or what stands there instead. */
type WriteResult = { done: true; stored: StoredObject } | { done: false; current: StoredObject | undefined };

/** More objects are brought into another form step by step. */
const viewedAtOnce = 500;
/** So are they read. */
const readAtOnce = 200;

export class ObjectStore {
  readonly #etcd: Etcd;
  readonly cache: WatchCache;
  /** Revision of this server's last write, by key prefix. */
  readonly #written = new Map<string, number>();

  constructor(etcd: Etcd, cache: WatchCache) {
    this.#etcd = etcd;
    this.cache = cache;
  }

  resource(kind: Kind): ResourceCache {
    return this.cache.resource(keyPrefixOf(kind));
  }

  /** How many objects the cache has of a kind; none while it is not loaded. */
  count(kind: Kind): number {
    return this.cache.count(keyPrefixOf(kind));
  }

  /** The objects in the form of `kind`: another than they are stored in where the kind says so. */
  view(kind: Kind, objects: readonly StoredObject[]): readonly StoredObject[] | Promise<readonly StoredObject[]> {
    if (!kind.storedForm) return objects;
    return objects.length > viewedAtOnce
      ? this.#viewMany(kind, objects)
      : this.#viewFew(kind, objects, kind.storedForm);
  }

  async #viewMany(kind: Kind, objects: readonly StoredObject[]): Promise<StoredObject[]> {
    const views: StoredObject[] = [];
    for (let from = 0; from < objects.length; from += viewedAtOnce) {
      views.push(...(await this.view(kind, objects.slice(from, from + viewedAtOnce))));
      await breathe();
    }
    return views;
  }

  #viewFew(kind: Kind, objects: readonly StoredObject[], form: StoredForm) {
    const absent = objects.filter((stored) => !stored.viewOf(kind));
    const keep = (read: readonly KubeObject[]) => {
      for (const [i, stored] of absent.entries()) stored.setView(kind, read[i]!);
      return objects.map((stored) => stored.viewOf(kind)!);
    };
    const read = absent.length === 0 ? [] : form.read(absent.map((stored) => stored.object));
    return read instanceof Promise ? read.then(keep) : keep(read);
  }

  async #viewOne(kind: Kind, stored: StoredObject | undefined): Promise<StoredObject | undefined> {
    return stored && kind.storedForm ? (await this.view(kind, [stored]))[0] : stored;
  }

  /** The object as the cache has it now, as it is stored; it may lag behind etcd. */
  peek(kind: Kind, namespace: string, name: string): StoredObject | undefined {
    return this.resource(kind).get(storageKey(kind, namespace, name));
  }

  /** The same in the form of its kind. */
  look(kind: Kind, namespace: string, name: string): Promise<StoredObject | undefined> {
    return this.#viewOne(kind, this.peek(kind, namespace, name));
  }

  /** The object as the cache has it, or else from etcd: one that was made a moment ago may not be in the cache yet. */
  async find(kind: Kind, namespace: string, name: string): Promise<StoredObject | undefined> {
    return (await this.look(kind, namespace, name)) ?? this.read(kind, namespace, name);
  }

  /** The object as of now or later. `atLeast` 0 takes whatever the cache has. */
  async get(kind: Kind, namespace: string, name: string, atLeast?: number): Promise<StoredObject> {
    if (atLeast === undefined) await this.cache.waitConsistent();
    else if (atLeast > 0) await this.cache.waitFor(atLeast);
    const found = await this.look(kind, namespace, name);
    if (!found) throw notFoundError(groupResourceOf(kind), name);
    return found;
  }

  /**
   * All objects of the kind, or of one namespace, as the cache has them once it has seen what this
   * server wrote of the kind: who makes a rule and then what it is for meets it.
   */
  async listSeen(kind: Kind, namespace = ''): Promise<KubeObject[]> {
    const prefix = keyPrefixOf(kind);
    const found = (await this.seen(kind)).list(namespace ? `${prefix}${namespace}/` : prefix);
    return [...found].map(({ object }) => object);
  }

  /** The cache of the kind, once it has seen what this server wrote of it. */
  async seen(kind: Kind): Promise<ResourceCache> {
    const written = this.#written.get(keyPrefixOf(kind));
    if (written !== undefined) await this.cache.waitFor(written);
    return this.resource(kind);
  }

  /** The object straight from etcd, past the cache. */
  async read(kind: Kind, namespace: string, name: string): Promise<StoredObject | undefined> {
    const entry = await this.#etcd.get(storageKey(kind, namespace, name));
    return this.#viewOne(kind, entry && decodeEntry(entry));
  }

  /** Writes a new object; AlreadyExists when there is one. */
  async create(kind: Kind, object: KubeObject): Promise<StoredObject> {
    const { namespace = '', name = '' } = object.metadata;
    const result = await this.#put(kind, storageKey(kind, namespace, name), object, 0);
    if (!result.done) throw alreadyExistsError(groupResourceOf(kind), name);
    return result.stored;
  }

  /** Replaces `old` if it still stands. */
  replace(kind: Kind, old: StoredObject, object: KubeObject): Promise<WriteResult> {
    return this.#put(kind, old.key, object, old.revision);
  }

  async #put(kind: Kind, key: string, object: KubeObject, revision: number): Promise<WriteResult> {
    const written = kind.storedForm ? await kind.storedForm.write(object) : object;
    const type = { kind: kind.kind, apiVersion: (kind.storedForm && written.apiVersion) ?? kind.apiVersion };
    const value = encodeStored(written, type);
    const result = await this.#etcd.put(key, value, revision);
    // What stands where nothing should is not read: it may be what nobody can.
    if (!result.done) return this.#otherThan(kind, revision === 0 ? undefined : result.current);
    this.#written.set(keyPrefixOf(kind), result.revision);
    const stored = storedAs(key, asStored(written, type, result.revision), { value, revision: result.revision });
    // The watch brings the same bytes back: whoever is first has read them for both.
    const shared = this.cache.expect(keyPrefixOf(kind), stored);
    if (!kind.storedForm) return { done: true, stored: shared };
    return { done: true, stored: shared.setView(kind, asStored(object, kind, result.revision)) };
  }

  /** Deletes `old` if it still stands. */
  async remove(kind: Kind, old: StoredObject): Promise<WriteResult> {
    const result = await this.#etcd.delete(old.key, old.revision);
    if (!result.done) return this.#otherThan(kind, result.current);
    this.#written.set(keyPrefixOf(kind), result.revision);
    return { done: true, stored: old };
  }

  async #otherThan(kind: Kind, entry: EtcdEntry | undefined): Promise<WriteResult> {
    return { done: false, current: await this.#viewOne(kind, entry && decodeEntry(entry)) };
  }

  /** A page of the resource as it was at `revision`, from etcd's history. Throws CompactedError. */
  async history(prefix: string, from: string, options: { limit: number; revision: number }) {
    const objects: StoredObject[] = [];
    let count: number | undefined;
    let more = false;
    for await (const page of pagesOf(this.#etcd, from, `${prefix.slice(0, -1)}0`, options)) {
      count ??= page.count;
      more = page.more;
      for (const [i, entry] of page.entries.entries()) {
        objects.push(...decodeIfReadable(entry));
        if (i % readAtOnce === readAtOnce - 1) await breathe();
      }
    }
    return { objects, count: count ?? 0, more };
  }

  /** Asks etcd whether it still knows what was at `revision`. Throws CompactedError. */
  async touchHistory(revision: number): Promise<void> {
    await this.#etcd.range('\0', '', { limit: 1, revision });
  }
}

/** An object as it is once it is stored. */
function asStored(object: KubeObject, type: { kind: string; apiVersion: string }, revision: number): KubeObject {
  const { kind: _k, apiVersion: _a, metadata, ...rest } = object;
  const { kind, apiVersion } = type;
  return { kind, apiVersion, metadata: { ...metadata, resourceVersion: String(revision) }, ...rest };
}

/** In lists an object that cannot be decoded is left out; the watch cache has complained about it. */
function decodeIfReadable(entry: EtcdEntry): StoredObject[] {
  try {
    return [decodeEntry(entry)];
  } catch {
    return [];
  }
}
