// How much a folder takes up on its disk, without a process: names are bytes, as containers choose
// them, and what comes and goes meanwhile is no trouble. Other file systems mounted below are not
// counted, links are not followed.

import { lstat, readdir } from 'node:fs/promises';
import { ifThere } from './if-there.ts';

const slash = Buffer.from('/');
/** Those who replace a folder by a link while it is walked are nowhere. */
const unlessGone = <T>(found: Promise<T>) => ifThere(found, 'ENOTDIR', 'ELOOP');

/** Bytes of blocks and inodes below a folder, itself included; counting ends where the bytes are more than `enough`. */
export async function measureFolder(
  path: string,
  enough = Number.POSITIVE_INFINITY,
): Promise<{ bytes: number; inodes: number }> {
  const root = await unlessGone(lstat(path));
  const linked = new Set<number>();
  const todo: Buffer[] = [Buffer.from(path)];
  let bytes = 0;
  let inodes = 0;
  for (let next = todo.pop(); next && bytes <= enough; next = todo.pop()) {
    const stats = await unlessGone(lstat(next));
    if (!stats || stats.dev !== root?.dev || linked.has(stats.ino)) continue;
    if (stats.nlink > 1 && !stats.isDirectory()) linked.add(stats.ino);
    bytes += stats.blocks * 512;
    inodes++;
    if (!stats.isDirectory()) continue;
    for (const name of (await unlessGone(readdir(next, 'buffer'))) ?? []) todo.push(Buffer.concat([next, slash, name]));
  }
  return { bytes, inodes };
}
