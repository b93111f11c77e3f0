// Sources of persistent volumes that name secrets and servers of any namespace; the rest they share with pods.
import { s, type TypeOf } from '../../../machinery/schema.ts';
import { objectReference, secretReference } from '../object-reference.ts';

export const azureFilePersistentVolumeSource = s.api(
  'core.v1.AzureFilePersistentVolumeSource',
  'An Azure file share.',
  {
    readOnly: s.boolean('Mount read-only.'),
    secretName: s.string('Secret with the storage account.', { required: true, always: true }),
    secretNamespace: s.string('Namespace of the secret.', { pointer: true }),
    shareName: s.string('Name of the share.', { required: true, always: true }),
  },
);

export const cephFSPersistentVolumeSource = s.api('core.v1.CephFSPersistentVolumeSource', 'A CephFS mount.', {
  monitors: s.list(s.string(''), 'Addresses of the monitors.', { required: true, always: true, listType: 'atomic' }),
  path: s.string('Path within the file system.'),
  readOnly: s.boolean('Mount read-only.'),
  secretFile: s.string('Path of the key ring.'),
  secretRef: s.field(secretReference, 'Secret with the key.'),
  user: s.string('Ceph user.'),
});

export const cinderPersistentVolumeSource = s.api('core.v1.CinderPersistentVolumeSource', 'An OpenStack disk.', {
  fsType: s.string('File system type.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(secretReference, 'Secret with credentials.'),
  volumeID: s.string('Id of the disk.', { required: true, always: true }),
});

export const csiPersistentVolumeSource = s.api('core.v1.CSIPersistentVolumeSource', 'A volume of a CSI driver.', {
  controllerExpandSecretRef: s.field(secretReference, 'Secret for growing it, at the controller.'),
  controllerPublishSecretRef: s.field(secretReference, 'Secret for attaching it.'),
  driver: s.string('Name of the driver.', { required: true, always: true }),
  fsType: s.string('File system type.'),
  nodeExpandSecretRef: s.field(secretReference, 'Secret for growing it, on the node.'),
  nodePublishSecretRef: s.field(secretReference, 'Secret for mounting it.'),
  nodeStageSecretRef: s.field(secretReference, 'Secret for staging it.'),
  readOnly: s.boolean('Mount read-only.'),
  volumeAttributes: s.map(s.string(''), 'Settings for the driver.'),
  volumeHandle: s.string('Name that the driver knows it by.', { required: true, always: true }),
});
export interface CSIPersistentVolumeSource extends TypeOf<typeof csiPersistentVolumeSource> {}

export const flexPersistentVolumeSource = s.api('core.v1.FlexPersistentVolumeSource', 'A volume of a flex driver.', {
  driver: s.string('Name of the driver.', { required: true, always: true }),
  fsType: s.string('File system type.'),
  options: s.map(s.string(''), 'Settings for the driver.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(secretReference, 'Secret handed to the driver.'),
});

export const glusterfsPersistentVolumeSource = s.api('core.v1.GlusterfsPersistentVolumeSource', 'A Gluster mount.', {
  endpoints: s.string('Endpoints object with the servers.', { required: true, always: true }),
  endpointsNamespace: s.string('Namespace of the Endpoints object.', { pointer: true }),
  path: s.string('Volume path.', { required: true, always: true }),
  readOnly: s.boolean('Mount read-only.'),
});

export const iscsiPersistentVolumeSource = s.api('core.v1.ISCSIPersistentVolumeSource', 'An iSCSI disk.', {
  chapAuthDiscovery: s.boolean('Use CHAP for discovery.'),
  chapAuthSession: s.boolean('Use CHAP for the session.'),
  fsType: s.string('File system type.'),
  initiatorName: s.string('Own initiator name.', { pointer: true }),
  iqn: s.string('Qualified name of the target.', { required: true, always: true }),
  iscsiInterface: s.string('Interface name.', { default: 'default' }),
  lun: s.int32('Target LUN.', { required: true, always: true }),
  portals: s.list(s.string(''), 'More portals.', { listType: 'atomic' }),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(secretReference, 'Secret for CHAP.'),
  targetPortal: s.string('Address of the target.', { required: true, always: true }),
});

export const localVolumeSource = s.api('core.v1.LocalVolumeSource', 'A disk or folder of one node.', {
  fsType: s.string('File system type.', { pointer: true }),
  path: s.string('Path of the disk or folder.', { required: true, always: true }),
});

export const rbdPersistentVolumeSource = s.api('core.v1.RBDPersistentVolumeSource', 'A Ceph block device.', {
  fsType: s.string('File system type.'),
  image: s.string('Image name.', { required: true, always: true }),
  keyring: s.string('Path of the key ring.', { default: '/etc/ceph/keyring' }),
  monitors: s.list(s.string(''), 'Addresses of the monitors.', { required: true, always: true, listType: 'atomic' }),
  pool: s.string('Pool name.', { default: 'rbd' }),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(secretReference, 'Secret with the key.'),
  user: s.string('Ceph user.', { default: 'admin' }),
});

export const scaleIOPersistentVolumeSource = s.api('core.v1.ScaleIOPersistentVolumeSource', 'A ScaleIO volume.', {
  fsType: s.string('File system type.', { default: 'xfs' }),
  gateway: s.string('Address of the gateway.', { required: true, always: true }),
  protectionDomain: s.string('Protection domain.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(secretReference, 'Secret with credentials.', { required: true }),
  sslEnabled: s.boolean('Use TLS to the gateway.'),
  storageMode: s.string('ThickProvisioned or ThinProvisioned.', { default: 'ThinProvisioned' }),
  storagePool: s.string('Storage pool.'),
  system: s.string('Storage system.', { required: true, always: true }),
  volumeName: s.string('Name of the volume.'),
});

export const storageOSPersistentVolumeSource = s.api('core.v1.StorageOSPersistentVolumeSource', 'A StorageOS volume.', {
  fsType: s.string('File system type.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(objectReference, 'Secret with credentials.'),
  volumeName: s.string('Name of the volume.'),
  volumeNamespace: s.string('Namespace of the volume in StorageOS.'),
});
