// How full volumes are. https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubelet_volume_stats_*)
import { statfs } from 'node:fs/promises';
import { measureFolder } from '../../host/folder-size.ts';

/** What is not known is left out. */
export interface VolumeUse {
  capacityBytes?: number;
  usedBytes?: number;
  availableBytes?: number;
  inodes?: number;
  inodesUsed?: number;
  inodesFree?: number;
  /** Whether the driver finds something wrong with it; undefined where it does not say. */
  isAbnormal?: boolean;
}

/** The use of a volume of a pod. */
export interface PodVolumeUse extends VolumeUse {
  /** Of the volume in the pod. */
  name: string;
  claim?: { namespace: string; name: string };
}

/** The use of a volume of a pod's claim. */
export interface ClaimUse extends PodVolumeUse {
  claim: { namespace: string; name: string };
}

export const isOfClaim = (use: PodVolumeUse): use is ClaimUse => use.claim !== undefined;

/** The use of the file system that a path is on. */
export async function fileSystemUse(path: string): Promise<VolumeUse> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return {
    capacityBytes: blocks * bsize,
    usedBytes: (blocks - bfree) * bsize,
    availableBytes: bavail * bsize,
    inodes: files,
    inodesUsed: files - ffree,
    inodesFree: ffree,
  };
}

/** What a folder holds, on the file system that it shares with others. */
export async function folderUse(path: string): Promise<VolumeUse> {
  const [own, { bytes, inodes }] = await Promise.all([fileSystemUse(path), measureFolder(path)]);
  return { ...own, usedBytes: bytes, inodesUsed: inodes };
}
