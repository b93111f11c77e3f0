// Records on disk: one JSON file each, replaced atomically, so that being killed at any moment leaves the old or the
// new one. A record is written before the effect it announces, and removed when nothing of the thing runs any more.
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Raises when a field of a record changes meaning; records of other versions are refused, not guessed at. */
const formatVersion = 1;

/** Writes a file so that readers see the old content or the new, and nobody but root sees either. */
function writeFileAtomic(path: string, content: string): void {
  const next = `${path}.next`;
  writeFileSync(next, content, { mode: 0o600 });
  renameSync(next, path);
}

// Buffers (environment values) serialise themselves as { type: 'Buffer', data: [...] }.
function reviveBytes(_key: string, value: unknown): unknown {
  const bytes = value as { type?: unknown; data?: unknown } | null;
  const isBytes = typeof value === 'object' && bytes?.type === 'Buffer' && Array.isArray(bytes.data);
  return isBytes ? Buffer.from(bytes.data as number[]) : value;
}

function writeCheckpoint(path: string, value: object): void {
  writeFileAtomic(path, JSON.stringify({ version: formatVersion, value }));
}

function readCheckpoint<T>(path: string): T {
  const { version, value } = JSON.parse(readFileSync(path, 'utf8'), reviveBytes);
  if (version !== formatVersion) throw new Error(`${path} has format ${version}, this runtime reads ${formatVersion}`);
  return value as T;
}

/** Records of one kind: a directory each (which may hold more of theirs), the record in it as `record.json`. */
export class RecordStore<T extends { id: string }> {
  readonly dir: string;
  #records = new Map<string, T>();

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o711 });
  }

  /** Reads everything back. Answers the directories without a readable record: leftovers to clean. */
  load(): { id: string; error: unknown }[] {
    const unreadable: { id: string; error: unknown }[] = [];
    for (const id of readdirSync(this.dir)) {
      try {
        this.#records.set(id, readCheckpoint<T>(join(this.dir, id, 'record.json')));
      } catch (error) {
        unreadable.push({ id, error });
      }
    }
    return unreadable;
  }

  get(id: string): T | undefined {
    return this.#records.get(id);
  }

  list(): T[] {
    return [...this.#records.values()];
  }

  /** The record with an id, or with the only id that begins so. */
  find(idOrPrefix: string): T | undefined {
    const exact = this.#records.get(idOrPrefix);
    if (exact || idOrPrefix === '') return exact;
    const matches = this.list().filter((r) => r.id.startsWith(idOrPrefix));
    return matches.length === 1 ? matches[0] : undefined;
  }

  dirOf(id: string): string {
    return join(this.dir, id);
  }

  save(record: T): void {
    mkdirSync(this.dirOf(record.id), { recursive: true, mode: 0o711 });
    writeCheckpoint(join(this.dirOf(record.id), 'record.json'), record);
    this.#records.set(record.id, record);
  }

  /** Changes fields of a record, on disk first. Answers the new record, or undefined when it is gone. */
  update(id: string, change: Partial<T>): T | undefined {
    const record = this.#records.get(id);
    if (!record) return undefined;
    const next = { ...record, ...change };
    this.save(next);
    return next;
  }

  /**
   * Forgets a record at once, and removes all that lies beside it, which may be many files: nobody else waits for that.
   * What a kill leaves of it has no record, and `load` tells.
   */
  async remove(id: string): Promise<void> {
    this.#records.delete(id);
    rmSync(join(this.dirOf(id), 'record.json'), { force: true });
    await rm(this.dirOf(id), { recursive: true, force: true });
  }
}
