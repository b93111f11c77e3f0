// emptyDir: a folder that lives as long as the pod, on disk or in memory. https://kubernetes.io/docs/concepts/storage/volumes/#emptydir
import { chmod, chown, mkdir } from 'node:fs/promises';
import { quantityValue } from '../../machinery/quantity.ts';
import type { VolumePlugin } from './plugin.ts';

export const emptyDirPlugin: VolumePlugin = {
  name: 'kubernetes.io~empty-dir',
  handles: (volume) => volume.emptyDir !== undefined,
  isLive: false,
  isReadOnly: false,
  async setUp({ volume, diskDir, fsGroup, mountTmpfs }) {
    const { medium = '', sizeLimit } = volume.emptyDir!;
    if (medium !== '' && medium !== 'Memory')
      throw new Error(`medium ${JSON.stringify(medium)} is not supported by this kubelet`);
    await mkdir(diskDir, { recursive: true });
    if (medium === 'Memory') {
      const size = sizeLimit === undefined ? 0 : quantityValue(sizeLimit);
      await mountTmpfs(diskDir, `mode=1777${size > 0 ? `,size=${size}` : ''}`);
    }
    if (fsGroup !== undefined) await chown(diskDir, 0, fsGroup);
    await chmod(diskDir, fsGroup === undefined ? 0o777 : 0o2777);
    return diskDir;
  },
};
