// Writes the files of a volume so that a reader never sees half of a change: a new folder is
// filled, then one rename moves the link `..data` over to it. Visible names are links through
// `..data`. Upstream: pkg/volume/util/atomic_writer.go.
// The calls are synchronous: each takes some ten microseconds, and a pod's start waits for two dozen of them; through
// the thread pool each would take half a millisecond. A volume of many files lets others have their turn.
//
//   ca.crt -> ..data/ca.crt     ..data -> ..2026_01_01_00_00_00.123     ..2026_01_01_00_00_00.123/ca.crt

import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ifThereSync } from '../../host/if-there.ts';

export interface VolumeFile {
  data: Buffer;
  mode: number;
  /** Whose file it is; root's when left out. */
  uid?: number;
}

/** Files by relative path. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

export interface WriteOptions {
  fsGroup: number | undefined;
  nowMs: number;
}

const dataLink = '..data';
const filesPerTurn = 64;

async function* inTurns<T>(items: Iterable<T>): AsyncGenerator<T> {
  let taken = 0;
  for (const item of items) {
    if (++taken % filesPerTurn === 0) await nextTurn();
    yield item;
  }
}

/** Makes `dir` hold exactly these files. Answers whether anything changed. */
export async function writeAtomically(dir: string, files: VolumeFiles, options: WriteOptions): Promise<boolean> {
  mkdirSync(dir, { recursive: true });
  const current = ifThereSync(() => readlinkSync(join(dir, dataLink)));
  if (current !== undefined && (await hasSameFiles(join(dir, current), files))) {
    // A writer that was killed may have left off here.
    await tidyFolder(dir, files, current);
    return false;
  }
  const stamp = new Date(options.nowMs).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const fresh = `..${stamp}.${randomBytes(5).toString('hex')}`;
  await fillFolder(join(dir, fresh), files, options.fsGroup);
  const next = join(dir, `${dataLink}_tmp`);
  rmSync(next, { force: true });
  symlinkSync(fresh, next);
  renameSync(next, join(dir, dataLink));
  await tidyFolder(dir, files, fresh);
  return true;
}

const topNames = (files: VolumeFiles) => new Set([...files.keys()].map((path) => path.split('/')[0]!));

async function hasSameFiles(dir: string, files: VolumeFiles): Promise<boolean> {
  const found = listFiles(dir, '');
  if (found.length !== files.size) return false;
  for await (const path of inTurns(found)) {
    const wanted = files.get(path);
    const stat = lstatSync(join(dir, path));
    // What is no file may never end. Bits may have been added for the volume's group, none taken.
    if (!wanted || !stat.isFile() || (stat.mode & wanted.mode) !== wanted.mode) return false;
    if (!wanted.data.equals(readFileSync(join(dir, path)))) return false;
  }
  return true;
}

function listFiles(root: string, below: string): string[] {
  const out: string[] = [];
  for (const entry of ifThereSync(() => readdirSync(join(root, below), { withFileTypes: true })) ?? []) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) out.push(...listFiles(root, path));
    else out.push(path);
  }
  return out;
}

async function fillFolder(dir: string, files: VolumeFiles, fsGroup: number | undefined): Promise<void> {
  const folders = new Set([dir]);
  for (const path of files.keys()) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) folders.add(join(dir, at));
  }
  for (const folder of [...folders].sort()) {
    mkdirSync(folder, { mode: 0o755 });
    if (fsGroup !== undefined) {
      chownSync(folder, 0, fsGroup);
      chmodSync(folder, 0o2755);
    }
  }
  for await (const [path, { data, mode, uid = 0 }] of inTurns(files)) {
    const file = join(dir, path);
    writeFileSync(file, data, { mode });
    if (fsGroup !== undefined || uid !== 0) chownSync(file, uid, fsGroup ?? 0);
    // The umask may have taken bits; a group that owns the volume may read it.
    chmodSync(file, fsGroup === undefined ? mode : mode | 0o440);
  }
}

/** Makes the visible names those of the files, and removes former folders of data. */
async function tidyFolder(dir: string, files: VolumeFiles, data: string): Promise<void> {
  const wanted = topNames(files);
  const there = new Set(readdirSync(dir));
  for await (const name of inTurns(wanted)) {
    if (!there.has(name)) symlinkSync(join(dataLink, name), join(dir, name));
  }
  for await (const name of inTurns(there)) {
    const isFormerData = /^\.\.\d/.test(name) && name !== data;
    const isUnwanted = !name.startsWith('..') && !wanted.has(name);
    if (isFormerData || isUnwanted) await rm(join(dir, name), { recursive: true, force: true });
  }
}
