// local: a folder, mounted disk or block device of this node as a persistent volume; a folder is bound into the pod's.
// https://kubernetes.io/docs/concepts/storage/volumes/#local

import { mkdir, rmdir, stat } from 'node:fs/promises';
import { ifThere } from '../../host/if-there.ts';
import type { Mounts } from '../../host/mounts.ts';
import { setGroup } from './ownership.ts';
import { isBlock, type VolumePlugin } from './plugin.ts';
import { fileSystemUse } from './volume-use.ts';

export const createLocalPlugin = (mounts: Mounts): VolumePlugin => ({
  name: 'kubernetes.io~local-volume',
  handles: ({ pv }) => pv?.spec.local !== undefined,
  hasDevices: true,
  async setUp(context) {
    const { pv, pod, diskDir, fsGroup, isReadOnly } = context;
    const { path } = pv!.spec.local!;
    const found = await stat(path).catch((err: NodeJS.ErrnoException) => {
      throw err.code === 'ENOENT' ? new Error(`path "${path}" does not exist`) : err;
    });
    if (isBlock(context)) return path;
    if (!found.isDirectory())
      throw new Error(`path "${path}" is not a directory: no other is supported by this kubelet`);
    await mkdir(diskDir, { recursive: true, mode: 0o750 });
    await mounts.bind(path, diskDir, isReadOnly ? ['ro'] : []);
    if (fsGroup !== undefined && !isReadOnly) {
      await setGroup(diskDir, { group: fsGroup, policy: pod.spec.securityContext?.fsGroupChangePolicy });
    }
    return diskDir;
  },
  tearDown: (diskDir) => unmountAndRemove(mounts, diskDir),
  measure: fileSystemUse,
});

/** Unmounts a folder and removes it, which was empty before. Never what it holds. */
export async function unmountAndRemove(mounts: Mounts, dir: string): Promise<void> {
  await mounts.unmount(dir);
  await ifThere(rmdir(dir));
}
