// Validation of volumes made of files: their paths, modes and sources. Upstream: pkg/apis/core/validation.
import { type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { validateRequired } from '../../meta/checks.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './env-validation.ts';
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, VolumeProjection } from './file-volumes.ts';

const modeText = 'must be a number between 0 and 0777 (octal), both inclusive';

export function validateMode(mode: number | undefined, path: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, modeText)] : [];
}

/** A path below the volume that leaves the names starting with two dots to the kubelet. */
function validateFilePath(value: string, path: string): FieldError[] {
  if (value.startsWith('/')) return [invalid(path, value, 'must be a relative path')];
  if (value.split('/').includes('..')) return [invalid(path, value, "must not contain '..'")];
  return value.startsWith('..') ? [invalid(path, value, "must not start with '..'")] : [];
}

type FileItem = KeyToPath | DownwardAPIVolumeFile;

export function validateFileItems(items: readonly FileItem[], path: string): FieldError[] {
  return items.flatMap((item, i) => {
    const at = path.endsWith('items') ? `${path}[${i}]` : path;
    const errors = 'key' in item ? validateRequired(item.key, `${at}.key`) : [];
    if (!item.path) errors.push(required(`${at}.path`));
    else errors.push(...validateFilePath(item.path, `${at}.path`));
    if (!('key' in item)) errors.push(...validateFileSource(item, at));
    errors.push(...validateMode(item.mode, `${at}.mode`));
    return errors;
  });
}

function validateFileSource(item: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (item.fieldRef) {
    errors.push(...validateFieldRef(item.fieldRef, volumeFieldPaths, `${path}.fieldRef`));
    if (item.resourceFieldRef) {
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      errors.push(invalid(path, 'resource', detail));
    }
  } else if (item.resourceFieldRef) {
    errors.push(...validateResourceFieldRef(item.resourceFieldRef, `${path}.resourceFieldRef`, true));
  } else {
    errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  }
  return errors;
}

const minTokenSeconds = 600;
const maxTokenSeconds = 2 ** 32;

const projectionValidators: Record<keyof VolumeProjection, (source: any, path: string) => FieldError[]> = {
  secret: (source, path) => [
    ...validateRequired(source.name, `${path}.name`),
    ...validateFileItems(source.items ?? [], `${path}.items`),
  ],
  configMap: (source, path) => [
    ...validateRequired(source.name, `${path}.name`),
    ...validateFileItems(source.items ?? [], `${path}.items`),
  ],
  downwardAPI: (source, path) => validateFileItems(source.items ?? [], path),
  serviceAccountToken: (source, path) => {
    const errors: FieldError[] = [];
    const seconds = source.expirationSeconds;
    const at = `${path}.expirationSeconds`;
    if (seconds < minTokenSeconds) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
    if (seconds > maxTokenSeconds) {
      errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
    }
    return [...errors, ...validateRequired(source.path, `${path}.path`)];
  },
  clusterTrustBundle: (source, path) => {
    const errors = validateRequired(source.path, `${path}.path`);
    if (!source.name && !source.signerName) {
      errors.push(required(path, 'either name or signerName must be specified'));
    } else if (source.name && source.signerName) {
      errors.push(invalid(path, source, 'only one of name and signerName may be used'));
    }
    return errors;
  },
  podCertificate: (source, path) => [
    ...validateRequired(source.signerName, `${path}.signerName`),
    ...validateRequired(source.keyType, `${path}.keyType`),
  ],
};

export function validateProjected(volume: ProjectedVolumeSource, path: string): FieldError[] {
  const errors = validateMode(volume.defaultMode, `${path}.defaultMode`);
  const paths = new Set<string>();
  for (const [i, source] of (volume.sources ?? []).entries()) {
    const at = `${path}.sources[${i}]`;
    let found = 0;
    for (const [name, validate] of Object.entries(projectionValidators)) {
      const projection = source[name as keyof VolumeProjection];
      if (!projection) continue;
      if (found++ > 0) errors.push(forbidden(`${at}.${name}`, 'may not specify more than 1 volume type'));
      else errors.push(...validate(projection, `${at}.${name}`));
    }
    if (found === 0) errors.push(required(at, 'must specify a volume type'));
    for (const file of filePathsOf(source)) {
      if (paths.has(file)) errors.push(invalid(at, file, 'conflicting duplicate paths'));
      paths.add(file);
    }
  }
  return errors;
}

function filePathsOf(source: VolumeProjection): string[] {
  const items: { path: string }[] = [
    ...(source.secret?.items ?? []),
    ...(source.configMap?.items ?? []),
    ...(source.downwardAPI?.items ?? []),
  ];
  const single = [source.serviceAccountToken?.path, source.clusterTrustBundle?.path];
  return [...items.map((item) => item.path), ...single].filter((file): file is string => Boolean(file));
}
