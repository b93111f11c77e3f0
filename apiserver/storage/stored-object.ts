// One object as the caches hold it: the parsed value, and its serialised bytes per served version and codec,
// made once and shared by every GET, LIST and watch event. In etcd an object is JSON in its storage
// version, without its resourceVersion (that is the mod revision).
import { internalError } from '../../machinery/errors.ts';
import { goJson } from '../../machinery/go-json.ts';
import { isObject } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

/** A form in which clients get objects. */
export interface ObjectCodec {
  encode(object: KubeObject, kind: Kind, version: ServedVersion): Buffer;
}

const jsonCodec: ObjectCodec = { encode: (object) => Buffer.from(goJson(object)) };

export class StoredObject {
  readonly key: string;
  /** In storage version, with metadata.resourceVersion. Shared: never changed. */
  readonly object: KubeObject;
  readonly revision: number;
  #json: Map<ServedVersion, Buffer> | undefined;
  /** Made only where somebody asks for another form than JSON. */
  #others: Map<ObjectCodec, Map<ServedVersion, Buffer>> | undefined;
  #views: WeakMap<Kind, StoredObject> | undefined;

  constructor(key: string, object: KubeObject, revision: number) {
    this.key = key;
    this.object = object;
    this.revision = revision;
  }

  /** The object in the form of a kind that has one of its own, once it has been put there. */
  viewOf(kind: Kind): StoredObject | undefined {
    return this.#views?.get(kind);
  }

  /** Keeps that form, for all who ask for it later. */
  setView(kind: Kind, object: KubeObject): StoredObject {
    const view = new StoredObject(this.key, object, this.revision);
    this.#views ??= new WeakMap();
    this.#views.set(kind, view);
    return view;
  }

  /** The object as `version` serves it. */
  as(kind: Kind, version: ServedVersion): KubeObject {
    return version === kind.storage ? this.object : toVersion(this.object, kind, version);
  }

  /** Bytes in `version`: of JSON, which starts with the kind and apiVersion, or as `codec` makes them. */
  bytes(kind: Kind, version: ServedVersion, codec = jsonCodec): Buffer {
    const known = this.#cacheOf(codec);
    let bytes = known.get(version);
    if (!bytes) {
      bytes = codec.encode(this.as(kind, version), kind, version);
      known.set(version, bytes);
    }
    return bytes;
  }

  #cacheOf(codec: ObjectCodec): Map<ServedVersion, Buffer> {
    if (codec === jsonCodec) {
      this.#json ??= new Map();
      return this.#json;
    }
    this.#others ??= new Map();
    let cache = this.#others.get(codec);
    if (!cache) {
      cache = new Map();
      this.#others.set(codec, cache);
    }
    return cache;
  }
}

/** An object of the storage version in another served version. */
export function toVersion(object: KubeObject, kind: Kind, version: ServedVersion): KubeObject {
  if (version === kind.storage) return object;
  const converted = version.fromStorage ? version.fromStorage(object) : object;
  const { kind: _k, apiVersion: _a, ...rest } = converted;
  return { kind: kind.kind, apiVersion: apiVersionOf(version), ...rest };
}

/** What is written to etcd, in the version of `apiVersion`. */
export function encodeStored(object: KubeObject, { kind, apiVersion }: { kind: string; apiVersion: string }): Buffer {
  const { kind: _k, apiVersion: _a, metadata, ...rest } = object;
  const { resourceVersion: _r, ...meta } = metadata;
  return Buffer.from(goJson({ kind, apiVersion, metadata: meta, ...rest }));
}

const longNumber = /\d{16}/;

/** Reads what was written. What is no object of ours is an error for whoever wants that object, and for nobody else. */
export function decodeStored(key: string, value: Buffer, revision: number): StoredObject {
  try {
    const text = value.toString();
    // Only text with that many digits can hold an integer that JSON.parse would round.
    const object = (longNumber.test(text) ? readJson(text).value : JSON.parse(text)) as KubeObject;
    if (!isObject(object) || !isObject(object.metadata)) throw new TypeError('it has no metadata');
    object.metadata.resourceVersion = String(revision);
    return new StoredObject(key, object, revision);
  } catch (err) {
    const why = `the object stored as ${key} cannot be decoded: ${err instanceof Error ? err.message : err}`;
    throw internalError(`${why}; etcdctl del ${key} removes it`, err);
  }
}

/** The same object at a later revision, for the event of its deletion. */
export function atRevision(stored: StoredObject, revision: number): StoredObject {
  const { object } = stored;
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return new StoredObject(stored.key, { ...object, metadata }, revision);
}

/** Where a kind's objects live. Core resources stand directly under /registry. */
export function keyPrefixOf(kind: Kind): string {
  return kind.group ? `/registry/${kind.group}/${kind.plural}/` : `/registry/${kind.plural}/`;
}

export function storageKey(kind: Kind, namespace: string, name: string): string {
  return `${keyPrefixOf(kind)}${kind.namespaced ? `${namespace}/` : ''}${name}`;
}
