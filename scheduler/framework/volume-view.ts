// Claims, volumes and what else storage is about, as a cycle sees them; and what becomes of those that it gives away.
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { CSIDriver } from '../../api/storage/csidriver.ts';
import type { CSINode } from '../../api/storage/csinode.ts';
import type { CSIStorageCapacity } from '../../api/storage/csistoragecapacity.ts';
import type { StorageClass } from '../../api/storage/storageclass.ts';
import type { VolumeAttachment } from '../../api/storage/volumeattachment.ts';
import type { NodeInfo } from './node-info.ts';
import type { PodInfo } from './pod-info.ts';

/** What a pod's claims get on a node. */
export interface VolumePlan {
  /** Volumes that are there, each with its claim written into it. */
  bindings: { volume: PersistentVolume; claim: PersistentVolumeClaim; isNew: boolean }[];
  /** Claims whose volumes are to be made, each with the node written into it. */
  provisions: { claim: PersistentVolumeClaim; isNew: boolean }[];
}

/** Something of storage has come or changed, or an attachment is gone. */
export type StorageEvent =
  | { type: 'ClaimChanged'; claim: PersistentVolumeClaim }
  | { type: 'VolumeChanged'; volume: PersistentVolume }
  | {
      type:
        | 'StorageClassChanged'
        | 'CSIDriverChanged'
        | 'CSINodeChanged'
        | 'CSIStorageCapacityChanged'
        | 'VolumeAttachmentRemoved';
    };

export interface VolumeView {
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  /** Volumes that the claim may have: those of its class, and those kept for it. */
  volumesFor(claim: PersistentVolumeClaim): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  csiDriver(name: string): CSIDriver | undefined;
  csiNode(name: string): CSINode | undefined;
  capacitiesOf(storageClass: string): readonly CSIStorageCapacity[];
  attachmentsOn(node: string): readonly VolumeAttachment[];
  /** From now on the plan counts as carried out. */
  assume(plan: VolumePlan): void;
  /** What of the plan has not been written is free again. */
  revert(plan: VolumePlan): void;
  /** Carries it out, and waits until every claim has its volume. Rejects when that will not be. */
  bind(plan: VolumePlan, pod: PodInfo, node: NodeInfo): Promise<void>;
  /** Nobody waits for the pod's volumes any longer. */
  podGone(uid: string): void;
  onEvent(listener: (event: StorageEvent) => void): void;
  synced(): Promise<unknown>;
}

const nothing = () => undefined;
const none = () => [];

/** A cluster without any. */
export const noVolumes: VolumeView = {
  claim: nothing,
  volume: nothing,
  volumesFor: none,
  storageClass: nothing,
  csiDriver: nothing,
  csiNode: nothing,
  capacitiesOf: none,
  attachmentsOn: none,
  assume: nothing,
  revert: nothing,
  bind: async () => undefined,
  podGone: nothing,
  onEvent: nothing,
  synced: async () => undefined,
};
