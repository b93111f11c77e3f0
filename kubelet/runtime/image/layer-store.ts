// Layers on disk, each unpacked once into a directory that overlayfs can stack, shared by images and containers. They
// are known by the digest of their uncompressed tar. A directory without a record is a half-unpacked one.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, rmSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { commandEnv, runCommand } from '../process/command.ts';
import { RecordStore } from '../store/checkpoint.ts';
import { KeyedLock } from '../store/keyed-lock.ts';
import { rewriteLayer } from './layer-tar.ts';

export interface LayerRecord {
  /** A short serial number: paths of layers share one page of mount options. */
  id: string;
  diffId: string;
  sizeBytes: number;
}

export type Compression = 'none' | 'gzip' | 'zstd';

/** Tells the compression of a layer from its first bytes, which is what counts, whatever its media type says. */
function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  return 'none';
}

export class LayerStore {
  #records: RecordStore<LayerRecord>;
  #locks = new KeyedLock();
  #held = new Set<{ diffIds: readonly string[] }>();
  #nextSerial = 1;

  constructor(dir: string) {
    this.#records = new RecordStore(dir);
    for (const id of this.#records.load().leftovers) rmSync(this.#records.dirOf(id), { recursive: true, force: true });
    for (const id of this.#records.ids()) this.#nextSerial = Math.max(this.#nextSerial, Number(id) + 1);
  }

  get dir(): string {
    return this.#records.dir;
  }

  find(diffId: string): LayerRecord | undefined {
    return this.#records.list().find((r) => r.diffId === diffId);
  }

  /** The `lowerdir` of an image for a mount whose working directory is `dir`: topmost first. */
  lowerDirs(diffIds: readonly string[]): string {
    const dirs = diffIds.map((diffId) => {
      const layer = this.find(diffId);
      if (!layer) throw new Error(`layer ${diffId} is missing`);
      return `${layer.id}/fs`;
    });
    return dirs.reverse().join(':');
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
        await rm(this.#records.dirOf(id), { recursive: true, force: true });
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

async function unpackInto(target: string, path: string, diffId: string, signal?: AbortSignal): Promise<number> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const plain = await openDecompressed(path);
  const measured = plain.pipe(
    new Transform({
      transform(chunk, _encoding, done) {
        hash.update(chunk);
        sizeBytes += chunk.length;
        done(null, chunk);
      },
    }),
  );
  plain.once('error', (err) => measured.destroy(err));
  const flags = [
    '--xattrs',
    '--xattrs-include=*',
    '--numeric-owner',
    '--preserve-permissions',
    '--delay-directory-restore',
  ];
  const input = Readable.from(rewriteLayer(measured), { objectMode: false });
  await runCommand('tar', ['--extract', '--file=-', `--directory=${target}`, ...flags], { input, signal });
  const actual = `sha256:${hash.digest('hex')}`;
  if (actual !== diffId) throw new Error(`layer content is ${actual}, the image says ${diffId}`);
  return sizeBytes;
}

async function openDecompressed(path: string): Promise<Readable> {
  const file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
  await file.close();
  const compression = detectCompression(buffer);
  const raw = createReadStream(path, { highWaterMark: 1 << 18 });
  if (compression === 'none') return raw;
  if (compression === 'gzip') {
    const gunzip = createGunzip({ chunkSize: 1 << 18 });
    raw.once('error', (err) => gunzip.destroy(err));
    return raw.pipe(gunzip);
  }
  raw.destroy();
  return decompressZstd(path);
}

function decompressZstd(path: string): Readable {
  const child = spawn('zstd', ['--decompress', '--stdout', '--quiet', path], {
    env: commandEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.once('error', (err) => child.stdout.destroy(new Error('zstd layers need the zstd program', { cause: err })));
  child.once('exit', (code) => code && child.stdout.destroy(new Error(`zstd failed with exit status ${code}`)));
  return child.stdout;
}
