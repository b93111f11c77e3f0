// The bytes of an answer: all in one, or, of a long one, in pieces that nobody puts together: a buffer for all of them
// takes as much memory once more, and long enough to get that others notice.
import { pipeline, Readable } from 'node:stream';
import { createGzip } from 'node:zlib';

export type Body = Buffer | readonly Buffer[];
/** Texts are short. */
type Given = Body | string;

/** About how much a piece holds; what is longer by itself stays whole. */
export const pieceBytes = 256 * 1024;
const worthCuttingBytes = 64 * 1024;
const gzipped = { level: 1, chunkSize: 64 * 1024 };

export function piecesOf(body: Given): readonly Buffer[] {
  if (typeof body === 'string') return [Buffer.from(body)];
  return Buffer.isBuffer(body) ? [body] : body;
}

/** In bytes. */
export const sizeOf = (body: Given): number =>
  typeof body === 'string' ? Buffer.byteLength(body) : piecesOf(body).reduce((sum, piece) => sum + piece.length, 0);
/** What is short goes out as one. */
export const together = (pieces: readonly Buffer[]): Body =>
  sizeOf(pieces) < worthCuttingBytes ? Buffer.concat(pieces) : pieces;
export const wholeOf = (body: Given): Buffer => (Buffer.isBuffer(body) ? body : Buffer.concat(piecesOf(body)));

/** Compressed as quickly as it goes, in a thread. */
export async function gzip(body: Given): Promise<Body> {
  const out = pipeline(Readable.from(piecesOf(body)), createGzip(gzipped), () => undefined);
  return out.toArray();
}
