// Layers on disk, each unpacked once into a directory that overlayfs can stack, shared by images and containers. They
// are known by the digest of their uncompressed tar. A directory without a record is a half-unpacked one.

import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { removeTree, removeTreeSync } from '../../../host/remove-tree.ts';
import { KeyedLock } from '../../../machinery/keyed-lock.ts';
import { runCommand } from '../process/command.ts';
import { RecordStore } from '../store/checkpoint.ts';
import { openDecompressed, readTogether } from './decompress.ts';
import { whileRoomIn } from './disk-room.ts';
import { rewriteLayer } from './layer-tar.ts';

export interface LayerRecord {
  /** A short serial number: paths of layers share one page of mount options. */
  id: string;
  diffId: string;
  sizeBytes: number;
}

export class LayerStore {
  #records: RecordStore<LayerRecord>;
  #locks = new KeyedLock();
  #held = new Set<{ diffIds: readonly string[] }>();
  #nextSerial = 1;

  constructor(dir: string) {
    this.#records = new RecordStore(dir);
    for (const id of this.#records.load().leftovers) removeTreeSync(this.#records.dirOf(id));
    for (const id of this.#records.ids()) this.#nextSerial = Math.max(this.#nextSerial, Number(id) + 1);
  }

  get dir(): string {
    return this.#records.dir;
  }

  find(diffId: string): LayerRecord | undefined {
    return this.#records.list().find((r) => r.diffId === diffId);
  }

  /**
   * The `lowerdir` of an image for a mount whose working directory is `dir`: topmost first. A layer that is there twice,
   * as empty ones are, counts once: overlayfs takes a directory once, and the upper one hides all that the lower says.
   */
  lowerDirs(diffIds: readonly string[]): string {
    const dirs = diffIds.map((diffId) => {
      const layer = this.find(diffId);
      if (!layer) throw new Error(`layer ${diffId} is missing`);
      return `${layer.id}/fs`;
    });
    return [...new Set(dirs.reverse())].join(':');
  }

  /** Unpacks the layer that `path` holds, in whatever compression, unless it is there. Checks its digest. */
  unpack(diffId: string, path: string, signal?: AbortSignal): Promise<LayerRecord> {
    return this.#locks.run(diffId, async () => {
      const known = this.find(diffId);
      if (known) return known;
      const id = String(this.#nextSerial++);
      const target = join(this.#records.dirOf(id), 'fs');
      mkdirSync(target, { recursive: true, mode: 0o755 });
      try {
        const sizeBytes = await unpackInto(target, path, diffId, signal);
        const record = { id, diffId, sizeBytes };
        this.#records.save(record);
        return record;
      } catch (err) {
        await removeTree(this.#records.dirOf(id));
        throw err;
      }
    });
  }

  /** Keeps layers from being removed while `work` makes an image of them. */
  async hold<T>(diffIds: readonly string[], work: () => Promise<T>): Promise<T> {
    const token = { diffIds };
    this.#held.add(token);
    try {
      return await work();
    } finally {
      this.#held.delete(token);
    }
  }

  /** Removes the layers that are not among those needed, nor held. */
  async removeUnused(needed: ReadonlySet<string>): Promise<void> {
    const held = new Set([...this.#held].flatMap((token) => token.diffIds));
    const unused = this.#records.list().filter(({ diffId }) => !needed.has(diffId) && !held.has(diffId));
    // All are forgotten before anything is waited for: who needs one from now on unpacks it anew.
    await Promise.all(unused.map(({ id }) => this.#records.remove(id)));
  }
}

const tarFlags = [
  '--xattrs',
  '--xattrs-include=*',
  '--numeric-owner',
  '--preserve-permissions',
  '--delay-directory-restore',
];

async function unpackInto(target: string, path: string, diffId: string, signal?: AbortSignal): Promise<number> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const measured = new Transform({
    transform(chunk, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const plain = readTogether([...(await openDecompressed(path)), measured, whileRoomIn(target)]);
  const input = Readable.from(rewriteLayer(plain), { objectMode: false });
  try {
    await runCommand('tar', ['--extract', '--file=-', `--directory=${target}`, ...tarFlags], { input, signal });
  } finally {
    plain.destroy();
  }
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) throw new Error(`layer content is ${actual}, the image says ${diffId}`);
  return sizeBytes;
}
