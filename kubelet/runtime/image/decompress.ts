// Archives and layers are plain, gzip or zstd.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';

const chunkSize = 1 << 18;

/** Tells the compression from the first bytes, which is what counts, whatever a media type says. */
function decompressorOf(head: Uint8Array): Transform | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize });
  const isZstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  // A frame that may be skipped comes first in the chunked form.
  const isSkipped = (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return isZstd || isSkipped ? createZstdDecompress({ chunkSize }) : undefined;
}

/** The streams that read a file uncompressed, for a pipeline. */
export async function openDecompressed(path: string): Promise<[Readable, ...Transform[]]> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  await file.close();
  const decompressor = decompressorOf(buffer);
  const raw = createReadStream(path, { highWaterMark: chunkSize });
  return decompressor ? [raw, decompressor] : [raw];
}

/** One stream out of several: an error of one is that of the last, and destroying the last ends them all. */
export function readTogether(streams: readonly [Readable, ...Transform[]]): Readable {
  const last = streams.at(-1)!;
  // The reader of the last hears of errors.
  if (streams.length > 1) pipeline(streams as [Readable, Transform], () => undefined);
  return last;
}
