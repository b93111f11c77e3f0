// Volumes of a pod: a name and exactly one source.
// Files from the API stand in file-volumes.ts, disks in disk-volumes.ts. Validation: volume-validation.ts.
// https://kubernetes.io/docs/concepts/storage/volumes/
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { localObjectReference } from '../object-reference.ts';
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  azureFileVolumeSource,
  cephFSVolumeSource,
  cinderVolumeSource,
  fcVolumeSource,
  flexVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  gitRepoVolumeSource,
  glusterfsVolumeSource,
  iscsiVolumeSource,
  nfsVolumeSource,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  rbdVolumeSource,
  scaleIOVolumeSource,
  storageOSVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from './disk-volumes.ts';
import {
  configMapVolumeSource,
  downwardAPIVolumeSource,
  projectedVolumeSource,
  secretVolumeSource,
} from './file-volumes.ts';
import { persistentVolumeClaimTemplate } from './volume-claim.ts';

const csiVolumeSource = s.api('core.v1.CSIVolumeSource', 'An inline volume of a CSI driver.', {
  driver: s.string('Name of the driver.', mandatory),
  fsType: s.string('File system type.', { pointer: true }),
  nodePublishSecretRef: s.field(localObjectReference, 'Secret handed to the driver.'),
  readOnly: s.boolean('Mount read-only.', { pointer: true }),
  volumeAttributes: s.map(s.string(''), 'Settings for the driver.'),
});

const emptyDirVolumeSource = s.api('core.v1.EmptyDirVolumeSource', 'An empty folder.', {
  medium: s.string("Memory for a tmpfs, HugePages, or empty for the node's disk."),
  sizeLimit: s.quantity('Most it may hold.', { pointer: true }),
});

const ephemeralVolumeSource = s.api('core.v1.EphemeralVolumeSource', 'A claim made for the pod.', {
  volumeClaimTemplate: s.field(persistentVolumeClaimTemplate, 'The claim to make.'),
});

export const hostPathVolumeSource = s.api('core.v1.HostPathVolumeSource', 'A path of the node.', {
  path: s.string('The path.', mandatory),
  type: s.string('What must be there, or be made: DirectoryOrCreate, File, Socket, ...', {
    pointer: true,
    default: '',
    enum: ['', 'BlockDevice', 'CharDevice', 'Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket'],
  }),
});

const imageVolumeSource = s.api('core.v1.ImageVolumeSource', 'Files of an OCI image or artifact.', {
  pullPolicy: s.string('Always, IfNotPresent or Never.', { enum: ['Always', 'IfNotPresent', 'Never'] }),
  reference: s.string('Image or artifact reference.'),
});

const claimVolumeSource = s.api('core.v1.PersistentVolumeClaimVolumeSource', 'A claim of the namespace.', {
  claimName: s.string('Name of the claim.', mandatory),
  readOnly: s.boolean('Mount read-only.'),
});

export const volume = s.api('core.v1.Volume', 'A volume of a pod; name and exactly one source.', {
  awsElasticBlockStore: s.field(awsElasticBlockStoreVolumeSource, 'An AWS disk.'),
  azureDisk: s.field(azureDiskVolumeSource, 'An Azure disk.'),
  azureFile: s.field(azureFileVolumeSource, 'An Azure file share.'),
  cephfs: s.field(cephFSVolumeSource, 'A CephFS mount.'),
  cinder: s.field(cinderVolumeSource, 'An OpenStack disk.'),
  configMap: s.field(configMapVolumeSource, 'Files from a ConfigMap.'),
  csi: s.field(csiVolumeSource, 'An inline volume of a CSI driver.'),
  downwardAPI: s.field(downwardAPIVolumeSource, 'Files with facts about the pod.'),
  emptyDir: s.field(emptyDirVolumeSource, 'An empty folder that lives as long as the pod.'),
  ephemeral: s.field(ephemeralVolumeSource, 'A claim made for this pod.'),
  fc: s.field(fcVolumeSource, 'A Fibre Channel disk.'),
  flexVolume: s.field(flexVolumeSource, 'A volume of a flex driver; obsolete.'),
  flocker: s.field(flockerVolumeSource, 'A Flocker dataset; obsolete.'),
  gcePersistentDisk: s.field(gcePersistentDiskVolumeSource, 'A Google disk.'),
  gitRepo: s.field(gitRepoVolumeSource, 'A git checkout; obsolete.'),
  glusterfs: s.field(glusterfsVolumeSource, 'A Gluster mount; obsolete.'),
  hostPath: s.field(hostPathVolumeSource, 'A path of the node.'),
  image: s.field(imageVolumeSource, 'Files of an OCI image or artifact.'),
  iscsi: s.field(iscsiVolumeSource, 'An iSCSI disk.'),
  name: s.string('Unique name within the pod.', mandatory),
  nfs: s.field(nfsVolumeSource, 'An NFS mount.'),
  persistentVolumeClaim: s.field(claimVolumeSource, 'A claim of the namespace.'),
  photonPersistentDisk: s.field(photonPersistentDiskVolumeSource, 'A Photon disk; obsolete.'),
  portworxVolume: s.field(portworxVolumeSource, 'A Portworx volume.'),
  projected: s.field(projectedVolumeSource, 'Files from several sources in one folder.'),
  quobyte: s.field(quobyteVolumeSource, 'A Quobyte mount; obsolete.'),
  rbd: s.field(rbdVolumeSource, 'A Ceph block device; obsolete.'),
  scaleIO: s.field(scaleIOVolumeSource, 'A ScaleIO volume; obsolete.'),
  secret: s.field(secretVolumeSource, 'Files from a Secret.'),
  storageos: s.field(storageOSVolumeSource, 'A StorageOS volume; obsolete.'),
  vsphereVolume: s.field(vsphereVirtualDiskVolumeSource, 'A vSphere disk.'),
});
export interface Volume extends TypeOf<typeof volume> {}
