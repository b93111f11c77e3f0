// Validation of persistent volumes. Upstream: ValidatePersistentVolume in pkg/apis/core/validation.
import {
  type FieldError,
  forbidden,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import { byteLength, checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { isNegativeQuantity, quantityValue } from '../../../machinery/quantity.ts';
import type { ObjectSchema } from '../../../machinery/schema.ts';
import { validateDNSLabel, validateDNSSubdomain, validateOptionalWord } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import type { SecretReference } from '../object-reference.ts';
import { validateNodeSelector } from '../pod/scheduling-validation.ts';
import { diffInternal } from '../pod/spec-diff.ts';
import {
  validateAccessModes,
  validateClassName,
  validatePositiveQuantity,
  validateVolumeMode,
} from '../pod/volume-claim-validation.ts';
import { stepsBack, validateHostPath, validateNFS, validateRequiredFields } from '../pod/volume-validation.ts';
import { type PersistentVolume, type PersistentVolumeSpec, persistentVolumeSpec } from './schema.ts';
import type { CSIPersistentVolumeSource } from './sources.ts';

/** Fields that say where the volume is, in the order in which they are looked at. */
const sourceNames = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies (keyof PersistentVolumeSpec)[];

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

export function validateVolume({ spec }: PersistentVolume): FieldError[] {
  const modes = spec.accessModes ?? [];
  const errors: FieldError[] = modes.length === 0 ? [required('spec.accessModes')] : [];
  errors.push(...validateAccessModes(modes, 'spec.accessModes'));
  errors.push(...validateCapacity(spec.capacity ?? {}, 'spec.capacity'));
  const policy = spec.persistentVolumeReclaimPolicy;
  errors.push(...validateOptionalWord(policy, reclaimPolicies, 'spec.persistentVolumeReclaimPolicy'));
  if (spec.nodeAffinity) {
    const needed = spec.nodeAffinity.required;
    const at = 'spec.nodeAffinity.required';
    errors.push(
      ...(needed ? validateNodeSelector(needed, at) : [required(at, 'must specify required node constraints')]),
    );
  }
  errors.push(...validateSources(spec, 'spec'));
  if (policy === 'Recycle' && isRoot(spec.hostPath?.path)) {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', detail));
  }
  errors.push(...validateClassName(spec.storageClassName, 'spec.storageClassName'));
  errors.push(...validateVolumeMode(spec.volumeMode, 'spec.volumeMode'));
  errors.push(...validateAttributesClass(spec, 'spec'));
  return errors;
}

/** `/`, also written as `/./` or `//`. */
const isRoot = (path: string | undefined) => path !== undefined && /^\/[/.]*$/.test(path) && !path.includes('...');

function validateCapacity(capacity: Readonly<Record<string, string>>, path: string): FieldError[] {
  const names = Object.keys(capacity);
  const errors: FieldError[] = names.length === 0 ? [required(path)] : [];
  if (!('storage' in capacity) || names.length > 1) errors.push(notSupported(path, capacity, ['storage']));
  for (const [name, amount] of Object.entries(capacity)) {
    const at = `${path}[${name}]`;
    if (isNegativeQuantity(amount))
      errors.push(invalid(at, quantityValue(amount), 'must be a valid resource quantity'));
    errors.push(...validatePositiveQuantity(amount, at));
  }
  return errors;
}

/** Exactly one place where the volume is. */
export function validateSources(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  let found = 0;
  for (const name of sourceNames) {
    const source = spec[name];
    if (!source) continue;
    if (found++ > 0) {
      errors.push(forbidden(`${path}.${name}`, 'may not specify more than 1 volume type'));
      continue;
    }
    const at = `${path}.${name === 'gcePersistentDisk' ? 'persistentDisk' : name}`;
    if (name === 'csi') errors.push(...validateCSI(spec.csi!, at));
    else errors.push(...validateRequiredFields(persistentVolumeSpec.fields[name] as ObjectSchema, source, at));
    if (name === 'hostPath') errors.push(...validateHostPath(spec.hostPath!, at));
    if (name === 'nfs') errors.push(...validateNFS(spec.nfs!, at));
    if (name === 'local') errors.push(...validateLocal(spec, path));
  }
  if (found === 0) errors.push(required(path, 'must specify a volume type'));
  return errors;
}

function validateLocal({ local, nodeAffinity }: PersistentVolumeSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const folder = local?.path ?? '';
  if (stepsBack(folder)) errors.push(invalid(`${path}.local.path`, folder, "must not contain '..'"));
  if (!nodeAffinity) errors.push(required(`${path}.nodeAffinity`, 'Local volume requires node affinity'));
  return errors;
}

const maxDriverName = 63;
const secretRefs = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const satisfies (keyof CSIPersistentVolumeSource)[];

function validateCSI(csi: CSIPersistentVolumeSource, path: string): FieldError[] {
  const { driver, volumeHandle } = csi;
  const errors: FieldError[] = driver ? [] : [required(`${path}.driver`)];
  if (byteLength(driver) > maxDriverName) errors.push(tooLong(`${path}.driver`, maxDriverName));
  for (const complaint of checkDNS1123Subdomain(driver.toLowerCase())) {
    errors.push(invalid(`${path}.driver`, driver, complaint));
  }
  if (!volumeHandle) errors.push(required(`${path}.volumeHandle`));
  for (const field of secretRefs) {
    const ref = csi[field];
    if (ref) errors.push(...validateSecretReference(ref, `${path}.${field}`));
  }
  return errors;
}

function validateSecretReference({ name, namespace }: SecretReference, path: string): FieldError[] {
  return [
    ...(name ? validateDNSSubdomain(name, `${path}.name`) : [required(`${path}.name`)]),
    ...(namespace ? validateDNSLabel(namespace, `${path}.namespace`) : [required(`${path}.namespace`)]),
  ];
}

function validateAttributesClass(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const name = spec.volumeAttributesClassName;
  if (name === undefined) return [];
  const at = `${path}.volumeAttributesClassName`;
  const errors = name ? validateDNSSubdomain(name, at) : [required(at, 'an empty string is disallowed')];
  if (!spec.csi) errors.push(required(`${path}.csi`, 'has to be specified when using volumeAttributesClassName'));
  return errors;
}

const sourceSchema: ObjectSchema = {
  type: 'object',
  name: 'PersistentVolumeSource',
  doc: '',
  fields: Object.fromEntries(sourceNames.map((name) => [name, persistentVolumeSpec.fields[name]!])),
};

const sourceOf = (spec: PersistentVolumeSpec): Partial<PersistentVolumeSpec> =>
  Object.fromEntries(sourceNames.flatMap((name) => (spec[name] ? [[name, spec[name]]] : [])));

export function validateVolumeUpdate(next: PersistentVolume, old: PersistentVolume): FieldError[] {
  const errors: FieldError[] = [];
  const [source, before] = [sourceOf(next.spec), sourceOf(old.spec)];
  // The secret for growing may come later than the volume.
  if (source.csi && before.csi && !before.csi.controllerExpandSecretRef) {
    const { controllerExpandSecretRef: _, ...rest } = source.csi;
    source.csi = rest;
  }
  if (!jsonEqual(source, before)) {
    const head = 'spec.persistentvolumesource is immutable after creation';
    const diff = diffInternal(sourceSchema, before, source);
    errors.push(forbidden('spec.persistentvolumesource', `${head}\n${diff}`));
  }
  errors.push(...validateImmutable(next.spec.volumeMode, old.spec.volumeMode, 'volumeMode'));
  // Where a volume is may be said later, once.
  if (old.spec.nodeAffinity) {
    errors.push(...validateImmutable(next.spec.nodeAffinity, old.spec.nodeAffinity, 'nodeAffinity'));
  }
  if (old.spec.volumeAttributesClassName !== undefined && next.spec.volumeAttributesClassName === undefined) {
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return errors;
}
