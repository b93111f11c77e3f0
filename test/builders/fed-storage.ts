// The storage of a scheduler under test: informers that are fed by hand, and an API that takes writes and shows them.
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { CSIDriver } from '../../api/storage/csidriver.ts';
import type { CSINode } from '../../api/storage/csinode.ts';
import type { CSIStorageCapacity } from '../../api/storage/csistoragecapacity.ts';
import type { StorageClass } from '../../api/storage/storageclass.ts';
import type { VolumeAttachment } from '../../api/storage/volumeattachment.ts';
import type { StorageInformers } from '../../scheduler/cache/volumes.ts';
import { FedInformer } from './fed-informer.ts';

export class FedStorage implements StorageInformers {
  readonly claims = new FedInformer<PersistentVolumeClaim>();
  readonly volumes = new FedInformer<PersistentVolume>();
  readonly classes = new FedInformer<StorageClass>();
  readonly drivers = new FedInformer<CSIDriver>();
  readonly csiNodes = new FedInformer<CSINode>();
  readonly capacities = new FedInformer<CSIStorageCapacity>();
  readonly attachments = new FedInformer<VolumeAttachment>();
}
