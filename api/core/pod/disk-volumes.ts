// Volumes on cloud disks and network file systems. Most are kept only so that old manifests are read as before.
// A kubelet that meets one it cannot mount says so in an event.
import { atomic, mandatory, s } from '../../../machinery/schema.ts';
import { localObjectReference } from '../object-reference.ts';

export const awsElasticBlockStoreVolumeSource = s.api('core.v1.AWSElasticBlockStoreVolumeSource', 'An AWS disk.', {
  fsType: s.string('File system type.'),
  partition: s.int32('Partition number; 0 for the whole disk.'),
  readOnly: s.boolean('Mount read-only.'),
  volumeID: s.string('Id of the disk.', mandatory),
});

export const azureDiskVolumeSource = s.api('core.v1.AzureDiskVolumeSource', 'An Azure disk.', {
  cachingMode: s.string('None, ReadOnly or ReadWrite.', {
    pointer: true,
    default: 'ReadWrite',
    enum: ['None', 'ReadOnly', 'ReadWrite'],
  }),
  diskName: s.string('Name of the disk.', mandatory),
  diskURI: s.string('URI of the disk.', mandatory),
  fsType: s.string('File system type.', { pointer: true, default: 'ext4' }),
  kind: s.string('Shared, Dedicated or Managed.', {
    pointer: true,
    default: 'Shared',
    enum: ['Dedicated', 'Managed', 'Shared'],
  }),
  readOnly: s.boolean('Mount read-only.', { pointer: true, default: false }),
});

export const azureFileVolumeSource = s.api('core.v1.AzureFileVolumeSource', 'An Azure file share.', {
  readOnly: s.boolean('Mount read-only.'),
  secretName: s.string('Secret with the storage account.', mandatory),
  shareName: s.string('Name of the share.', mandatory),
});

export const cephFSVolumeSource = s.api('core.v1.CephFSVolumeSource', 'A CephFS mount.', {
  monitors: s.list(s.string(''), 'Addresses of the monitors.', { ...mandatory, ...atomic }),
  path: s.string('Path within the file system.'),
  readOnly: s.boolean('Mount read-only.'),
  secretFile: s.string('Path of the key ring.'),
  secretRef: s.field(localObjectReference, 'Secret with the key.'),
  user: s.string('Ceph user.'),
});

export const cinderVolumeSource = s.api('core.v1.CinderVolumeSource', 'An OpenStack disk.', {
  fsType: s.string('File system type.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret with credentials.'),
  volumeID: s.string('Id of the disk.', mandatory),
});

export const fcVolumeSource = s.api('core.v1.FCVolumeSource', 'A Fibre Channel disk.', {
  fsType: s.string('File system type.'),
  lun: s.int32('Target LUN.', { pointer: true }),
  readOnly: s.boolean('Mount read-only.'),
  targetWWNs: s.list(s.string(''), 'World wide names of the target.', atomic),
  wwids: s.list(s.string(''), 'World wide ids of the volume.', atomic),
});

export const flexVolumeSource = s.api('core.v1.FlexVolumeSource', 'A volume of a flex driver.', {
  driver: s.string('Name of the driver.', mandatory),
  fsType: s.string('File system type.'),
  options: s.map(s.string(''), 'Settings for the driver.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret handed to the driver.'),
});

export const flockerVolumeSource = s.api('core.v1.FlockerVolumeSource', 'A Flocker dataset.', {
  datasetName: s.string('Name of the dataset.'),
  datasetUUID: s.string('UUID of the dataset.'),
});

export const gcePersistentDiskVolumeSource = s.api('core.v1.GCEPersistentDiskVolumeSource', 'A Google disk.', {
  fsType: s.string('File system type.'),
  partition: s.int32('Partition number; 0 for the whole disk.'),
  pdName: s.string('Name of the disk.', mandatory),
  readOnly: s.boolean('Mount read-only.'),
});

export const gitRepoVolumeSource = s.api('core.v1.GitRepoVolumeSource', 'A git checkout.', {
  directory: s.string('Folder to clone into.'),
  repository: s.string('URL of the repository.', mandatory),
  revision: s.string('Commit to check out.'),
});

export const glusterfsVolumeSource = s.api('core.v1.GlusterfsVolumeSource', 'A Gluster mount.', {
  endpoints: s.string('Endpoints object with the servers.', mandatory),
  path: s.string('Volume path.', mandatory),
  readOnly: s.boolean('Mount read-only.'),
});

export const iscsiVolumeSource = s.api('core.v1.ISCSIVolumeSource', 'An iSCSI disk.', {
  chapAuthDiscovery: s.boolean('Use CHAP for discovery.'),
  chapAuthSession: s.boolean('Use CHAP for the session.'),
  fsType: s.string('File system type.'),
  initiatorName: s.string('Own initiator name.', { pointer: true }),
  iqn: s.string('Qualified name of the target.', mandatory),
  iscsiInterface: s.string('Interface name.', { default: 'default' }),
  lun: s.int32('Target LUN.', mandatory),
  portals: s.list(s.string(''), 'More portals.', atomic),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret for CHAP.'),
  targetPortal: s.string('Address of the target.', mandatory),
});

export const nfsVolumeSource = s.api('core.v1.NFSVolumeSource', 'An NFS mount.', {
  path: s.string('Exported path.', mandatory),
  readOnly: s.boolean('Mount read-only.'),
  server: s.string('Address of the server.', mandatory),
});

export const photonPersistentDiskVolumeSource = s.api('core.v1.PhotonPersistentDiskVolumeSource', 'A Photon disk.', {
  fsType: s.string('File system type.'),
  pdID: s.string('Id of the disk.', mandatory),
});

export const portworxVolumeSource = s.api('core.v1.PortworxVolumeSource', 'A Portworx volume.', {
  fsType: s.string('File system type.'),
  readOnly: s.boolean('Mount read-only.'),
  volumeID: s.string('Id of the volume.', mandatory),
});

export const quobyteVolumeSource = s.api('core.v1.QuobyteVolumeSource', 'A Quobyte mount.', {
  group: s.string('Group to map access to.'),
  readOnly: s.boolean('Mount read-only.'),
  registry: s.string('Registry addresses.', mandatory),
  tenant: s.string('Tenant of the volume.'),
  user: s.string('User to map access to.'),
  volume: s.string('Name of the volume.', mandatory),
});

export const rbdVolumeSource = s.api('core.v1.RBDVolumeSource', 'A Ceph block device.', {
  fsType: s.string('File system type.'),
  image: s.string('Image name.', mandatory),
  keyring: s.string('Path of the key ring.', { default: '/etc/ceph/keyring' }),
  monitors: s.list(s.string(''), 'Addresses of the monitors.', { ...mandatory, ...atomic }),
  pool: s.string('Pool name.', { default: 'rbd' }),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret with the key.'),
  user: s.string('Ceph user.', { default: 'admin' }),
});

export const scaleIOVolumeSource = s.api('core.v1.ScaleIOVolumeSource', 'A ScaleIO volume.', {
  fsType: s.string('File system type.', { default: 'xfs' }),
  gateway: s.string('Address of the gateway.', mandatory),
  protectionDomain: s.string('Protection domain.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret with credentials.', { required: true }),
  sslEnabled: s.boolean('Use TLS to the gateway.'),
  storageMode: s.string('ThickProvisioned or ThinProvisioned.', { default: 'ThinProvisioned' }),
  storagePool: s.string('Storage pool.'),
  system: s.string('Storage system.', mandatory),
  volumeName: s.string('Name of the volume.'),
});

export const storageOSVolumeSource = s.api('core.v1.StorageOSVolumeSource', 'A StorageOS volume.', {
  fsType: s.string('File system type.'),
  readOnly: s.boolean('Mount read-only.'),
  secretRef: s.field(localObjectReference, 'Secret with credentials.'),
  volumeName: s.string('Name of the volume.'),
  volumeNamespace: s.string('Namespace of the volume in StorageOS.'),
});

export const vsphereVirtualDiskVolumeSource = s.api('core.v1.VsphereVirtualDiskVolumeSource', 'A vSphere disk.', {
  fsType: s.string('File system type.'),
  storagePolicyID: s.string('Id of the storage policy.'),
  storagePolicyName: s.string('Name of the storage policy.'),
  volumePath: s.string('Path of the disk.', mandatory),
});
