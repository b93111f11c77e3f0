// One object as the caches hold it: the parsed value, and its serialised bytes per served version,
// made once and shared by every GET, LIST and watch event. In etcd an object is JSON in its storage
// version, without its resourceVersion (that is the mod revision).
import { internalError } from '../../machinery/errors.ts';
import { goJson } from '../../machinery/go-json.ts';
import { isObject } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';

export class StoredObject {
  readonly key: string;
  /** In storage version, with metadata.resourceVersion. Shared: never changed. */
  readonly object: KubeObject;
  readonly revision: number;
  /** What it takes in etcd; 0 where it has not come from there. */
  readonly storedBytes: number;
  #bytes: Map<ServedVersion, Buffer> | undefined;

  constructor(key: string, object: KubeObject, revision: number, storedBytes = 0) {
    this.key = key;
    this.object = object;
    this.revision = revision;
    this.storedBytes = storedBytes;
  }

  /** The object as `version` serves it. */
  as(kind: Kind, version: ServedVersion): KubeObject {
    return version === kind.storage ? this.object : toVersion(this.object, kind, version);
  }

  /** JSON bytes in `version`; starts with the kind and apiVersion (see itemBytes). */
  bytes(kind: Kind, version: ServedVersion): Buffer {
    this.#bytes ??= new Map();
    let bytes = this.#bytes.get(version);
    if (!bytes) {
      bytes = Buffer.from(goJson(this.as(kind, version)));
      this.#bytes.set(version, bytes);
    }
    return bytes;
  }
}

/** An object of the storage version in another served version. */
export function toVersion(object: KubeObject, kind: Kind, version: ServedVersion): KubeObject {
  if (version === kind.storage) return object;
  const converted = version.fromStorage ? version.fromStorage(object) : object;
  const { kind: _k, apiVersion: _a, ...rest } = converted;
  return { kind: kind.kind, apiVersion: apiVersionOf(version), ...rest };
}

/** What is written to etcd. */
export function encodeStored(object: KubeObject, kind: Kind): Buffer {
  const { kind: _k, apiVersion: _a, metadata, ...rest } = object;
  const { resourceVersion: _r, ...meta } = metadata;
  return Buffer.from(goJson({ kind: kind.kind, apiVersion: kind.apiVersion, metadata: meta, ...rest }));
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
    return new StoredObject(key, object, revision, value.length);
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
