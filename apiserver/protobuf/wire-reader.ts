// Reads protobuf in one pass over the bytes, without copies and without BigInt below 2^53. Refusals
// are in the words of Kubernetes' generated code. https://protobuf.dev/programming-guides/encoding/
import { TooManyValuesError } from '../../machinery/json-reader.ts';

/** The bytes cannot be read. The message is what the client is told. */
export class ProtobufError extends Error {}

export const wire = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const twoTo49 = 2 ** 49;
const unexpectedEnd = () => new ProtobufError('unexpected EOF');
const overflow = () => new ProtobufError('proto: integer overflow');

/** Of protobuf a value may take more than one field: an entry of a map is a message with two. */
const fieldsPerValue = 3;

export class WireReader {
  readonly source: Buffer;
  at = 0;
  readonly maxValues: number;
  #fieldsLeft: number;

  /** Fields, known or not, of more than about `maxValues` values are refused with TooManyValuesError. */
  constructor(source: Buffer, maxValues = Number.POSITIVE_INFINITY) {
    this.source = source;
    this.maxValues = maxValues;
    this.#fieldsLeft = maxValues * fieldsPerValue;
  }

  #byte(end: number): number {
    if (this.at >= end) throw unexpectedEnd();
    return this.source[this.at++]!;
  }

  /** An int64 as it stands: a bigint where a double could not hold it. */
  int(end: number): number | bigint {
    let byte = this.#byte(end);
    if (byte < 0x80) return byte;
    let low = byte & 0x7f;
    for (let i = 1, scale = 0x80; i < 7; i++, scale *= 0x80) {
      byte = this.#byte(end);
      low += (byte & 0x7f) * scale;
      if (byte < 0x80) return low;
    }
    let high = 0;
    for (let shift = 0; ; shift += 7) {
      if (shift > 14) throw overflow();
      byte = this.#byte(end);
      high |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    // What is above 64 bits is lost; the highest of them is the sign.
    high = (high << 17) >> 17;
    const value = high * twoTo49 + low;
    return Number.isSafeInteger(value) ? value : BigInt(high) * BigInt(twoTo49) + BigInt(low);
  }

  int32(end: number): number {
    const value = this.int(end);
    return typeof value === 'number' ? value | 0 : Number(BigInt.asIntN(32, value));
  }

  /** A field's tag: the number in its upper bits, the wire type in the lower three. */
  tag(end: number, message: string): number {
    if (--this.#fieldsLeft < 0) throw new TooManyValuesError(this.maxValues);
    const value = this.int(end);
    const tag = typeof value === 'number' ? value : Number(BigInt.asUintN(64, value));
    if (tag % 8 === wire.endGroup) throw new ProtobufError(`proto: ${message}: wiretype end group for non-group`);
    const number = Math.floor(tag / 8);
    if (number <= 0 || number > 0x7fffffff)
      throw new ProtobufError(`proto: ${message}: illegal tag ${number | 0} (wire type ${tag % 8})`);
    return tag;
  }

  /** The fields up to `end`: `read` takes the values of those it knows, by number or tag; the others are passed over. */
  fields(end: number, message: string, read: (number: number, tag: number) => void): void {
    while (this.at < end) {
      const tag = this.tag(end, message);
      const start = this.at;
      read(Math.floor(tag / 8), tag);
      if (this.at === start) this.skip(tag % 8, end);
    }
  }

  /** Where the bytes end whose length stands here. */
  lengthEnd(end: number): number {
    const length = this.int(end);
    if (length < 0) throw new ProtobufError('proto: negative length found during unmarshaling');
    if (length > end - this.at) throw unexpectedEnd();
    return this.at + Number(length);
  }

  /** The bytes after a length; shares memory with the source. */
  bytes(end: number): Buffer {
    const stop = this.lengthEnd(end);
    const out = this.source.subarray(this.at, stop);
    this.at = stop;
    return out;
  }

  text(end: number): string {
    const stop = this.lengthEnd(end);
    const out = this.source.toString('utf8', this.at, stop);
    this.at = stop;
    return out;
  }

  double(end: number): number {
    if (end - this.at < 8) throw unexpectedEnd();
    this.at += 8;
    return this.source.readDoubleLE(this.at - 8);
  }

  /** Passes over the value of a field that nobody knows; groups hold fields, which end with theirs. */
  skip(wireType: number, end: number): void {
    let depth = 0;
    for (let type = wireType; ; ) {
      if (type === wire.varint) this.int(end);
      else if (type === wire.bytes) this.at = this.lengthEnd(end);
      else if (type === wire.fixed64 || type === wire.fixed32) {
        const size = type === wire.fixed64 ? 8 : 4;
        if (end - this.at < size) throw unexpectedEnd();
        this.at += size;
      } else if (type === wire.startGroup) depth++;
      else if (type === wire.endGroup) depth--;
      else throw new ProtobufError(`proto: illegal wireType ${type}`);
      if (depth <= 0) return;
      const tag = this.int(end);
      type = typeof tag === 'number' ? tag & 7 : Number(tag & 7n);
    }
  }
}
