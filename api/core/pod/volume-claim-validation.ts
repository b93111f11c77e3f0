// Validation of what a claim asks for, in a claim of its own or in the template of one.
// Upstream: ValidatePersistentVolumeClaimSpec in pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { isNegativeQuantity, isZeroQuantity } from '../../../machinery/quantity.ts';
import {
  validateDNSLabel,
  validateDNSSubdomain,
  validateLabelSelector,
  validateOptionalWord,
  validateWith,
} from '../../meta/checks.ts';
import { validateAnnotations, validateLabels } from '../../meta/validation.ts';
import type { TypedObjectReference } from '../object-reference.ts';
import type { PersistentVolumeClaimSpec, PersistentVolumeClaimTemplate } from './volume-claim.ts';

const accessModes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const volumeModes = ['Block', 'Filesystem'];

export function validateAccessModes(modes: readonly string[], path: string): FieldError[] {
  const errors = modes
    .filter((mode) => !accessModes.includes(mode))
    .map((mode) => notSupported(path, mode, accessModes));
  const others = modes.filter((mode) => mode !== 'ReadWriteOncePod' && accessModes.includes(mode));
  if (modes.includes('ReadWriteOncePod') && others.length > 0) {
    errors.push(forbidden(path, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

export function validatePositiveQuantity(amount: string, path: string): FieldError[] {
  const isPositive = !isNegativeQuantity(amount) && !isZeroQuantity(amount);
  return isPositive ? [] : [invalid(path, amount, 'must be greater than zero')];
}

export const validateVolumeMode = (mode: string | undefined, path: string) =>
  validateOptionalWord(mode, volumeModes, path);

export const validateClassName = (name: string | undefined, path: string): FieldError[] =>
  name ? validateDNSSubdomain(name, path) : [];

export function validateClaimSpec(spec: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const modes = spec.accessModes ?? [];
  const errors: FieldError[] =
    modes.length === 0 ? [required(`${path}.accessModes`, 'at least 1 access mode is required')] : [];
  append(errors, validateLabelSelector(spec.selector, `${path}.selector`));
  append(errors, validateAccessModes(modes, `${path}.accessModes`));
  const size = spec.resources?.requests?.storage;
  if (size === undefined) errors.push(required(`${path}.resources[storage]`));
  else append(errors, validatePositiveQuantity(size, `${path}.resources[storage]`));
  append(errors, validateClassName(spec.storageClassName, `${path}.storageClassName`));
  append(errors, validateVolumeMode(spec.volumeMode, `${path}.volumeMode`));
  append(errors, validateDataSources(spec, path));
  append(errors, validateClassName(spec.volumeAttributesClassName, `${path}.volumeAttributesClassName`));
  return errors;
}

function validateDataSources({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (dataSource) append(errors, validateDataSource(dataSource, `${path}.dataSource`));
  if (dataSourceRef) {
    append(errors, validateDataSource(dataSourceRef, `${path}.dataSourceRef`));
    const { namespace } = dataSourceRef;
    if (namespace) append(errors, validateDNSLabel(namespace, `${path}.dataSourceRef.namespace`));
  }
  if (!dataSource || !dataSourceRef) return errors;
  // Upstream shows the path where it means the value.
  if (dataSourceRef.namespace) {
    const detail = 'may not be specified when dataSourceRef.namespace is specified';
    errors.push(invalid(path, `${path}.dataSource`, detail));
  } else if (!isSameSource(dataSource, dataSourceRef)) {
    errors.push(invalid(path, `${path}.dataSource`, 'must match dataSourceRef'));
  }
  return errors;
}

const isSameSource = (a: TypedObjectReference, b: TypedObjectReference) =>
  a.apiGroup === b.apiGroup && a.kind === b.kind && a.name === b.name;

function validateDataSource({ apiGroup, kind, name }: TypedObjectReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!name) errors.push(required(`${path}.name`));
  if (!kind) errors.push(required(`${path}.kind`));
  if (!apiGroup && kind !== 'PersistentVolumeClaim') {
    errors.push(invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"));
  }
  if (apiGroup) append(errors, validateWith(checkDNS1123Subdomain, apiGroup, `${path}.apiGroup`));
  return errors;
}

/** The template of an ephemeral volume: of its metadata only labels and annotations can be set. */
export function validateClaimTemplate({ metadata, spec }: PersistentVolumeClaimTemplate, path: string): FieldError[] {
  const at = `${path}.metadata`;
  const errors = validateAnnotations(metadata?.annotations, `${at}.annotations`);
  append(errors, validateLabels(metadata?.labels, `${at}.labels`));
  for (const field of Object.keys(metadata ?? {})) {
    if (field === 'labels' || field === 'annotations') continue;
    errors.push(forbidden(`${at}.${field}`, 'cannot be set'));
  }
  append(errors, validateClaimSpec(spec, `${path}.spec`));
  return errors;
}
