// One object as the caches hold it: its JSON as it is served, made once and shared by every GET, LIST and watch event,
// and its parsed value while somebody works with it. Other versions and encodings are made when they are asked for. In
// etcd an object is JSON in its storage version, without its resourceVersion (that is the mod revision): what is served
// is those bytes with the version put in, and nothing is parsed or written anew for it.
import { internalError } from '../../machinery/errors.ts';
import { goJson } from '../../machinery/go-json.ts';
import { detached, isObject, jsonEqual } from '../../machinery/json.ts';
import { readJson } from '../../machinery/json-reader.ts';
import type { Kind, ServedVersion } from '../../machinery/kind.ts';
import { apiVersionOf } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { isEncrypted } from './encryption/providers.ts';
import type { EtcdEntry } from './etcd.ts';

/** A form in which clients get objects. */
export interface ObjectCodec {
  encode(object: KubeObject, kind: Kind, version: ServedVersion): Buffer;
}

const jsonCodec: ObjectCodec = { encode: (object) => Buffer.from(goJson(object)) };

/** JSON as it is served in the storage version. */
interface ServedBytes {
  bytes: Buffer;
  /** Where metadata begins: its first field is the resourceVersion. */
  metadataAt: number;
  /** The kind that the bytes are known to begin as. */
  kind: Kind | undefined;
}

export class StoredObject {
  readonly key: string;
  readonly revision: number;
  /** Values of the selectable fields of its kind; the cache of the resource fills them in. */
  fields: Readonly<Record<string, string>> | undefined;
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** A write of the same is a write: it brings the object into the form in which it is to lie in etcd. */
  isStale = false;
  /** Undefined while nobody has used it for a while: the bytes hold it. */
  #object: KubeObject | undefined;
  #isUsed = false;
  readonly #served: ServedBytes | undefined;
  #json: Map<ServedVersion, Buffer> | undefined;
  /** Made only where somebody asks for another form than JSON. */
  #others: Map<ObjectCodec, Map<ServedVersion, Buffer>> | undefined;
  #views: WeakMap<Kind, StoredObject> | undefined;

  /** `object` is in storage version, with metadata.resourceVersion. `served` are its bytes, where they are known. */
  constructor(key: string, object: KubeObject, revision: number, served?: ServedBytes) {
    this.key = key;
    this.#object = object;
    this.labels = detached(object.metadata.labels);
    this.revision = revision;
    this.#served = served;
  }

  get name(): string {
    return this.key.slice(this.key.lastIndexOf('/') + 1);
  }

  /** Of an object that is in a namespace. */
  get namespace(): string {
    const end = this.key.lastIndexOf('/');
    return this.key.slice(this.key.lastIndexOf('/', end - 1) + 1, end);
  }

  /** In storage version, with metadata.resourceVersion. Shared: never changed. */
  get object(): KubeObject {
    this.#isUsed = true;
    this.#object ??= parseStored(this.#served!.bytes);
    return this.#object;
  }

  /** The same for who looks at it only once: it is not kept for that. */
  get glimpse(): KubeObject {
    return this.#object ?? parseStored(this.#served!.bytes);
  }

  /** What it takes in memory, about, in bytes. */
  get size(): number {
    return this.#served?.bytes.length ?? 1_024;
  }

  /** Lets go of what can be made again from the bytes. */
  rest(): void {
    if (!this.#served) return;
    this.#object = undefined;
    this.#json = undefined;
    this.#others = undefined;
  }

  /**
   * The same, unless it was used since the last time. What is read over and over stays parsed so, and the mass of
   * objects that only lie there takes no more than their bytes.
   */
  restIfIdle(): void {
    if (!this.#isUsed) this.rest();
    this.#isUsed = false;
  }

  /** The same object at a later revision, for the event of its deletion. */
  atRevision(revision: number): StoredObject {
    const { metadata, ...rest } = this.object;
    const { kind, apiVersion, ...content } = rest;
    const next = { kind, apiVersion, metadata: { ...metadata, resourceVersion: String(revision) }, ...content };
    const at = this.#served && withoutRevision(this.#served, this.revision);
    const moved = new StoredObject(this.key, next as KubeObject, revision, at && serveBytes(at, revision));
    moved.fields = this.fields;
    return moved;
  }

  /** The object in the form of a kind that has one of its own, once it has been put there. */
  viewOf(kind: Kind): StoredObject | undefined {
    return this.#views?.get(kind);
  }

  /** Keeps that form, for all who ask for it later. */
  setView(kind: Kind, object: KubeObject): StoredObject {
    // What is as it was stored shares its bytes.
    const isSame = this.#served !== undefined && jsonEqual(object, this.object);
    const view = isSame
      ? new StoredObject(this.key, object, this.revision, this.#served)
      : new StoredObject(this.key, object, this.revision);
    view.isStale = this.isStale;
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
    if (codec === jsonCodec && version === kind.storage && this.#served && beginsAs(this.#served, kind)) {
      return this.#served.bytes;
    }
    return this.#cacheOf(codec).getOrInsertComputed(version, () => codec.encode(this.as(kind, version), kind, version));
  }

  #cacheOf(codec: ObjectCodec): Map<ServedVersion, Buffer> {
    if (codec === jsonCodec) {
      this.#json ??= new Map();
      return this.#json;
    }
    this.#others ??= new Map();
    return this.#others.getOrInsertComputed(codec, () => new Map());
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

/** Stored and served JSON begins with these, so that the version can be put in without reading the rest. */
const typeStart = Buffer.from('{"kind":"');
const metadataStart = Buffer.from('","metadata":{"');
const longestTypes = 512;

const headOf = ({ kind, apiVersion }: Kind) => `{"kind":"${kind}","apiVersion":"${apiVersion}",`;

function beginsAs(served: ServedBytes, kind: Kind): boolean {
  if (served.kind === kind) return true;
  const head = headOf(kind);
  if (served.bytes.toString('latin1', 0, head.length) !== head) return false;
  served.kind = kind;
  return true;
}

/** Where the metadata of stored JSON begins; undefined for what somebody else has written in another form. */
function metadataIn(value: Buffer): number | undefined {
  if (typeStart.compare(value, 0, typeStart.length) !== 0) return undefined;
  const at = value.subarray(0, longestTypes).indexOf(metadataStart);
  return at < 0 ? undefined : at + metadataStart.length - 1;
}

const revisionText = (revision: number) => `"resourceVersion":"${revision}",`;

/** The bytes that are served of those that are stored. */
function serveBytes({ bytes, metadataAt }: Omit<ServedBytes, 'kind'>, revision: number): ServedBytes {
  const text = revisionText(revision);
  // Not from the pool: what lives long would keep what is short-lived beside it.
  const served = Buffer.allocUnsafeSlow(bytes.length + text.length);
  bytes.copy(served, 0, 0, metadataAt);
  served.write(text, metadataAt, 'latin1');
  bytes.copy(served, metadataAt + text.length, metadataAt);
  return { bytes: served, metadataAt, kind: undefined };
}

function withoutRevision({ bytes, metadataAt }: ServedBytes, revision: number): Omit<ServedBytes, 'kind'> {
  const rest = bytes.subarray(metadataAt + revisionText(revision).length);
  return { bytes: Buffer.concat([bytes.subarray(0, metadataAt), rest]), metadataAt };
}

const longNumber = /\d{16}/;

function parseStored(value: Buffer): KubeObject {
  const text = value.toString();
  // Only text with that many digits can hold an integer that JSON.parse would round.
  const object = (longNumber.test(text) ? readJson(text).value : JSON.parse(text)) as KubeObject;
  if (!isObject(object) || !isObject(object.metadata)) throw new TypeError('it has no metadata');
  return object;
}

/** An entry of etcd as an object. Throws for one that cannot be read. */
export function decodeEntry({ key, value, modRevision, unreadable, isStale }: EtcdEntry): StoredObject {
  if (unreadable) throw unreadable;
  const stored = decodeStored(key, value, modRevision);
  if (isStale) stored.isStale = true;
  return stored;
}

/** Reads what was written. What is no object of ours is an error for whoever wants that object, and for nobody else. */
export function decodeStored(key: string, value: Buffer, revision: number): StoredObject {
  try {
    const object = parseStored(value);
    object.metadata.resourceVersion = String(revision);
    return new StoredObject(key, object, revision, servedOf(value, revision));
  } catch (err) {
    if (isEncrypted(value)) throw internalError(encryptedText(key), err);
    const why = `the object stored as ${key} cannot be decoded: ${err instanceof Error ? err.message : err}`;
    throw internalError(`${why}; etcdctl del ${key} removes it`, err);
  }
}

/** What this server has no configuration for. */
const encryptedText = (key: string) =>
  `unable to transform key ${JSON.stringify(key)}: identity transformer tried to read encrypted data`;

function servedOf(value: Buffer, revision: number): ServedBytes | undefined {
  const metadataAt = metadataIn(value);
  return metadataAt === undefined ? undefined : serveBytes({ bytes: value, metadataAt }, revision);
}

/** What has just been written: nothing of it has to be read again. */
export function storedAs(key: string, object: KubeObject, written: { value: Buffer; revision: number }): StoredObject {
  return new StoredObject(key, object, written.revision, servedOf(written.value, written.revision));
}

/** Where a kind's objects live. Core resources stand directly under /registry. */
export function keyPrefixOf(kind: Kind): string {
  return kind.group ? `/registry/${kind.group}/${kind.plural}/` : `/registry/${kind.plural}/`;
}

export function storageKey(kind: Kind, namespace: string, name: string): string {
  return `${keyPrefixOf(kind)}${kind.namespaced ? `${namespace}/` : ''}${name}`;
}

/** How the selectable fields of an object are read. */
export type FieldsOf = (object: KubeObject) => Readonly<Record<string, string>>;

/** Reads the selectable fields of the kinds, by the prefix of their keys. */
export function fieldsOfKinds(kinds: readonly Kind[]): (prefix: string) => FieldsOf | undefined {
  const byPrefix = new Map(kinds.map((kind) => [keyPrefixOf(kind), Object.entries(kind.selectableFields ?? {})]));
  return (prefix) => {
    const fields = byPrefix.get(prefix);
    if (!fields || fields.length === 0) return undefined;
    return (object) => detached(Object.fromEntries(fields.map(([name, read]) => [name, readSafely(read, object)])));
  };
}

/** An object that is not what its kind should be is the trouble of who asks for it. */
function readSafely(read: (object: KubeObject) => string, object: KubeObject): string {
  try {
    return read(object);
  } catch {
    return '';
  }
}
