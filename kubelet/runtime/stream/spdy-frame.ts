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
/** Larger frames than the protocol can express do not exist; the limit bounds what a peer makes us hold. */
const maxPayload = 1 << 24;

export type SpdyFrame =
  | { kind: 'data'; streamId: number; flags: number; payload: Buffer }
  | { kind: 'control'; type: number; flags: number; payload: Buffer };

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

/** Splits a stream of bytes into frames. Throws an Error on another version. */
export async function* readFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<SpdyFrame> {
  let pending: Buffer[] = [];
  let size = 0;
  let needed = headerSize;
  for await (const chunk of source) {
    pending.push(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    size += chunk.length;
    if (size < needed) continue;
    let bytes: Buffer = pending.length === 1 ? pending[0]! : Buffer.concat(pending);
    needed = headerSize;
    while (bytes.length >= headerSize) {
      const length = bytes.readUInt32BE(4) & 0xffffff;
      if (length > maxPayload) throw new Error('the frame is too long');
      if (bytes.length < headerSize + length) {
        needed = headerSize + length;
        break;
      }
      yield parseFrame(bytes, bytes.subarray(headerSize, headerSize + length));
      bytes = bytes.subarray(headerSize + length);
    }
    pending = bytes.length > 0 ? [bytes] : [];
    size = bytes.length;
  }
}

function parseFrame(bytes: Buffer, payload: Buffer): SpdyFrame {
  const flags = bytes[4]!;
  if (!(bytes[0]! & 0x80)) return { kind: 'data', streamId: bytes.readUInt32BE(0) & 0x7fffffff, flags, payload };
  const peerVersion = bytes.readUInt16BE(0) & 0x7fff;
  if (peerVersion !== version) throw new Error(`the peer speaks SPDY/${peerVersion}`);
  return { kind: 'control', type: bytes.readUInt16BE(2), flags, payload };
}
