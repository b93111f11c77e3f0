// How full volumes are. https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubelet_volume_stats_*)
import { statfs } from 'node:fs/promises';

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

/** The use of a volume of a pod's claim. */
export interface ClaimUse extends VolumeUse {
  /** Of the volume in the pod. */
  name: string;
  claim: { namespace: string; name: string };
}

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
