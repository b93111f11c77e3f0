// Lists in protobuf, put together from the bytes of their objects: metadata under 1, items under 2.
import { encodeEnvelopeHead, encodeMessage, envelopeEnd, messageIn, type TypeMeta } from './envelope.ts';
import { listMeta } from './meta-messages.ts';

const metadataTag = 0x0a;
const itemTag = 0x12;

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

/** `objects` are envelopes that we made. The size is known before, so that each byte is copied once. */
export function encodeList(type: TypeMeta, metadata: object, objects: readonly Buffer[]): Buffer {
  const first = encodeMessage(listMeta, metadata);
  const items = objects.map(messageIn);
  const sizeOf = (message: Buffer) => 1 + lengthBytes(message.length) + message.length;
  const bodyBytes = items.reduce((sum, item) => sum + sizeOf(item), sizeOf(first));
  const head = encodeEnvelopeHead(type, bodyBytes);
  const out = Buffer.allocUnsafe(head.length + bodyBytes + envelopeEnd.length);
  let at = put(out, head.copy(out, 0), metadataTag, first);
  for (const item of items) at = put(out, at, itemTag, item);
  envelopeEnd.copy(out, at);
  return out;
}
