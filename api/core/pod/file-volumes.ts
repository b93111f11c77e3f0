// Volumes made of files that the API knows: ConfigMaps, Secrets, facts about the pod, tokens.
// The kubelet writes them and keeps them fresh. Validation: file-volume-validation.ts.
import { labelSelector } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import { objectFieldSelector, resourceFieldSelector } from './env.ts';

const keyToPath = s.api('core.v1.KeyToPath', 'A key and the file it becomes.', {
  key: s.string('Key to take.', mandatory),
  mode: s.int32('Permission bits of this file.', { pointer: true }),
  path: s.string('Relative path of the file.', mandatory),
});
export interface KeyToPath extends TypeOf<typeof keyToPath> {}

export const configMapVolumeSource = s.api('core.v1.ConfigMapVolumeSource', 'Files from a ConfigMap.', {
  defaultMode: s.int32('Permission bits of the files.', { pointer: true, default: 420 }),
  items: s.list(keyToPath, 'Keys to take and their paths; all when absent.', atomic),
  name: s.string('Name of the ConfigMap.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

export const secretVolumeSource = s.api('core.v1.SecretVolumeSource', 'Files from a Secret.', {
  defaultMode: s.int32('Permission bits of the files.', { pointer: true, default: 420 }),
  items: s.list(keyToPath, 'Keys to take and their paths; all when absent.', atomic),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
  secretName: s.string('Name of the Secret.'),
});

const downwardAPIVolumeFile = s.api('core.v1.DownwardAPIVolumeFile', 'A file with one fact about the pod.', {
  fieldRef: s.field(objectFieldSelector, 'A field of the pod.'),
  mode: s.int32('Permission bits of this file.', { pointer: true }),
  path: s.string('Relative path of the file.', mandatory),
  resourceFieldRef: s.field(resourceFieldSelector, 'A resource of a container.'),
});
export interface DownwardAPIVolumeFile extends TypeOf<typeof downwardAPIVolumeFile> {}

export const downwardAPIVolumeSource = s.api('core.v1.DownwardAPIVolumeSource', 'Files with facts about the pod.', {
  defaultMode: s.int32('Permission bits of the files.', { pointer: true, default: 420 }),
  items: s.list(downwardAPIVolumeFile, 'The files.', atomic),
});

const clusterTrustBundleProjection = s.api('core.v1.ClusterTrustBundleProjection', 'Trust anchors as a file.', {
  labelSelector: s.field(labelSelector, 'Labels of the bundles, with signerName.'),
  name: s.string('Name of one bundle.', { pointer: true }),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
  path: s.string('Relative path of the file.', mandatory),
  signerName: s.string('Signer of the bundles.', { pointer: true }),
});

const configMapProjection = s.api('core.v1.ConfigMapProjection', 'A ConfigMap in a projected volume.', {
  items: s.list(keyToPath, 'Keys to take and their paths; all when absent.', atomic),
  name: s.string('Name of the ConfigMap.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

const downwardAPIProjection = s.api('core.v1.DownwardAPIProjection', 'Facts about the pod in a projected volume.', {
  items: s.list(downwardAPIVolumeFile, 'The files.', atomic),
});

const certificateProjection = s.api('core.v1.PodCertificateProjection', 'A key and its certificate, kept fresh.', {
  certificateChainPath: s.string('File for the certificate chain.'),
  credentialBundlePath: s.string('File for key and chain together.'),
  keyPath: s.string('File for the private key.'),
  keyType: s.string('Kind of key to make.', { required: true }),
  maxExpirationSeconds: s.int32('Longest lifetime to ask for.', { pointer: true, default: 86400 }),
  signerName: s.string('Who signs.', { required: true }),
  userAnnotations: s.map(s.string(''), 'Extra facts for the signer.'),
});

const secretProjection = s.api('core.v1.SecretProjection', 'A Secret in a projected volume.', {
  items: s.list(keyToPath, 'Keys to take and their paths; all when absent.', atomic),
  name: s.string('Name of the Secret.'),
  optional: s.boolean('Start even if it is missing.', { pointer: true }),
});

const serviceAccountTokenProjection = s.api('core.v1.ServiceAccountTokenProjection', 'A token in a projected volume.', {
  audience: s.string('Audience of the token; the API server when empty.'),
  expirationSeconds: s.int64('Lifetime of the token.', { pointer: true, default: 3600 }),
  path: s.string('Relative path of the file.', mandatory),
});
export interface ServiceAccountTokenProjection extends TypeOf<typeof serviceAccountTokenProjection> {}

const volumeProjection = s.api('core.v1.VolumeProjection', 'One source of a projected volume; exactly one field.', {
  clusterTrustBundle: s.field(clusterTrustBundleProjection, 'Trust anchors of the cluster.'),
  configMap: s.field(configMapProjection, 'A ConfigMap.'),
  downwardAPI: s.field(downwardAPIProjection, 'Facts about the pod.'),
  podCertificate: s.field(certificateProjection, 'A key and certificate for the pod.'),
  secret: s.field(secretProjection, 'A Secret.'),
  serviceAccountToken: s.field(serviceAccountTokenProjection, "A token of the pod's service account."),
});
export interface VolumeProjection extends TypeOf<typeof volumeProjection> {}

export const projectedVolumeSource = s.api('core.v1.ProjectedVolumeSource', 'Several sources in one folder.', {
  defaultMode: s.int32('Permission bits of the files.', { pointer: true, default: 420 }),
  sources: s.list(volumeProjection, 'The sources.', { always: true, listType: 'atomic' }),
});
export interface ProjectedVolumeSource extends TypeOf<typeof projectedVolumeSource> {}
