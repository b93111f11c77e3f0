// Unpacking stops before the disk is full: a layer of a few kilobytes can hold a file of any size,
// and a node whose disk is full cannot even remove pods.
import { statfs } from 'node:fs/promises';
import { Transform } from 'node:stream';

/** Looking costs a system call: once in so many bytes that pass. */
const lookEveryBytes = 4 << 20;
const maxMarginBytes = 1 << 30;
const marginShare = 0.05;

/** Throws when a file system has less room left than everybody else on it needs. */
async function checkRoom(dir: string): Promise<void> {
  const { bsize, blocks, bavail, files, ffree } = await statfs(dir);
  const margin = Math.min(marginShare * blocks * bsize, maxMarginBytes);
  if (bavail * bsize < margin)
    throw new Error(`no space left on device: less than ${Math.ceil(margin / (1 << 20))} MiB would be free in ${dir}`);
  if (files > 0 && ffree < marginShare * files)
    throw new Error(`no space left on device: ${dir} has too few free inodes`);
}

/** To be told of bytes that are about to be written below `dir`; throws when there is no room for more. */
export function watchRoom(dir: string): (bytes: number) => Promise<void> {
  let unseen = lookEveryBytes; // the first is looked at, too
  return async (bytes) => {
    unseen += bytes;
    if (unseen < lookEveryBytes) return;
    unseen = 0;
    await checkRoom(dir);
  };
}

/** Lets bytes pass while what they become has room in `dir`. */
export function whileRoomIn(dir: string): Transform {
  const tell = watchRoom(dir);
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      tell(chunk.length).then(() => done(null, chunk), done);
    },
  });
}
