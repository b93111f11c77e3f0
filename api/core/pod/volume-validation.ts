// Validation of volumes and their sources. Upstream: pkg/apis/core/validation.
import {
  append,
  duplicate,
  type FieldError,
  forbidden,
  invalid,
  notFound,
  required,
} from '../../../machinery/field-error.ts';
import { checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { isNegativeQuantity } from '../../../machinery/quantity.ts';
import { validateDNSLabel, validateOptionalWord, validateRequired } from '../../meta/checks.ts';
import type { Container, VolumeMount } from './container.ts';
import { diskValidators, type SourceValidator, validateOneSource } from './disk-volume-validation.ts';
import { type FileItem, validateFileItems, validateMode, validateProjected } from './file-volume-validation.ts';
import { validateDescendingPath, validateNoBacksteps } from './path-validation.ts';
import { type Volume, volume as volumeSchema } from './volume.ts';
import { validateClaimTemplate } from './volume-claim-validation.ts';

/** In the order in which they are looked at. */
const sourceValidators: ReadonlyMap<string, SourceValidator | undefined> = new Map(
  Object.entries({
    emptyDir: ({ sizeLimit }, path) =>
      sizeLimit !== undefined && isNegativeQuantity(sizeLimit)
        ? [forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
        : [],
    ...pick('hostPath gitRepo gcePersistentDisk awsElasticBlockStore'),
    secret: (source: NonNullable<Volume['secret']>, path) => [
      ...validateRequired(source.secretName, `${path}.secretName`),
      ...validateFiles(source, path),
    ],
    ...pick('nfs iscsi glusterfs flocker persistentVolumeClaim rbd cinder cephfs quobyte'),
    downwardAPI: validateFiles,
    ...pick('fc flexVolume'),
    configMap: (source: NonNullable<Volume['configMap']>, path) => [
      ...validateRequired(source.name, `${path}.name`),
      ...validateFiles(source, path),
    ],
    ...pick('azureFile vsphereVolume photonPersistentDisk portworxVolume azureDisk storageos'),
    projected: validateProjected,
    ...pick('scaleIO csi'),
    ephemeral: ({ volumeClaimTemplate: template }: NonNullable<Volume['ephemeral']>, path) => {
      const at = `${path}.volumeClaimTemplate`;
      return template ? validateClaimTemplate(template, at) : [required(at)];
    },
    image: (source: NonNullable<Volume['image']>, path) => [
      ...validateRequired(source.reference, `${path}.reference`),
      ...validateOptionalWord(source.pullPolicy, ['Always', 'IfNotPresent', 'Never'], `${path}.pullPolicy`),
    ],
  } satisfies Record<string, SourceValidator | undefined>),
);

function pick(names: string): Record<string, SourceValidator | undefined> {
  return Object.fromEntries(names.split(' ').map((name) => [name, diskValidators[name]]));
}

function validateFiles(source: { defaultMode?: number; items?: FileItem[] }, path: string): FieldError[] {
  return [...validateMode(source.defaultMode, `${path}.defaultMode`), ...validateFileItems(source.items ?? [], path)];
}

/**
 * Volumes of a pod, which is called `podName` if it has a name already. Mounts can be of the good ones alone, which are
 * added to `good`.
 */
export function validateVolumes(
  volumes: readonly Volume[],
  path: string,
  good: Map<string, Volume>,
  podName: string | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const claimOf = (name: string) => `${podName}-${name}`;
  const made = new Set(podName ? volumes.filter((v) => v.ephemeral).map(({ name }) => claimOf(name)) : []);
  for (const [i, volume] of volumes.entries()) {
    const { name } = volume;
    const at = `${path}[${i}]`;
    const place = { name, isPersistent: false };
    const own = validateOneSource(volume, sourceValidators, volumeSchema.fields, at, place);
    if (volume.ephemeral && podName && name) {
      for (const complaint of checkDNS1123Subdomain(claimOf(name))) {
        own.push(invalid(`${at}.name`, name, `PVC name ${JSON.stringify(claimOf(name))}: ${complaint}`));
      }
    }
    append(own, name ? validateDNSLabel(name, `${at}.name`) : [required(`${at}.name`)]);
    if (good.has(name)) own.push(duplicate(`${at}.name`, name));
    if (own.length === 0) good.set(name, volume);
    append(errors, own);
    const claimName = volume.persistentVolumeClaim?.claimName ?? '';
    if (!made.has(claimName)) continue;
    const detail = 'must not reference a PVC that gets created for an ephemeral volume';
    errors.push(invalid(`${at}.persistentVolumeClaim.claimName`, claimName, detail));
  }
  return errors;
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

/** Mounts of a container into its file system, and its block devices. The settings of a mount have no index upstream. */
export function validateMounts(
  { volumeMounts: mounts = [], volumeDevices: devices = [], securityContext }: Container,
  volumes: ReadonlyMap<string, Volume>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const all = `${path}.volumeMounts`;
  const paths = new Set<string>();
  const deviceNames = new Set(devices.map(({ name }) => name));
  const devicePaths = new Set(devices.map(({ devicePath }) => devicePath));
  for (const [i, mount] of mounts.entries()) {
    const { name, mountPath, subPath, subPathExpr, mountPropagation } = mount;
    const at = `${all}[${i}]`;
    if (!name) errors.push(required(`${at}.name`));
    if (!volumes.has(name)) errors.push(notFound(`${at}.name`, name));
    if (!mountPath) errors.push(required(`${at}.mountPath`));
    if (paths.has(mountPath)) errors.push(invalid(`${at}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
    if (deviceNames.has(name)) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeDevices'));
    if (devicePaths.has(mountPath)) {
      errors.push(invalid(`${at}.mountPath`, mountPath, 'must not already exist as a path in volumeDevices'));
    }
    if (subPath) append(errors, validateDescendingPath(subPath, `${all}.subPath`));
    if (subPathExpr) {
      if (subPath) {
        errors.push(invalid(`${at}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
      }
      append(errors, validateDescendingPath(subPathExpr, `${all}.subPathExpr`));
    }
    append(errors, validateOptionalWord(mountPropagation, propagations, `${all}.mountPropagation`));
    if (mountPropagation === 'Bidirectional' && !securityContext?.privileged) {
      const detail = 'Bidirectional mount propagation is available only to privileged containers';
      errors.push(forbidden(`${all}.mountPropagation`, detail));
    }
    append(errors, validateRecursiveReadOnly(mount, `${all}.recursiveReadOnly`));
  }
  const mountNames = new Set(mounts.map(({ name }) => name));
  return [...errors, ...validateDevices(devices, { names: mountNames, paths }, volumes, `${path}.volumeDevices`)];
}

function validateRecursiveReadOnly(mount: VolumeMount, path: string): FieldError[] {
  const { recursiveReadOnly, mountPropagation, readOnly } = mount;
  const errors = validateOptionalWord(recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible'], path);
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') return errors;
  if (!readOnly) errors.push(forbidden(path, 'may only be specified when readOnly is true'));
  if (mountPropagation && mountPropagation !== 'None') {
    errors.push(forbidden(path, 'may only be specified when mountPropagation is None or not specified'));
  }
  return errors;
}

function validateDevices(
  devices: NonNullable<Container['volumeDevices']>,
  mounted: { names: ReadonlySet<string>; paths: ReadonlySet<string> },
  volumes: ReadonlyMap<string, Volume>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = { names: new Set<string>(), paths: new Set<string>() };
  for (const [i, { name, devicePath }] of devices.entries()) {
    const at = `${path}[${i}]`;
    const volume = volumes.get(name);
    if (!name) errors.push(required(`${at}.name`));
    if (seen.names.has(name)) errors.push(invalid(`${at}.name`, name, 'must be unique'));
    if (!volume) errors.push(notFound(`${at}.name`, name));
    else if (!volume.persistentVolumeClaim && !volume.ephemeral) {
      const detail = 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode';
      errors.push(invalid(`${at}.name`, name, detail));
    }
    if (!devicePath) errors.push(required(`${at}.devicePath`));
    if (seen.paths.has(devicePath)) errors.push(invalid(`${at}.devicePath`, devicePath, 'must be unique'));
    if (validateNoBacksteps(devicePath, at).length > 0) {
      errors.push(invalid(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    } else seen.paths.add(devicePath);
    if (mounted.names.has(name)) errors.push(invalid(`${at}.name`, name, 'must not already exist in volumeMounts'));
    if (mounted.paths.has(devicePath)) {
      errors.push(invalid(`${at}.devicePath`, devicePath, 'must not already exist as a path in volumeMounts'));
    }
    if (name) seen.names.add(name);
  }
  return errors;
}
