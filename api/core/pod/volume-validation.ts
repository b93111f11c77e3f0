// Validation of volumes and their sources. Upstream: pkg/apis/core/validation.
import { duplicate, type FieldError, forbidden, invalid, notFound, required } from '../../../machinery/field-error.ts';
import { isNegativeQuantity } from '../../../machinery/quantity.ts';
import type { ObjectSchema } from '../../../machinery/schema.ts';
import { validateDNSLabel, validateOptionalWord, validateRequired } from '../../meta/checks.ts';
import type { Container } from './container.ts';
import { validateFileItems, validateMode, validateProjected } from './file-volume-validation.ts';
import { type Volume, volume as volumeSchema } from './volume.ts';
import { validateClaimTemplate } from './volume-claim-validation.ts';

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export const stepsBack = (path: string) => path.split('/').includes('..');

/** Rules of single sources beyond their required fields. */
const sourceValidators: Partial<Record<keyof Volume, (source: any, path: string) => FieldError[]>> = {
  emptyDir: (source: NonNullable<Volume['emptyDir']>, path) =>
    source.sizeLimit !== undefined && isNegativeQuantity(source.sizeLimit)
      ? [forbidden(`${path}.sizeLimit`, 'SizeLimit field must be a valid resource quantity')]
      : [],
  hostPath: validateHostPath,
  nfs: validateNFS,
  secret: (source: NonNullable<Volume['secret']>, path) => [
    ...validateRequired(source.secretName, `${path}.secretName`),
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...validateFileItems(source.items ?? [], `${path}.items`),
  ],
  configMap: (source: NonNullable<Volume['configMap']>, path) => [
    ...validateRequired(source.name, `${path}.name`),
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...validateFileItems(source.items ?? [], `${path}.items`),
  ],
  downwardAPI: (source: NonNullable<Volume['downwardAPI']>, path) => [
    ...validateMode(source.defaultMode, `${path}.defaultMode`),
    ...validateFileItems(source.items ?? [], path),
  ],
  projected: validateProjected,
  image: (source: NonNullable<Volume['image']>, path) => [
    ...validateRequired(source.reference, `${path}.reference`),
    ...validateOptionalWord(source.pullPolicy, ['Always', 'IfNotPresent', 'Never'], `${path}.pullPolicy`),
  ],
  ephemeral: (source: NonNullable<Volume['ephemeral']>, path) =>
    source.volumeClaimTemplate
      ? validateClaimTemplate(source.volumeClaimTemplate, `${path}.volumeClaimTemplate`)
      : [required(`${path}.volumeClaimTemplate`)],
};

export function validateHostPath(source: NonNullable<Volume['hostPath']>, path: string): FieldError[] {
  return [
    ...(stepsBack(source.path) ? [invalid(`${path}.path`, source.path, "must not contain '..'")] : []),
    ...validateOptionalWord(source.type, hostPathTypes, `${path}.type`),
  ];
}

export function validateNFS(source: NonNullable<Volume['nfs']>, path: string): FieldError[] {
  const isFine = !source.path || source.path.startsWith('/');
  return isFine ? [] : [invalid(`${path}.path`, source.path, 'must be an absolute path')];
}

/** Strings and lists that the published schema of a source requires. */
export function validateRequiredFields(schema: ObjectSchema, source: object, path: string): FieldError[] {
  return Object.entries(schema.fields).flatMap(([field, { required: isRequired, type }]) => {
    if (!isRequired) return [];
    const value = (source as Record<string, unknown>)[field];
    const isMissing = type === 'list' ? !(value as unknown[] | null)?.length : value === undefined || value === '';
    return isMissing ? [required(`${path}.${field}`)] : [];
  });
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  for (const [name, source] of Object.entries(volume)) {
    if (name === 'name' || source === undefined || !volumeSchema.fields[name]) continue;
    const at = `${path}.${name}`;
    if (found++ > 0) {
      errors.push(forbidden(at, 'may not specify more than 1 volume type'));
      continue;
    }
    errors.push(...validateRequiredFields(volumeSchema.fields[name] as ObjectSchema, source as object, at));
    errors.push(...(sourceValidators[name as keyof Volume]?.(source, at) ?? []));
  }
  if (found === 0) errors.push(required(path, 'must specify a volume type'));
  return errors;
}

export function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [i, volume] of volumes.entries()) {
    const at = `${path}[${i}]`;
    errors.push(...validateSource(volume, at));
    if (!volume.name) errors.push(required(`${at}.name`));
    else {
      errors.push(...validateDNSLabel(volume.name, `${at}.name`));
      if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
    }
    names.add(volume.name);
  }
  return errors;
}

const propagations = ['Bidirectional', 'HostToContainer', 'None'];

function validateRelativePath(value: string, path: string): FieldError[] {
  if (value.startsWith('/')) return [invalid(path, value, 'must be a relative path')];
  return stepsBack(value) ? [invalid(path, value, "must not contain '..'")] : [];
}

/** Mounts of a container into its file system, and its block devices. */
export function validateMounts(container: Container, volumes: readonly Volume[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const byName = new Map(volumes.map((volume) => [volume.name, volume]));
  const mounts = container.volumeMounts ?? [];
  const devices = container.volumeDevices ?? [];
  const paths = new Set<string>();
  const deviceNames = new Set(devices.map(({ name }) => name));
  const devicePaths = new Set(devices.map(({ devicePath }) => devicePath));
  for (const [i, mount] of mounts.entries()) {
    const at = `${path}.volumeMounts[${i}]`;
    if (!mount.name) errors.push(required(`${at}.name`));
    if (!byName.has(mount.name)) errors.push(notFound(`${at}.name`, mount.name));
    if (!mount.mountPath) errors.push(required(`${at}.mountPath`));
    if (paths.has(mount.mountPath)) errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    paths.add(mount.mountPath);
    if (deviceNames.has(mount.name)) {
      errors.push(invalid(`${at}.name`, mount.name, 'must not already exist in volumeDevices'));
    }
    if (devicePaths.has(mount.mountPath)) {
      errors.push(invalid(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'));
    }
    if (mount.subPath) errors.push(...validateRelativePath(mount.subPath, `${at}.subPath`));
    if (mount.subPathExpr) {
      if (mount.subPath) {
        errors.push(invalid(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
      }
      errors.push(...validateRelativePath(mount.subPathExpr, `${at}.subPathExpr`));
    }
    errors.push(...validateOptionalWord(mount.mountPropagation, propagations, `${at}.mountPropagation`));
    if (mount.mountPropagation === 'Bidirectional' && !container.securityContext?.privileged) {
      const detail = 'Bidirectional mount propagation is available only to privileged containers';
      errors.push(forbidden(`${at}.mountPropagation`, detail));
    }
    errors.push(...validateRecursiveReadOnly(mount, at));
  }
  errors.push(...validateDevices(container, byName, `${path}.volumeDevices`));
  return errors;
}

function validateRecursiveReadOnly(mount: NonNullable<Container['volumeMounts']>[number], path: string): FieldError[] {
  const { recursiveReadOnly } = mount;
  const at = `${path}.recursiveReadOnly`;
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return [];
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') {
    return validateOptionalWord(recursiveReadOnly, ['Disabled', 'IfPossible', 'Enabled'], at);
  }
  if (!mount.readOnly) return [forbidden(at, 'may only be specified when readOnly is true')];
  if (mount.mountPropagation && mount.mountPropagation !== 'None') {
    return [forbidden(at, 'may only be specified when mountPropagation is None or not specified')];
  }
  return [];
}

function validateDevices(container: Container, volumes: ReadonlyMap<string, Volume>, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = { names: new Set<string>(), paths: new Set<string>() };
  for (const [i, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
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
    else if (devicePath)
      errors.push(...(stepsBack(devicePath) ? [invalid(`${at}.devicePath`, devicePath, "must not contain '..'")] : []));
    seen.names.add(name);
    seen.paths.add(devicePath);
  }
  return errors;
}
