// emptyDir: a folder that lives as long as the pod, on disk or in memory.
// https://kubernetes.io/docs/concepts/storage/volumes/#emptydir

import { chmod, chown, mkdir, rename, rm, stat } from 'node:fs/promises';
import { ifThere } from '../../host/if-there.ts';
import { quantityValue } from '../../machinery/quantity.ts';
import { podResources } from '../spec/sandbox-config.ts';
import type { VolumeContext, VolumePlugin } from './plugin.ts';
import { folderUse } from './volume-use.ts';

export const emptyDirPlugin: VolumePlugin = {
  name: 'kubernetes.io~empty-dir',
  handles: ({ volume }) => volume.emptyDir !== undefined,
  async setUp(context) {
    const { volume, diskDir, fsGroup, mounts } = context;
    const { medium = '' } = volume.emptyDir!;
    if (medium !== '' && medium !== 'Memory')
      throw new Error(`medium ${JSON.stringify(medium)} is not supported by this kubelet`);
    const mode = fsGroup === undefined ? 0o777 : 0o2777;
    if (medium === 'Memory') {
      const size = memorySize(context);
      const owner = fsGroup === undefined ? '' : `,gid=${fsGroup}`;
      // The root of a tmpfs is sticky.
      const sticky = (mode | 0o1000).toString(8);
      await mounts.tmpfs(diskDir, `mode=${sticky}${owner}${size > 0 ? `,size=${size}` : ''}`);
    } else if (!(await ifThere(stat(diskDir)))) await makeFolder(diskDir, mode, fsGroup);
    return diskDir;
  },
  measure: folderUse,
};

/**
 * In bytes; 0 for as much as the kernel gives. No more than the volume's limit, the pod's, and what the node has for
 * pods: who fills it could not use more. KEP-1967.
 */
function memorySize({ volume, pod, allocatable }: VolumeContext): number {
  const bounds = [
    quantityValue(volume.emptyDir?.sizeLimit),
    Number(podResources(pod).memory_limit_in_bytes ?? 0),
    quantityValue(allocatable.memory),
  ];
  const least = Math.min(...bounds.filter((bytes) => bytes > 0));
  return Number.isFinite(least) ? least : 0;
}

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
