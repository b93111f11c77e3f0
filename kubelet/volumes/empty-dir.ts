// emptyDir: a folder that lives as long as the pod, on disk or in memory.
// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
import { chmod, chown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { quantityValue } from '../../machinery/quantity.ts';
import type { VolumePlugin } from './plugin.ts';

export const emptyDirPlugin: VolumePlugin = {
  name: 'kubernetes.io~empty-dir',
  handles: ({ volume }) => volume.emptyDir !== undefined,
  isLive: false,
  isReadOnly: false,
  async setUp({ volume, diskDir, fsGroup, mounts }) {
    const { medium = '', sizeLimit } = volume.emptyDir!;
    if (medium !== '' && medium !== 'Memory')
      throw new Error(`medium ${JSON.stringify(medium)} is not supported by this kubelet`);
    const mode = fsGroup === undefined ? 0o777 : 0o2777;
    if (medium === 'Memory') {
      const size = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
      const owner = fsGroup === undefined ? '' : `,gid=${fsGroup}`;
      // The root of a tmpfs is sticky.
      const sticky = (mode | 0o1000).toString(8);
      await mounts.tmpfs(diskDir, `mode=${sticky}${owner}${size > 0 ? `,size=${size}` : ''}`);
    } else if (!(await exists(diskDir))) await makeFolder(diskDir, mode, fsGroup);
    return diskDir;
  },
};

/**
 * The folder appears with its owner and mode, and is then the pod's: who starts again after a crash
 * must not change it.
 */
async function makeFolder(dir: string, mode: number, group: number | undefined): Promise<void> {
  const next = `${dir}.new`;
  await rm(next, { recursive: true, force: true });
  await mkdir(next, { recursive: true });
  if (group !== undefined) await chown(next, 0, group);
  await chmod(next, mode);
  await rename(next, dir);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw err;
  }
}
