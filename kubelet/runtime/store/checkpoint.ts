// Records on disk: one JSON file each, replaced atomically, so that being killed at any moment leaves the old or the
// new one. A record is written before the effect it announces, and removed when nothing of the thing runs any more.

import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from '../../../host/atomic-file.ts';
import { ifThereSync } from '../../../host/if-there.ts';
import { removeTree } from '../../../host/remove-tree.ts';

/** Raises when a field of a record changes meaning; `migrations` then says how older ones are read. */
const formatVersion = 1;

/** From each older format to the next one. */
const migrations: Record<number, (value: any) => unknown> = {};

/**
 * Written by a newer build. Nothing is guessed and nothing touched: what runs goes on, and that
 * build can come back.
 */
export class NewerFormatError extends Error {}

// Buffers (environment values) serialise themselves as { type: 'Buffer', data: [...] }.
function reviveBytes(_key: string, value: unknown): unknown {
  const bytes = value as { type?: unknown; data?: unknown } | null;
  const isBytes = typeof value === 'object' && bytes?.type === 'Buffer' && Array.isArray(bytes.data);
  return isBytes ? Buffer.from(bytes.data as number[]) : value;
}

function parseCheckpoint<T>(path: string, text: string): T {
  const { version, value } = JSON.parse(text, reviveBytes);
  if (version > formatVersion) {
    throw new NewerFormatError(
      `${path} is of format ${version} and this build reads up to ${formatVersion}: run the newer build again`,
    );
  }
  let current = value;
  for (let at = version; at !== formatVersion; at++) {
    const migrate = migrations[at];
    if (!migrate) throw new Error(`${path} is of the unknown format ${at}`);
    current = migrate(current);
  }
  if (typeof current !== 'object' || current === null) throw new Error(`${path} holds no record`);
  return current as T;
}

/** What `load` found beside records. */
export interface LoadOutcome {
  /** Directories without a record: something half made or half removed, to clean. */
  leftovers: string[];
  /** Records that cannot be read. They stay where they are, for somebody to look at; nothing of theirs is touched. */
  unreadable: { id: string; error: unknown }[];
}

/** Records of one kind: a directory each (which may hold more of theirs), the record in it as `record.json`. */
export class RecordStore<T extends { id: string }> {
  readonly dir: string;
  #records = new Map<string, T>();
  readonly #setAside = new Set<string>();

  constructor(dir: string) {
    this.dir = dir;
    mkdirSync(dir, { recursive: true, mode: 0o711 });
  }

  /**
   * Reads everything back. Throws when the disk or the process does not let it (no more open files,
   * say), and for records of a newer build: to start without them would be to forget what runs.
   */
  load(): LoadOutcome {
    const outcome: LoadOutcome = { leftovers: [], unreadable: [] };
    for (const id of readdirSync(this.dir)) {
      const path = join(this.dir, id, 'record.json');
      const text = ifThereSync(() => readFileSync(path, 'utf8'), 'ENOTDIR');
      if (text === undefined) {
        outcome.leftovers.push(id);
        continue;
      }
      try {
        this.#records.set(id, parseCheckpoint<T>(path, text));
      } catch (error) {
        if (error instanceof NewerFormatError) throw error;
        this.#setAside.add(id);
        outcome.unreadable.push({ id, error });
      }
    }
    return outcome;
  }

  /** Whether a record of that id is there and cannot be read. */
  isSetAside(id: string): boolean {
    return this.#setAside.has(id);
  }

  get hasSetAside(): boolean {
    return this.#setAside.size > 0;
  }

  /** Every id that is taken on disk, readable or not. */
  ids(): string[] {
    return [...this.#records.keys(), ...this.#setAside];
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
    const text = JSON.stringify({ version: formatVersion, value: record });
    replaceFile(join(this.dirOf(record.id), 'record.json'), text);
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
    await removeTree(this.dirOf(id));
  }
}
