// `application/vnd.kubernetes.protobuf`: four bytes and an envelope (runtime.Unknown) that names the kind, around the
// bytes of a message. https://kubernetes.io/docs/reference/using-api/api-concepts/#protobuf-encoding
import type { ObjectSchema } from '../../machinery/schema.ts';
import { messageCodec } from './message.ts';
import { ProtobufError, WireReader } from './wire-reader.ts';
import { type WireWriter, written } from './wire-writer.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

export interface TypeMeta {
  apiVersion: string;
  kind: string;
}

const magic = Buffer.from('k8s\0');
// The content's own encoding and type are never set.
export const envelopeEnd = Buffer.from([0x1a, 0, 0x22, 0]);

/** The message of a value, without an envelope. */
export function encodeMessage(schema: ObjectSchema, value: object): Buffer {
  return written((w) => messageCodec(schema).write(w, value));
}

/** Everything of the envelope before its message, whose length it tells. */
function writeHead(w: WireWriter, { apiVersion, kind }: TypeMeta, length: number): void {
  w.uint(length);
  w.uint(0x12);
  const before = w.written;
  w.text(kind);
  w.uint(0x12);
  w.text(apiVersion);
  w.uint(0x0a);
  w.uint(w.written - before);
  w.uint(0x0a);
  w.raw(magic);
}

/** What stands before a message of `length` bytes; `envelopeEnd` stands after it. */
export function encodeEnvelopeHead(type: TypeMeta, length: number): Buffer {
  return written((w) => writeHead(w, type, length));
}

/** An envelope around the message that `body` writes. */
export function encodeEnvelope(type: TypeMeta, body: (w: WireWriter) => void): Buffer {
  return written((w) => {
    w.raw(envelopeEnd);
    const before = w.written;
    body(w);
    writeHead(w, type, w.written - before);
  });
}

/** A value in its envelope. */
export function encodeObject(type: TypeMeta, schema: ObjectSchema, value: object): Buffer {
  return encodeEnvelope(type, (w) => messageCodec(schema).write(w, value));
}

const frameHeadBytes = 4;

/** An event of a watch: a WatchEvent, whose object is in an envelope, after its length in four bytes. */
export function encodeWatchFrame(type: string, envelope: Buffer): Buffer {
  return written((w) => {
    const start = w.written;
    w.bytes(envelope);
    w.uint(0x0a);
    w.uint(w.written - start);
    w.uint(0x12);
    w.text(type);
    w.uint(0x0a);
    const head = Buffer.alloc(frameHeadBytes);
    head.writeUInt32BE(w.written - start);
    w.raw(head);
  });
}

interface Envelope extends TypeMeta {
  /** The message; shares memory with what was read. */
  raw: Buffer;
}

/** Opens an envelope. Throws ProtobufError, and TooManyValuesError. */
export function readEnvelope(bytes: Buffer, maxValues?: number): Envelope {
  if (bytes.length === 0) throw new ProtobufError('empty data');
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    const prefix = `[${[...magic].join(' ')}]`;
    throw new ProtobufError(`provided data does not appear to be a protobuf message, expected prefix ${prefix}`);
  }
  if (bytes.length === magic.length) throw new ProtobufError('empty body');
  const out: Envelope = { apiVersion: '', kind: '', raw: Buffer.alloc(0) };
  const reader = new WireReader(bytes, maxValues);
  reader.at = magic.length;
  reader.fields(bytes.length, 'Unknown', (_, tag) => {
    if (tag === 0x0a) readTypeMeta(reader, bytes.length, out);
    else if (tag === 0x12) out.raw = reader.bytes(bytes.length);
  });
  return out;
}

function readTypeMeta(reader: WireReader, end: number, out: TypeMeta): void {
  const stop = reader.lengthEnd(end);
  reader.fields(stop, 'TypeMeta', (_, tag) => {
    if (tag === 0x0a) out.apiVersion = reader.text(stop);
    else if (tag === 0x12) out.kind = reader.text(stop);
  });
}

/** The message in an envelope that we made, in place. */
export function messageIn(envelope: Buffer): Buffer {
  const reader = new WireReader(envelope);
  reader.at = magic.length;
  reader.skip(reader.tag(envelope.length, 'Unknown') % 8, envelope.length);
  reader.tag(envelope.length, 'Unknown');
  return reader.bytes(envelope.length);
}

/**
 * Decodes a message into the plain value that its JSON gives. Fields without a number in the table
 * are left out, as older servers do. Throws ProtobufError, and TooManyValuesError.
 */
export function decodeMessage(schema: ObjectSchema, bytes: Buffer, maxValues?: number): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  messageCodec(schema).read(new WireReader(bytes, maxValues), bytes.length, 0, out);
  return out;
}
