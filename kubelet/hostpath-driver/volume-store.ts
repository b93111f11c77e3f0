// Volumes and snapshots as folders: each has `data`, which is what pods see, and a record of what it
// is. A new one is filled beside and renamed into place, one that goes is renamed away first, so that
// a killed process leaves either all of it or what the next start clears.
//
//   <dir>/volumes/<id>/record.json, data/     <dir>/snapshots/<id>/...     <dir>/unfinished/<id>/...
import { createHash, randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdir, open, rename, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFileDurably } from '../../host/atomic-file.ts';
import { runCommand } from '../../host/command.ts';
import type { Mounts } from '../../host/mounts.ts';
import type { Logger } from '../../machinery/log.ts';

export interface VolumeRecord {
  id: string;
  /** What it was asked for by. */
  name: string;
  bytes: number;
  createdMs: number;
  /** Whether it ends with its pod. */
  isEphemeral?: boolean;
  source?: { kind: 'volume' | 'snapshot'; id: string };
}

export interface SnapshotRecord {
  id: string;
  name: string;
  volumeId: string;
  bytes: number;
  createdMs: number;
}

const recordName = 'record.json';
const folderName = /^[a-z0-9][a-z0-9.-]{0,62}$/;

/** A name that can be a folder is its own id, which people find again. */
export const idOf = (name: string): string =>
  folderName.test(name) ? name : `x-${createHash('sha256').update(name).digest('hex').slice(0, 40)}`;

/** One sort of things that have a record and data. */
export class FolderSet<T extends { id: string }> {
  readonly #dir: string;
  readonly #records = new Map<string, T>();

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const id of readdirSync(dir)) {
      try {
        this.#records.set(id, JSON.parse(readFileSync(join(dir, id, recordName), 'utf8')) as T);
      } catch (err) {
        // It stays as it is, out of reach: the data are somebody's.
        log.error({ err, path: join(dir, id) }, 'the record of a volume cannot be read');
      }
    }
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  /** In the order of their ids. */
  list(): T[] {
    return [...this.#records.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  pathOf(id: string): string {
    return join(this.#dir, id);
  }

  dataOf(id: string): string {
    return join(this.#dir, id, 'data');
  }

  /** Puts a filled folder into its place. */
  async add(record: T, filled: string): Promise<void> {
    await replaceFileDurably(join(filled, recordName), JSON.stringify(record));
    await rename(filled, this.pathOf(record.id));
    this.#records.set(record.id, record);
  }

  async update(record: T): Promise<void> {
    await replaceFileDurably(join(this.pathOf(record.id), recordName), JSON.stringify(record));
    this.#records.set(record.id, record);
  }

  async remove(id: string, into: string): Promise<void> {
    await rename(this.pathOf(id), into);
    this.#records.delete(id);
  }
}

export class VolumeStore {
  readonly volumes: FolderSet<VolumeRecord>;
  readonly snapshots: FolderSet<SnapshotRecord>;
  readonly #unfinishedDir: string;
  readonly #mounts: Mounts;

  constructor(dir: string, { mounts, log }: { mounts: Mounts; log: Logger }) {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    this.volumes = new FolderSet(join(dir, 'volumes'), log);
    this.snapshots = new FolderSet(join(dir, 'snapshots'), log);
    this.#unfinishedDir = join(dir, 'unfinished');
    this.#mounts = mounts;
    mkdirSync(this.#unfinishedDir, { recursive: true, mode: 0o700 });
  }

  /** Clears what a killed process has left half made or half removed. */
  async clear(): Promise<void> {
    await this.#mounts.unmountBelow(this.#unfinishedDir);
    for (const name of readdirSync(this.#unfinishedDir)) await this.#mounts.removeTree(join(this.#unfinishedDir, name));
  }

  /** `content` is a folder whose content the new one gets. */
  async create<T extends { id: string }>(set: FolderSet<T>, record: T, content?: string): Promise<void> {
    const dir = join(this.#unfinishedDir, randomUUID());
    const data = join(dir, 'data');
    await mkdir(dir, { mode: 0o700 });
    try {
      if (content === undefined) {
        await mkdir(data);
        // Whoever the pod runs as may write to it.
        await chmod(data, 0o777);
      } else await this.#copyTree(content, data);
      await syncFolder(dir);
      await set.add(record, dir);
    } catch (err) {
      await this.#mounts.removeTree(dir);
      throw err;
    }
  }

  async remove<T extends { id: string }>(set: FolderSet<T>, id: string): Promise<void> {
    const dir = join(this.#unfinishedDir, randomUUID());
    await set.remove(id, dir);
    await this.#mounts.removeTree(dir);
  }

  /**
   * With owners, modes and links, and sharing blocks where the file system can; not what is mounted in it. Pods write to
   * it meanwhile, and cp goes by paths: a link in the place of a folder must not lead it out of the volume. With us it
   * ends, and leaves the next process nothing that fills up what that clears.
   */
  async #copyTree(from: string, to: string): Promise<void> {
    const view = `${to}.source`;
    await mkdir(view);
    try {
      await this.#mounts.bind(from, view, ['ro', 'nosymfollow']);
      const copy = ['cp', '-a', '--reflink=auto', '--one-file-system', '--', view, to];
      await runCommand('setpriv', ['--pdeathsig', 'KILL', ...copy], { name: 'cp' });
    } finally {
      await this.#mounts.unmount(view);
      await rmdir(view);
    }
  }
}

async function syncFolder(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
