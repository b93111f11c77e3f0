// fsGroup on volumes that live longer than the pod: everything in them is given to the group, which
// may then read and write it. Others may write to the volume meanwhile, so nothing is trusted by its
// path: each file is opened without following links, and changed through its descriptor. Upstream:
// pkg/volume/volume_linux.go.
// https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#configure-volume-permission-and-ownership-change-policy-for-pods

import { constants } from 'node:fs';
import { chmod, chown, type FileHandle, open, readdir } from 'node:fs/promises';
import { ifThere } from '../../host/if-there.ts';

export interface GroupWish {
  group: number;
  /** Always, or OnRootMismatch. */
  policy: string | undefined;
}

/** Node does not name it: a descriptor that only stands for a file, whatever its kind. */
const noLink = 0o10000000 | constants.O_NOFOLLOW;
const readWrite = 0o660;
const setGid = 0o2000;
const folderBits = readWrite | setGid | 0o110;
/** Each level is an open file of ours. Upstream ends where a path is too long. */
const maxDepth = 1000;

export async function setGroup(dir: string, { group, policy }: GroupWish): Promise<void> {
  const root = await open(dir, noLink | constants.O_DIRECTORY);
  try {
    const { gid, mode } = await root.stat();
    const fits = gid === group && (mode & folderBits) === folderBits;
    if (policy === 'OnRootMismatch' && fits) return;
    await walk(root, group, 0);
  } finally {
    await root.close();
  }
}

/** Children first: a root that fits says that all below it has been done. */
async function walk(at: FileHandle, group: number, depth: number): Promise<void> {
  const self = `/proc/self/fd/${at.fd}`;
  const stats = await at.stat();
  if (stats.isDirectory()) {
    if (depth > maxDepth) throw new Error(`folders of the volume lie more than ${maxDepth} levels deep`);
    for (const name of await readdir(self, 'buffer')) {
      const child = await ifThere(open(Buffer.concat([Buffer.from(`${self}/`), name]), noLink));
      if (!child) continue;
      try {
        await walk(child, group, depth + 1);
      } finally {
        await child.close();
      }
    }
  }
  if (stats.isSymbolicLink()) return;
  if (stats.gid !== group) await chown(self, stats.uid, group);
  const wanted = stats.mode | (stats.isDirectory() ? folderBits : readWrite);
  // A change of owner takes these bits away.
  if (wanted !== stats.mode || stats.gid !== group) await chmod(self, wanted & 0o7777);
}
