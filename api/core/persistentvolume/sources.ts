// Sources of persistent volumes that name secrets and servers of any namespace; all else they share with pods.
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { objectReference, secretReference } from '../object-reference.ts';
import {
  cephFSVolumeSource,
  cinderVolumeSource,
  flexVolumeSource,
  iscsiVolumeSource,
  rbdVolumeSource,
  scaleIOVolumeSource,
  storageOSVolumeSource,
} from '../pod/disk-volumes.ts';

export const azureFilePersistentVolumeSource = s.api(
  'core.v1.AzureFilePersistentVolumeSource',
  'An Azure file share.',
  {
    readOnly: s.boolean('Mount read-only.'),
    secretName: s.string('Secret with the storage account.', mandatory),
    secretNamespace: s.string('Namespace of the secret.', { pointer: true }),
    shareName: s.string('Name of the share.', mandatory),
  },
);

export const cephFSPersistentVolumeSource = s.api('core.v1.CephFSPersistentVolumeSource', 'A CephFS mount.', {
  ...cephFSVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret with the key.'),
});

export const cinderPersistentVolumeSource = s.api('core.v1.CinderPersistentVolumeSource', 'An OpenStack disk.', {
  ...cinderVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret with credentials.'),
});

export const csiPersistentVolumeSource = s.api('core.v1.CSIPersistentVolumeSource', 'A volume of a CSI driver.', {
  controllerExpandSecretRef: s.field(secretReference, 'Secret for growing it, at the controller.'),
  controllerPublishSecretRef: s.field(secretReference, 'Secret for attaching it.'),
  driver: s.string('Name of the driver.', mandatory),
  fsType: s.string('File system type.'),
  nodeExpandSecretRef: s.field(secretReference, 'Secret for growing it, on the node.'),
  nodePublishSecretRef: s.field(secretReference, 'Secret for mounting it.'),
  nodeStageSecretRef: s.field(secretReference, 'Secret for staging it.'),
  readOnly: s.boolean('Mount read-only.'),
  volumeAttributes: s.map(s.string(''), 'Settings for the driver.'),
  volumeHandle: s.string('Name that the driver knows it by.', mandatory),
});
export interface CSIPersistentVolumeSource extends TypeOf<typeof csiPersistentVolumeSource> {}

export const flexPersistentVolumeSource = s.api('core.v1.FlexPersistentVolumeSource', 'A volume of a flex driver.', {
  ...flexVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret handed to the driver.'),
});

export const glusterfsPersistentVolumeSource = s.api('core.v1.GlusterfsPersistentVolumeSource', 'A Gluster mount.', {
  endpoints: s.string('Endpoints object with the servers.', mandatory),
  endpointsNamespace: s.string('Namespace of the Endpoints object.', { pointer: true }),
  path: s.string('Volume path.', mandatory),
  readOnly: s.boolean('Mount read-only.'),
});

export const iscsiPersistentVolumeSource = s.api('core.v1.ISCSIPersistentVolumeSource', 'An iSCSI disk.', {
  ...iscsiVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret for CHAP.'),
});

export const localVolumeSource = s.api('core.v1.LocalVolumeSource', 'A disk or folder of one node.', {
  fsType: s.string('File system type.', { pointer: true }),
  path: s.string('Path of the disk or folder.', mandatory),
});

export const rbdPersistentVolumeSource = s.api('core.v1.RBDPersistentVolumeSource', 'A Ceph block device.', {
  ...rbdVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret with the key.'),
});

export const scaleIOPersistentVolumeSource = s.api('core.v1.ScaleIOPersistentVolumeSource', 'A ScaleIO volume.', {
  ...scaleIOVolumeSource.fields,
  secretRef: s.field(secretReference, 'Secret with credentials.', { required: true }),
});

export const storageOSPersistentVolumeSource = s.api('core.v1.StorageOSPersistentVolumeSource', 'A StorageOS volume.', {
  ...storageOSVolumeSource.fields,
  secretRef: s.field(objectReference, 'Secret with credentials.'),
});
