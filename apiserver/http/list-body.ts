// The bytes of a list: the items' own ones, one after the other. What was joined last is kept while memory allows: who
// lists again what has not changed, as everybody does who comes back at once, gets the same bytes after a head of its
// own.
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import type { Steps } from '../../machinery/steps.ts';
import { encodeEnvelopeHead, encodeMessage, envelopeEnd, messageIn, type TypeMeta } from '../protobuf/envelope.ts';
import { listMeta } from '../protobuf/meta-messages.ts';
import { protobufCodec } from '../protobuf/object-codec.ts';
import type { StoredObject } from '../storage/stored-object.ts';
import { type Body, pieceBytes, sizeOf, together } from './body.ts';

export interface ListForm {
  kind: Kind;
  version: ServedVersion;
}

/** A list is what stands before its items, the items, and what stands after them. */
interface ListEncoding {
  /** `itemBytes` is the size of the items together. */
  head(metadata: object, form: ListForm, itemBytes: number): Buffer;
  itemSize(stored: StoredObject, form: ListForm): number;
  /** Writes one at `at`; returns where it ends. */
  writeItem(out: Buffer, at: number, stored: StoredObject, form: ListForm): number;
  /** Between two items. */
  separator: Buffer;
  end: Buffer;
}

/** The items of a list, joined. */
interface Joined {
  items: readonly StoredObject[];
  bytes: number;
  pieces: readonly Buffer[];
}

/** Shorter lists are joined faster than compared. */
const worthKeepingBytes = 64 * 1024;
const openBrace = 0x7b;
const metadataTag = 0x0a;
const itemTag = 0x12;

const typeBytes = new WeakMap<ServedVersion, number>();

/** How much of an item's bytes says its kind and apiVersion, and is left out: custom resources say them in lists too. */
function typeStart({ kind, version }: ListForm): number {
  if (kind.isCustom) return 1;
  let length = typeBytes.get(version);
  if (length === undefined) {
    length = Buffer.byteLength(`{"kind":"${kind.kind}","apiVersion":"${apiVersionOf(version)}",`);
    typeBytes.set(version, length);
  }
  return length;
}

const listType = ({ kind, version }: ListForm) => ({ kind: kind.listKind, apiVersion: apiVersionOf(version) });

const json: ListEncoding = {
  head: (metadata, form) => {
    const text = JSON.stringify({ ...listType(form), metadata });
    return Buffer.from(`${text.slice(0, -1)},"items":[`);
  },
  itemSize: (stored, form) => 1 + stored.bytes(form.kind, form.version).length - typeStart(form),
  writeItem(out, at, stored, form) {
    out[at] = openBrace;
    return at + 1 + stored.bytes(form.kind, form.version).copy(out, at + 1, typeStart(form));
  },
  separator: Buffer.from(','),
  end: Buffer.from(']}\n'),
};

/** How many bytes a length takes. */
function lengthBytes(length: number): number {
  let size = 1;
  for (let rest = length; rest >= 0x80; rest >>>= 7) size++;
  return size;
}

/** Writes a message with its tag and length at `at`; returns where it ends. */
function put(out: Buffer, at: number, tag: number, message: Buffer): number {
  out[at++] = tag;
  let rest = message.length;
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at + message.copy(out, at);
}

const taggedSize = (message: Buffer) => 1 + lengthBytes(message.length) + message.length;
const protobufItem = (stored: StoredObject, { kind, version }: ListForm) =>
  messageIn(stored.bytes(kind, version, protobufCodec));

/** What stands before the items of a list in protobuf: its metadata, under 1 almost everywhere, and items under 2. */
function protobufHead(type: TypeMeta, metadata: object, itemBytes: number, tag = metadataTag): Buffer {
  const first = encodeMessage(listMeta, metadata);
  const envelope = encodeEnvelopeHead(type, taggedSize(first) + itemBytes);
  const out = Buffer.allocUnsafe(envelope.length + taggedSize(first));
  put(out, envelope.copy(out), tag, first);
  return out;
}

/** A list of metadata in messages. In v1beta1 the items are under 1 and the list's own metadata under 2. */
export function* joinMessages(type: TypeMeta, metadata: object, messages: readonly Buffer[]): Steps<Body> {
  const isSwapped = type.apiVersion === 'meta.k8s.io/v1beta1';
  const [first, second] = isSwapped ? [itemTag, metadataTag] : [metadataTag, itemTag];
  const pieces = yield* gather(messages, {
    size: taggedSize,
    write: (out, at, message) => put(out, at, second, message),
  });
  return together([protobufHead(type, metadata, sizeOf(pieces), first), ...pieces, envelopeEnd]);
}

interface Gathered<T> {
  size(item: T, i: number): number;
  /** Writes one at `at`; returns where it ends. */
  write(out: Buffer, at: number, item: T, i: number): number;
}

/** Items, one after the other. */
function* gather<T>(items: readonly T[], { size, write }: Gathered<T>): Steps<Buffer[]> {
  const pieces: Buffer[] = [];
  let from = 0;
  let bytes = 0;
  for (const [i, item] of items.entries()) {
    bytes += size(item, i);
    yield;
    if (bytes < pieceBytes && i < items.length - 1) continue;
    const piece = Buffer.allocUnsafe(bytes);
    for (let at = 0; from <= i; from++) at = write(piece, at, items[from]!, from);
    pieces.push(piece);
    bytes = 0;
  }
  return pieces;
}

const protobuf: ListEncoding = {
  head: (metadata, form, itemBytes) => protobufHead(listType(form), metadata, itemBytes),
  itemSize: (stored, form) => taggedSize(protobufItem(stored, form)),
  writeItem: (out, at, stored, form) => put(out, at, itemTag, protobufItem(stored, form)),
  separator: Buffer.alloc(0),
  end: envelopeEnd,
};

const encodings = { json, protobuf };
export type ListEncodingName = keyof typeof encodings;

const lastOf: Record<ListEncodingName, WeakMap<ServedVersion, WeakRef<Joined>>> = {
  json: new WeakMap(),
  protobuf: new WeakMap(),
};

const isSameList = (a: readonly StoredObject[], b: readonly StoredObject[]) =>
  a.length === b.length && a.every((stored, i) => stored === b[i]);

/** The bytes of a list. Every item is written once; what follows joins what is there. */
export function* joinList(
  encoding: ListEncodingName,
  items: readonly StoredObject[],
  metadata: object,
  form: ListForm,
): Steps<Body> {
  const { head, end } = encodings[encoding];
  const last = lastOf[encoding].get(form.version)?.deref();
  const joined = last && isSameList(last.items, items) ? last : yield* joinItems(encoding, items, form);
  return together([head(metadata, form, joined.bytes), ...joined.pieces, end]);
}

function* joinItems(encoding: ListEncodingName, items: readonly StoredObject[], form: ListForm): Steps<Joined> {
  const { itemSize, writeItem, separator } = encodings[encoding];
  const pieces = yield* gather(items, {
    size: (stored, i) => (i > 0 ? separator.length : 0) + itemSize(stored, form),
    write: (out, at, stored, i) => writeItem(out, i > 0 ? at + separator.copy(out, at) : at, stored, form),
  });
  const joined = { items, bytes: sizeOf(pieces), pieces };
  if (joined.bytes >= worthKeepingBytes) lastOf[encoding].set(form.version, new WeakRef(joined));
  return joined;
}
