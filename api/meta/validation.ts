// Validation of object metadata, the same for every kind; the generic server runs it on create and update.
// Kinds call parts of it for the metadata of their templates. Upstream: apimachinery's api/validation/objectmeta.go.
import { append, type FieldError, forbidden, invalid, required, tooLong } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { Labels } from '../../machinery/labels.ts';
import type { ObjectMeta, OwnerReference } from '../../machinery/metadata.ts';
import {
  byteLength,
  checkDNS1123Label,
  checkDNS1123Subdomain,
  checkLabelValue,
  checkQualifiedName,
} from '../../machinery/name-rules.ts';
import { checkIP } from './addresses.ts';

type NameRule = 'subdomain' | 'label' | 'path' | 'ip';

export const annotationsMaxBytes = 256 * 1024;

export const immutableText = 'field is immutable';
export const negativeText = 'must be greater than or equal to 0';

/** What is wrong with a name under a rule. */
export function checkName(name: string, rule: NameRule): string[] {
  switch (rule) {
    case 'subdomain':
      return checkDNS1123Subdomain(name);
    case 'label':
      return checkDNS1123Label(name);
    case 'path':
      return checkPathSegment(name);
    case 'ip':
      return checkIP(name);
  }
}

/** Anything that fits between two slashes of a URL: names of RBAC, and of objects whose kind is not known. */
export function checkPathSegment(name: string): string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** A part of a path, as names of objects are. */
export const validatePathSegment = (value: string, path: string): FieldError[] =>
  checkName(value, 'path').map((complaint) => invalid(path, value, complaint));

/** The server appends to a generateName, so one that ends in a dash is fine. */
export function checkNamePrefix(prefix: string, rule: NameRule): string[] {
  return checkName(prefix.endsWith('-') && prefix.length > 1 ? `${prefix.slice(0, -1)}a` : prefix, rule);
}

export function validateObjectMeta(
  meta: ObjectMeta,
  rules: { namespaced: boolean; nameRule: NameRule },
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (meta.generateName) {
    for (const complaint of checkNamePrefix(meta.generateName, rules.nameRule)) {
      errors.push(invalid(`${path}.generateName`, meta.generateName, complaint));
    }
  }
  if (!meta.name) errors.push(required(`${path}.name`, 'name or generateName is required'));
  else {
    for (const complaint of checkName(meta.name, rules.nameRule)) {
      errors.push(invalid(`${path}.name`, meta.name, complaint));
    }
  }
  append(errors, validateNamespaceOf(meta, rules.namespaced, path));
  if ((meta.generation ?? 0) < 0) errors.push(invalid(`${path}.generation`, meta.generation, negativeText));
  append(errors, validateLabels(meta.labels, `${path}.labels`));
  append(errors, validateAnnotations(meta.annotations, `${path}.annotations`));
  append(errors, validateOwnerReferences(meta.ownerReferences ?? [], `${path}.ownerReferences`));
  append(errors, validateFinalizers(meta.finalizers ?? [], `${path}.finalizers`));
  for (const [i, { manager = '', subresource = '' }] of (meta.managedFields ?? []).entries()) {
    append(errors, validateFieldManager(manager, `${path}.managedFields[${i}].manager`));
    if (byteLength(subresource) > 256) errors.push(tooLong(`${path}.managedFields[${i}].subresource`, 256));
  }
  return errors;
}

const maxManagerBytes = 128;
const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu;

/** A text as the name of who manages fields: what may stand in it, as far as there is room. */
export function asFieldManager(text: string): string {
  const chars = [...text.slice(0, maxManagerBytes).replace(unprintable, '')];
  while (byteLength(chars.join('')) > maxManagerBytes) chars.pop();
  return chars.join('');
}

/** A name of who manages fields: printable, and not long. */
export function validateFieldManager(manager: string, path: string): FieldError[] {
  const errors = byteLength(manager) > maxManagerBytes ? [tooLong(path, maxManagerBytes)] : [];
  for (const { 0: char, index } of manager.slice(0, maxManagerBytes).matchAll(unprintable)) {
    const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    const at = byteLength(manager.slice(0, index));
    errors.push(invalid(path, manager, `invalid character U+${code} (at position ${at})`));
  }
  return errors;
}

function validateNamespaceOf(meta: ObjectMeta, namespaced: boolean, path: string): FieldError[] {
  const field = `${path}.namespace`;
  if (!namespaced) return meta.namespace ? [forbidden(field, 'not allowed on this type')] : [];
  if (!meta.namespace) return [required(field)];
  return checkDNS1123Label(meta.namespace).map((complaint) => invalid(field, meta.namespace, complaint));
}

export function validateLabels(labels: Labels | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    for (const complaint of checkQualifiedName(key)) errors.push(invalid(path, key, complaint));
    for (const complaint of checkLabelValue(value)) errors.push(invalid(path, value, complaint));
  }
  return errors;
}

export function validateAnnotations(annotations: Labels | undefined, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const complaint of checkQualifiedName(key.toLowerCase())) errors.push(invalid(path, key, complaint));
    bytes += byteLength(key) + byteLength(value);
  }
  if (bytes > annotationsMaxBytes) errors.push(tooLong(path, annotationsMaxBytes));
  return errors;
}

/** Each complaint about a second controller shows all owners: of many, some are enough. */
const maxControllerErrors = 10;

function validateOwnerReferences(owners: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller: string | undefined;
  let controllers = 0;
  for (const owner of owners) {
    if (!/^([^/]*\/)?[^/]+$/.test(owner.apiVersion)) {
      errors.push(invalid(`${path}.apiVersion`, owner.apiVersion, 'version must not be empty'));
    }
    for (const field of ['kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalid(`${path}.${field}`, owner[field], 'must not be empty'));
    }
    if (owner.apiVersion === 'v1' && owner.kind === 'Event') {
      errors.push(invalid(path, owner, '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (!owner.controller || controllers++ > maxControllerErrors) continue;
    const shown = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${shown}`;
      errors.push(invalid(path, owners, detail));
    } else {
      controller = shown;
    }
  }
  return errors;
}

const orphanFinalizer = 'orphan';
const foregroundFinalizer = 'foregroundDeletion';

function validateFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  const errors = finalizers.flatMap((name) =>
    checkQualifiedName(name).map((complaint) => invalid(path, name, complaint)),
  );
  if (finalizers.includes(orphanFinalizer) && finalizers.includes(foregroundFinalizer)) {
    const detail = `finalizer ${orphanFinalizer} and ${foregroundFinalizer} cannot be both set`;
    errors.push(invalid(path, finalizers, detail));
  }
  return errors;
}

/** Kubernetes' own kinds take finalizers with a domain alone, and three of old. */
export function validateOwnFinalizer(name: string, path: string): FieldError[] {
  if (name.includes('/') || ['kubernetes', orphanFinalizer, foregroundFinalizer].includes(name)) return [];
  return [invalid(path, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}

const immutableMetadata = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** What metadata may not change. Runs beside `validateObjectMeta`. */
export function validateObjectMetaUpdate(next: ObjectMeta, old: ObjectMeta, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp) {
    const had = new Set(old.finalizers);
    const added = (next.finalizers ?? []).filter((name) => !had.has(name)).sort();
    if (added.length > 0) {
      const list = `[]string{${added.map((name) => JSON.stringify(name)).join(', ')}}`;
      const detail = `no new finalizers can be added if the object is being deleted, found new finalizers ${list}`;
      errors.push(forbidden(`${path}.finalizers`, detail));
    }
  }
  if ((next.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(`${path}.generation`, next.generation ?? 0, 'must not be decremented'));
  }
  for (const field of immutableMetadata) append(errors, validateImmutable(next[field], old[field], `${path}.${field}`));
  return errors;
}

/** One error if the value changed. */
export function validateImmutable(next: unknown, old: unknown, path: string): FieldError[] {
  return jsonEqual(next, old) ? [] : [invalid(path, next, immutableText)];
}

/** One error if the number is below zero; absent is fine. */
export function validateNonNegative(value: number | undefined, path: string): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(path, value, negativeText)] : [];
}
