// Writes the files of a volume so that a reader never sees half of a change: a new folder is
// filled, then one rename moves the link `..data` over to it. Visible names are links through
// `..data`. Upstream: pkg/volume/util/atomic_writer.go.
//
//   ca.crt -> ..data/ca.crt     ..data -> ..2026_01_01_00_00_00.123     ..2026_01_01_00_00_00.123/ca.crt
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

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

/** Makes `dir` hold exactly these files. Answers whether anything changed. */
export async function writeAtomically(dir: string, files: VolumeFiles, options: WriteOptions): Promise<boolean> {
  await mkdir(dir, { recursive: true });
  const current = await readLinkOrNull(join(dir, dataLink));
  if (current !== null && (await hasSameFiles(join(dir, current), files))) {
    // A writer that was killed may have left off here.
    await tidyFolder(dir, files, current);
    return false;
  }
  const stamp = new Date(options.nowMs).toISOString().slice(0, 19).replace(/[-T:]/g, '_');
  const fresh = `..${stamp}.${randomBytes(5).toString('hex')}`;
  await fillFolder(join(dir, fresh), files, options.fsGroup);
  const next = join(dir, `${dataLink}_tmp`);
  await rm(next, { force: true });
  await symlink(fresh, next);
  await rename(next, join(dir, dataLink));
  await tidyFolder(dir, files, fresh);
  return true;
}

const topNames = (files: VolumeFiles) => new Set([...files.keys()].map((path) => path.split('/')[0]!));

async function readLinkOrNull(path: string): Promise<string | null> {
  try {
    return await readlink(path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  }
}

async function hasSameFiles(dir: string, files: VolumeFiles): Promise<boolean> {
  const found = await listFiles(dir, '');
  if (found.length !== files.size) return false;
  for (const path of found) {
    const wanted = files.get(path);
    if (!wanted?.data.equals(await readFile(join(dir, path)))) return false;
    // Bits may have been added for the volume's group, none taken.
    if (((await lstat(join(dir, path))).mode & wanted.mode) !== wanted.mode) return false;
  }
  return true;
}

async function listFiles(root: string, below: string): Promise<string[]> {
  const out: string[] = [];
  try {
    for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
      const path = join(below, entry.name);
      if (entry.isDirectory()) out.push(...(await listFiles(root, path)));
      else out.push(path);
    }
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err;
  }
  return out;
}

async function fillFolder(dir: string, files: VolumeFiles, fsGroup: number | undefined): Promise<void> {
  const folders = new Set([dir]);
  for (const path of files.keys()) {
    for (let at = dirname(path); at !== '.'; at = dirname(at)) folders.add(join(dir, at));
  }
  for (const folder of [...folders].sort()) {
    await mkdir(folder, { mode: 0o755 });
    if (fsGroup !== undefined) {
      await chown(folder, 0, fsGroup);
      await chmod(folder, 0o2755);
    }
  }
  for (const [path, { data, mode, uid = 0 }] of files) {
    const file = join(dir, path);
    await writeFile(file, data, { mode });
    if (fsGroup !== undefined || uid !== 0) await chown(file, uid, fsGroup ?? 0);
    // The umask may have taken bits; a group that owns the volume may read it.
    await chmod(file, fsGroup === undefined ? mode : mode | 0o440);
  }
}

/** Makes the visible names those of the files, and removes former folders of data. */
async function tidyFolder(dir: string, files: VolumeFiles, data: string): Promise<void> {
  const wanted = topNames(files);
  const there = new Set(await readdir(dir));
  for (const name of wanted) if (!there.has(name)) await symlink(join(dataLink, name), join(dir, name));
  for (const name of there) {
    const isFormerData = /^\.\.\d/.test(name) && name !== data;
    const isUnwanted = !name.startsWith('..') && !wanted.has(name);
    if (isFormerData || isUnwanted) await rm(join(dir, name), { recursive: true, force: true });
  }
}
