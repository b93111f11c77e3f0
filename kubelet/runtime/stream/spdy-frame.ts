// Frames of SPDY/3.1, as bytes: reading them off a connection and writing them.

export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
};
export const flagFin = 0x01;

const version = 3;
const headerSize = 8;
/** What a control frame may hold. Those of exec, attach and port-forward have some dozen bytes. */
export const maxControlBytes = 1 << 16;

/** A frame, or of a data frame as much as has arrived: only its last part has `fin`, and no part is waited for. */
export type SpdyFrame =
  | { kind: 'data'; streamId: number; fin: boolean; payload: Buffer }
  | { kind: 'control'; type: number; flags: number; payload: Buffer };

/** The peer does not keep to the protocol: the connection cannot go on. */
export class SpdyProtocolError extends Error {}

export function encodeControl(type: number, flags: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(headerSize);
  header.writeUInt16BE(0x8000 | version, 0);
  header.writeUInt16BE(type, 2);
  header.writeUInt32BE(payload.length, 4);
  header[4] = flags;
  return Buffer.concat([header, payload]);
}

/** The header of a data frame; its payload follows. */
export function encodeDataHeader(streamId: number, flags: number, length: number): Buffer {
  const header = Buffer.alloc(headerSize);
  header.writeUInt32BE(streamId & 0x7fffffff, 0);
  header.writeUInt32BE(length, 4);
  header[4] = flags;
  return header;
}

export const uint32 = (...values: number[]) => {
  const out = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) out.writeUInt32BE(value >>> 0, 4 * i);
  return out;
};

// The sizes of control frames. What begins with a header block has a least one.
const exactSizes = new Map([
  [frameType.rstStream, 8],
  [frameType.ping, 4],
  [frameType.goAway, 8],
  [frameType.windowUpdate, 8],
]);
const leastSizes = new Map([
  [frameType.synStream, 10],
  [frameType.synReply, 4],
  [frameType.headers, 4],
]);

/**
 * Finds the frames in what arrives. Holds no more than one control frame, whatever the peer sends
 * and in what pieces.
 */
export class FrameParser {
  #header = Buffer.alloc(headerSize);
  #headerFill = 0;
  #control: Buffer | null = null;
  #controlFill = 0;
  #dataLeft = 0;

  /** Takes the next bytes. Throws SpdyProtocolError; nothing more may be pushed then. */
  *push(bytes: Buffer): Generator<SpdyFrame> {
    for (let rest = bytes; rest.length > 0; ) {
      if (this.#dataLeft > 0) {
        const part = rest.subarray(0, this.#dataLeft);
        this.#dataLeft -= part.length;
        rest = rest.subarray(part.length);
        yield this.#data(part);
      } else if (this.#control) {
        const taken = rest.copy(this.#control, this.#controlFill);
        this.#controlFill += taken;
        rest = rest.subarray(taken);
        if (this.#controlFill === this.#control.length) yield this.#finishControl(this.#control);
      } else {
        const taken = rest.copy(this.#header, this.#headerFill);
        this.#headerFill += taken;
        rest = rest.subarray(taken);
        if (this.#headerFill < headerSize) continue;
        this.#headerFill = 0;
        const whole = this.#begin();
        if (whole) yield whole;
      }
    }
  }

  /** Looks at a header; answers the frame when nothing follows it. */
  #begin(): SpdyFrame | null {
    const header = this.#header;
    const length = header.readUInt32BE(4) & 0xffffff;
    if (!(header[0]! & 0x80)) {
      if (header.readUInt32BE(0) === 0) throw new SpdyProtocolError('data of stream 0');
      this.#dataLeft = length;
      return length === 0 ? this.#data(Buffer.alloc(0)) : null;
    }
    const peerVersion = header.readUInt16BE(0) & 0x7fff;
    if (peerVersion !== version) throw new SpdyProtocolError(`the peer speaks SPDY/${peerVersion}`);
    const type = header.readUInt16BE(2);
    const exact = exactSizes.get(type);
    if (length > maxControlBytes || length < (leastSizes.get(type) ?? 0) || length !== (exact ?? length)) {
      throw new SpdyProtocolError(`a control frame of type ${type} has ${length} bytes`);
    }
    const control = Buffer.alloc(length);
    if (length === 0) return this.#finishControl(control);
    this.#control = control;
    this.#controlFill = 0;
    return null;
  }

  #data(payload: Buffer): SpdyFrame {
    const fin = this.#dataLeft === 0 && (this.#header[4]! & flagFin) !== 0;
    return { kind: 'data', streamId: this.#header.readUInt32BE(0), fin, payload };
  }

  #finishControl(payload: Buffer): SpdyFrame {
    this.#control = null;
    return { kind: 'control', type: this.#header.readUInt16BE(2), flags: this.#header[4]!, payload };
  }
}

/** Splits a stream of bytes into frames. Throws SpdyProtocolError. */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<SpdyFrame> {
  const parser = new FrameParser();
  for await (const chunk of source) yield* parser.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
}
