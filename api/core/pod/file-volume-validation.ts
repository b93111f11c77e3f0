// Validation of volumes made of files: their paths, modes and sources. Upstream: pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { validateLabelSelector, validateRequired } from '../../meta/checks.ts';
import { validateFieldRef, validateResourceFieldRef, volumeFieldPaths } from './env-validation.ts';
import type { DownwardAPIVolumeFile, KeyToPath, ProjectedVolumeSource, VolumeProjection } from './file-volumes.ts';
import { validateFilePath } from './path-validation.ts';

const modeText = 'must be a number between 0 and 0777 (octal), both inclusive';

export function validateMode(mode: number | undefined, path: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > 0o777) ? [invalid(path, mode, modeText)] : [];
}

export type FileItem = KeyToPath | DownwardAPIVolumeFile;

/** Keys of a Secret or a ConfigMap, each with its index, or facts about the pod, which have none upstream. */
export function validateFileItems(items: readonly FileItem[], path: string): FieldError[] {
  return items.flatMap((item, i) => {
    const at = 'key' in item ? `${path}.items[${i}]` : path;
    const errors = 'key' in item ? validateRequired(item.key, `${at}.key`) : [];
    if (!item.path) errors.push(required(`${at}.path`));
    append(errors, validateFilePath(item.path, `${at}.path`));
    if (!('key' in item)) append(errors, validateFileSource(item, at));
    append(errors, validateMode(item.mode, `${at}.mode`));
    return errors;
  });
}

function validateFileSource(item: DownwardAPIVolumeFile, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (item.fieldRef) {
    append(errors, validateFieldRef(item.fieldRef, volumeFieldPaths, `${path}.fieldRef`));
    if (item.resourceFieldRef) {
      const detail = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      errors.push(invalid(path, 'resource', detail));
    }
  } else if (item.resourceFieldRef) {
    append(errors, validateResourceFieldRef(item.resourceFieldRef, `${path}.resourceFieldRef`, true));
  } else {
    errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  }
  return errors;
}

const minTokenSeconds = 600;
const maxTokenSeconds = 2 ** 32;

/** A file of a projected volume, and what upstream shows where another has its path. */
interface ProjectedFile {
  path: string;
  shown: string;
}

type ProjectionValidator = (source: any, path: string, volumePath: string, files: ProjectedFile[]) => FieldError[];

const validateKeys: ProjectionValidator = ({ name, items = [] }, path, _, files) => {
  for (const item of items) files.push({ path: item.path, shown: name ?? '' });
  return [...validateRequired(name, `${path}.name`), ...validateFileItems(items, path)];
};

const validateOwnPath = (path: string, at: string, files: ProjectedFile[]) => {
  files.push({ path, shown: path });
  return validateFilePath(path, at);
};

const projectionValidators: Record<keyof VolumeProjection, ProjectionValidator> = {
  secret: validateKeys,
  configMap: validateKeys,
  downwardAPI: ({ items = [] }, path, _, files) => {
    for (const item of items) files.push({ path: item.path, shown: item.path });
    return validateFileItems(items, path);
  },
  serviceAccountToken: ({ expirationSeconds: seconds, path: file }, path, volumePath) => {
    const errors: FieldError[] = [];
    const at = `${path}.expirationSeconds`;
    if (seconds < minTokenSeconds) errors.push(invalid(at, seconds, 'may not specify a duration less than 10 minutes'));
    if (seconds > maxTokenSeconds) {
      errors.push(invalid(at, seconds, 'may not specify a duration larger than 2^32 seconds'));
    }
    if (!file) errors.push(required(`${volumePath}.path`));
    return [...errors, ...validateFilePath(file, `${volumePath}.path`)];
  },
  clusterTrustBundle: (source, path, _, files) => {
    const { name, signerName, labelSelector } = source;
    const errors: FieldError[] = [];
    if (name !== undefined && signerName !== undefined) {
      errors.push(invalid(path, source, 'only one of name and signerName may be used'));
    } else if (name !== undefined) {
      if (!name) errors.push(required(`${path}.name`, 'must be a valid object name'));
      const detail = 'labelSelector must be unset if name is specified';
      if (labelSelector) errors.push(invalid(`${path}.labelSelector`, labelSelector, detail));
    } else if (signerName !== undefined) {
      if (!signerName) errors.push(required(`${path}.signerName`, 'must be a valid signer name'));
      append(errors, validateLabelSelector(labelSelector, `${path}.labelSelector`));
    } else {
      errors.push(required(path, 'either name or signerName must be specified'));
    }
    append(errors, validateRequired(source.path, `${path}.path`));
    return [...errors, ...validateOwnPath(source.path, `${path}.path`, files)];
  },
  podCertificate: (source, path, _, files) => [
    ...validateRequired(source.signerName, `${path}.signerName`),
    ...validateRequired(source.keyType, `${path}.keyType`),
    ...(['credentialBundlePath', 'keyPath', 'certificateChainPath'] as const).flatMap((field) =>
      source[field] ? validateOwnPath(source[field], `${path}.${field}`, files) : [],
    ),
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
      found++;
      const files: ProjectedFile[] = [];
      append(errors, validate(projection, `${at}.${name}`, path, files));
      for (const file of files) {
        if (file.path && paths.has(file.path)) errors.push(invalid(path, file.shown, 'conflicting duplicate paths'));
        paths.add(file.path);
      }
    }
    if (found > 1) errors.push(forbidden(at, 'may not specify more than 1 volume type per source'));
  }
  return errors;
}
