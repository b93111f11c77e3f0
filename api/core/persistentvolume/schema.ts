// What a persistent volume is: exactly one source, and what it can do.
// https://kubernetes.io/docs/concepts/storage/persistent-volumes/
import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, s, type TypeOf } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';
import { objectReference } from '../object-reference.ts';
import { nodeSelector } from '../pod/affinity.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  fcVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  nfsVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from '../pod/disk-volumes.ts';
import { hostPathVolumeSource } from '../pod/volume.ts';
import { accessModesField } from '../pod/volume-claim.ts';
import {
  azureFilePersistentVolumeSource,
  cephFSPersistentVolumeSource,
  cinderPersistentVolumeSource,
  csiPersistentVolumeSource,
  flexPersistentVolumeSource,
  glusterfsPersistentVolumeSource,
  iscsiPersistentVolumeSource,
  localVolumeSource,
  rbdPersistentVolumeSource,
  scaleIOPersistentVolumeSource,
  storageOSPersistentVolumeSource,
} from './sources.ts';

export const volumeNodeAffinity = s.api('core.v1.VolumeNodeAffinity', 'Nodes that can reach a volume.', {
  required: s.field(nodeSelector, 'Conditions that the node must meet.'),
});

export const persistentVolumeSpec = s.api('core.v1.PersistentVolumeSpec', 'Where a volume is and what it can do.', {
  accessModes: accessModesField('How it can be mounted.'),
  awsElasticBlockStore: s.field(awsElasticBlockStoreVolumeSource, 'An AWS disk.'),
  azureDisk: s.field(azureDiskVolumeSource, 'An Azure disk.'),
  azureFile: s.field(azureFilePersistentVolumeSource, 'An Azure file share.'),
  capacity: s.map(s.quantity(''), 'Its size.'),
  cephfs: s.field(cephFSPersistentVolumeSource, 'A CephFS mount.'),
  cinder: s.field(cinderPersistentVolumeSource, 'An OpenStack disk.'),
  claimRef: s.field(objectReference, 'The claim it is bound to, or kept for.', { mapType: 'granular' }),
  csi: s.field(csiPersistentVolumeSource, 'A volume of a CSI driver.'),
  fc: s.field(fcVolumeSource, 'A Fibre Channel disk.'),
  flexVolume: s.field(flexPersistentVolumeSource, 'A volume of a flex driver; obsolete.'),
  flocker: s.field(flockerVolumeSource, 'A Flocker dataset; obsolete.'),
  gcePersistentDisk: s.field(gcePersistentDiskVolumeSource, 'A Google disk.'),
  glusterfs: s.field(glusterfsPersistentVolumeSource, 'A Gluster mount; obsolete.'),
  hostPath: s.field(hostPathVolumeSource, 'A path of the node.'),
  iscsi: s.field(iscsiPersistentVolumeSource, 'An iSCSI disk.'),
  local: s.field(localVolumeSource, 'A disk or folder of one node.'),
  mountOptions: s.list(s.string(''), 'Options of the mount command.', atomic),
  nfs: s.field(nfsVolumeSource, 'An NFS mount.'),
  nodeAffinity: s.field(volumeNodeAffinity, 'Nodes that can reach it.'),
  persistentVolumeReclaimPolicy: s.string('What happens when its claim is gone: Retain, Delete or Recycle.', {
    default: 'Retain',
    enum: ['Delete', 'Recycle', 'Retain'],
  }),
  photonPersistentDisk: s.field(photonPersistentDiskVolumeSource, 'A Photon disk; obsolete.'),
  portworxVolume: s.field(portworxVolumeSource, 'A Portworx volume.'),
  quobyte: s.field(quobyteVolumeSource, 'A Quobyte mount; obsolete.'),
  rbd: s.field(rbdPersistentVolumeSource, 'A Ceph block device; obsolete.'),
  scaleIO: s.field(scaleIOPersistentVolumeSource, 'A ScaleIO volume; obsolete.'),
  storageClassName: s.string('Storage class; empty for none.'),
  storageos: s.field(storageOSPersistentVolumeSource, 'A StorageOS volume; obsolete.'),
  volumeAttributesClassName: s.string('Volume attributes class.', { pointer: true }),
  volumeMode: s.string('Filesystem or Block.', { pointer: true, default: 'Filesystem', enum: ['Block', 'Filesystem'] }),
  vsphereVolume: s.field(vsphereVirtualDiskVolumeSource, 'A vSphere disk.'),
});
export interface PersistentVolumeSpec extends TypeOf<typeof persistentVolumeSpec> {}

const persistentVolumeStatus = s.api('core.v1.PersistentVolumeStatus', 'Observed state of a volume.', {
  lastPhaseTransitionTime: s.time('When the phase last changed.'),
  message: s.string('Explanation for people.'),
  phase: s.string('Available, Bound, Released, Failed or Pending.', {
    default: 'Pending',
    enum: ['Available', 'Bound', 'Failed', 'Pending', 'Released'],
  }),
  reason: s.string('One word for programs.'),
});

export const persistentVolumeSchema = s.api('core.v1.PersistentVolume', 'A piece of storage of the cluster.', {
  ...objectFields,
  spec: s.field(persistentVolumeSpec, 'Where it is and what it can do.', { always: true }),
  status: s.field(persistentVolumeStatus, 'Who has it.', { always: true }),
});
export interface PersistentVolume extends ObjectOf<typeof persistentVolumeSchema> {}
