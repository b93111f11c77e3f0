// The bytes of a list: the items' own ones, one after the other. What was joined last is kept while memory allows: who
// lists again what has not changed, as everybody does who comes back at once, gets the same bytes; where only the
// revision of the list is another one, after a head of its own.
import { apiVersionOf, type Kind, type ServedVersion } from '../../machinery/kind.ts';
import { encodeEnvelopeHead, encodeMessage, envelopeEnd, messageIn, type TypeMeta } from '../protobuf/envelope.ts';
import { listMeta } from '../protobuf/meta-messages.ts';
import { protobufCodec } from '../protobuf/object-codec.ts';
import type { StoredObject } from '../storage/stored-object.ts';

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

interface Joined {
  items: readonly StoredObject[];
  /** Of the list's metadata. */
  metadata: string;
  headBytes: number;
  body: Buffer;
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
export function joinMessages(type: TypeMeta, metadata: object, messages: readonly Buffer[]): Buffer {
  const isSwapped = type.apiVersion === 'meta.k8s.io/v1beta1';
  const [first, second] = isSwapped ? [itemTag, metadataTag] : [metadataTag, itemTag];
  const itemBytes = messages.reduce((sum, message) => sum + taggedSize(message), 0);
  const head = protobufHead(type, metadata, itemBytes, first);
  const body = Buffer.allocUnsafe(head.length + itemBytes + envelopeEnd.length);
  const end = messages.reduce((at, message) => put(body, at, second, message), head.copy(body));
  envelopeEnd.copy(body, end);
  return body;
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

export interface ListBytes {
  /** What stands before the body, where that is a part of another list's. */
  head?: Buffer;
  body: Buffer;
}

/** The bytes of the same list, where they are still there. */
export function knownList(
  encoding: ListEncodingName,
  items: readonly StoredObject[],
  metadata: object,
  form: ListForm,
): ListBytes | undefined {
  const known = lastOf[encoding].get(form.version)?.deref();
  if (!known || !isSameList(known.items, items)) return undefined;
  if (known.metadata === JSON.stringify(metadata)) return { body: known.body };
  const body = known.body.subarray(known.headBytes);
  const { head, end } = encodings[encoding];
  return { head: head(metadata, form, body.length - end.length), body };
}

export function joinList(
  encoding: ListEncodingName,
  items: readonly StoredObject[],
  metadata: object,
  form: ListForm,
): Buffer {
  const { head, itemSize, writeItem, separator, end } = encodings[encoding];
  let itemBytes = separator.length * Math.max(0, items.length - 1);
  for (const stored of items) itemBytes += itemSize(stored, form);
  const first = head(metadata, form, itemBytes);
  const body = Buffer.allocUnsafe(first.length + itemBytes + end.length);
  let at = first.copy(body);
  for (const [i, stored] of items.entries()) {
    if (i > 0) at += separator.copy(body, at);
    at = writeItem(body, at, stored, form);
  }
  end.copy(body, at);
  if (body.length >= worthKeepingBytes) {
    const joined = { items, metadata: JSON.stringify(metadata), headBytes: first.length, body };
    lastOf[encoding].set(form.version, new WeakRef(joined));
  }
  return body;
}
