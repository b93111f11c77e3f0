// What a volume is asked to be able to do, in the terms of the storage interface. Upstream:
// pkg/volume/csi/csi_client.go and the accessmodes package of csi-lib-utils.
import type { PersistentVolumeSpec } from '../../api/core/persistentvolume/schema.ts';
import type { VolumeCapability, VolumeCapabilityAccessModeMode } from '../../proto/csi.gen.ts';
import type { Init } from '../../proto/message.ts';

/** Drivers that tell one pod of a node from several name the modes anew. */
export function accessModeOf(mode: string, tellsWriters: boolean): VolumeCapabilityAccessModeMode {
  switch (mode) {
    case 'ReadOnlyMany':
      return 'MULTI_NODE_READER_ONLY';
    case 'ReadWriteMany':
      return 'MULTI_NODE_MULTI_WRITER';
    case 'ReadWriteOncePod':
      return tellsWriters ? 'SINGLE_NODE_SINGLE_WRITER' : 'SINGLE_NODE_WRITER';
    default:
      return tellsWriters ? 'SINGLE_NODE_MULTI_WRITER' : 'SINGLE_NODE_WRITER';
  }
}

export interface CapabilityWish extends Pick<PersistentVolumeSpec, 'mountOptions' | 'volumeMode'> {
  fsType?: string | undefined;
  /** Whom the driver shall give the volume to. */
  mountGroup?: number | undefined;
}

export function capabilityOf(mode: VolumeCapabilityAccessModeMode, wish: CapabilityWish): Init<VolumeCapability> {
  const access_mode = { mode };
  if (wish.volumeMode === 'Block') return { access_mode, block: {} };
  const volume_mount_group = wish.mountGroup === undefined ? '' : String(wish.mountGroup);
  return {
    access_mode,
    mount: { fs_type: wish.fsType ?? '', mount_flags: wish.mountOptions ?? [], volume_mount_group },
  };
}
