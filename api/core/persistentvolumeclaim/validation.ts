// Validation of claims. Upstream: ValidatePersistentVolumeClaim in pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import { compareQuantities, isNegativeQuantity, quantityValue } from '../../../machinery/quantity.ts';
import { validateQualifiedName } from '../../meta/checks.ts';
import { immutableText, negativeText, validateImmutable } from '../../meta/validation.ts';
import { diffInternal } from '../pod/spec-diff.ts';
import { type PersistentVolumeClaimSpec, persistentVolumeClaimSpec } from '../pod/volume-claim.ts';
import { validateClaimSpec } from '../pod/volume-claim-validation.ts';
import type { PersistentVolumeClaim } from './schema.ts';
import { resizeStatuses } from './schema.ts';

export const betaStorageClassAnnotation = 'volume.beta.kubernetes.io/storage-class';

export const validateClaim = ({ spec }: PersistentVolumeClaim): FieldError[] => validateClaimSpec(spec, 'spec');

const sizeOf = (spec: PersistentVolumeClaimSpec) => spec.resources?.requests?.storage;

/** A claim stays as it is, but for the volume it is bound to and, once it is bound, its size and attributes. */
export function validateClaimUpdate(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const errors = validateStorageClassAnnotation(next, old);
  const kept = keptSpec(next, old);
  const before = { ...old.spec, ...(old.spec.volumeName ? {} : pick(next.spec, 'volumeName')) };
  if (!jsonEqual(kept, before)) {
    const head =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbidden('spec', `${head}\n${diffInternal(persistentVolumeClaimSpec, before, kept)}`));
  }
  // A resize that failed may be taken back, but never below what is there already.
  const size = sizeOf(next.spec);
  const capacity = old.status?.capacity?.storage;
  if (compareQuantities(size, sizeOf(old.spec)) < 0 && compareQuantities(size, capacity) <= 0) {
    errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
  }
  append(errors, validateImmutable(next.spec.volumeMode, old.spec.volumeMode, 'volumeMode'));
  const [nextClass, oldClass] = [next.spec.volumeAttributesClassName, old.spec.volumeAttributesClassName];
  if (oldClass !== undefined && nextClass !== oldClass && !nextClass) {
    const to = nextClass === undefined ? 'nil' : 'an empty string';
    errors.push(forbidden('spec.volumeAttributesClassName', `update from non-nil value to ${to} is forbidden`));
  }
  return errors;
}

function pick<T extends object, K extends keyof T>(from: T, key: K): Partial<T> {
  return key in from ? ({ [key]: from[key] } as unknown as Partial<T>) : {};
}

/** The new spec with what may change put back. */
function keptSpec(next: PersistentVolumeClaim, old: PersistentVolumeClaim): PersistentVolumeClaimSpec {
  const kept = cloneJson(next.spec);
  if (takesClassFromAnnotation(next, old)) delete kept.storageClassName;
  else if (takesFirstClass(next, old)) delete kept.storageClassName;
  if (next.status?.phase !== 'Bound') return kept;
  const size = sizeOf(old.spec);
  if (kept.resources?.requests && size !== undefined) kept.resources.requests.storage = size;
  if (kept.volumeAttributesClassName !== undefined) {
    if (old.spec.volumeAttributesClassName === undefined) delete kept.volumeAttributesClassName;
    else kept.volumeAttributesClassName = old.spec.volumeAttributesClassName;
  }
  return kept;
}

const classAnnotationOf = (claim: PersistentVolumeClaim) => claim.metadata.annotations?.[betaStorageClassAnnotation];

/** The class moves from the annotation of old into its field. */
function takesClassFromAnnotation(next: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const annotated = classAnnotationOf(old);
  if (annotated === undefined || old.spec.storageClassName !== undefined) return false;
  return next.spec.storageClassName === annotated && (classAnnotationOf(next) ?? annotated) === annotated;
}

/** A claim that names no class gets one later: the default class of the cluster. */
function takesFirstClass(next: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const wanted = next.spec.storageClassName;
  const annotated = classAnnotationOf(old);
  return wanted !== undefined && old.spec.storageClassName === undefined && (annotated ?? wanted) === wanted;
}

function validateStorageClassAnnotation(next: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  if (takesClassFromAnnotation(next, old)) return [];
  const [now = '', before = ''] = [classAnnotationOf(next), classAnnotationOf(old)];
  if (now === before) return [];
  return [invalid(`metadata.annotations[${betaStorageClassAnnotation}]`, now, immutableText)];
}

const statusWords: readonly string[] = [...resizeStatuses].sort();

export function validateClaimStatus({ status, spec }: PersistentVolumeClaim): FieldError[] {
  const errors = (spec.accessModes ?? []).length > 0 ? [] : [required('Spec.accessModes')];
  for (const [name, amount] of Object.entries(status?.capacity ?? {})) {
    append(errors, validateAmount(amount, `status.capacity[${name}]`));
  }
  const statusPath = 'status.allocatedResourceStatus';
  for (const [name, value] of Object.entries(status?.allocatedResourceStatuses ?? {})) {
    append(errors, validateResourceKey(name, statusPath));
    // Upstream shows the resource, not the word that it does not know.
    if (!statusWords.includes(value)) errors.push(notSupported(statusPath, name, statusWords));
  }
  for (const [name, amount] of Object.entries(status?.allocatedResources ?? {})) {
    const path = 'status.allocatedResources';
    const wrongKey = validateResourceKey(name, path);
    append(errors, wrongKey.length > 0 ? wrongKey : validateAmount(amount, `${path}[${name}]`));
  }
  return errors;
}

/** Of the cluster's own resources only storage; others carry a domain. */
function validateResourceKey(name: string, path: string): FieldError[] {
  const errors = validateQualifiedName(name, path);
  if (errors.length > 0) return errors;
  const isNative = !name.includes('/') || /(^|\.)kubernetes\.io\//.test(name);
  return isNative && name !== 'storage' ? [notSupported(path, name, ['storage'])] : [];
}

function validateAmount(amount: string, path: string): FieldError[] {
  if (!isNegativeQuantity(amount)) return [];
  const isWhole = quantityValue(amount) < 0;
  return [
    invalid(
      path,
      isWhole ? quantityValue(amount) : amount,
      isWhole ? 'must be a valid resource quantity' : negativeText,
    ),
  ];
}
