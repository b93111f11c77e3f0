// Validation of paths below a folder: of volumes, of profiles of a node. Upstream: ValidateLocalNonReservedPath and its parts.
import { type FieldError, invalid } from '../../../machinery/field-error.ts';

export function validateNoBacksteps(value: string, path: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

/** A relative path that does not lead out. */
export function validateDescendingPath(value: string, path: string): FieldError[] {
  return [
    ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
    ...validateNoBacksteps(value, path),
  ];
}

/** A path below the volume that leaves the names starting with two dots to the kubelet. */
export function validateFilePath(value: string, path: string): FieldError[] {
  const isReserved = value.startsWith('..') && !value.startsWith('../');
  return [
    ...validateDescendingPath(value, path),
    ...(isReserved ? [invalid(path, value, "must not start with '..'")] : []),
  ];
}
