// Validation of persistent volumes. Upstream: ValidatePersistentVolume in pkg/apis/core/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import { isNegativeQuantity, quantityValue } from '../../../machinery/quantity.ts';
import type { ObjectSchema } from '../../../machinery/schema.ts';
import { validateDNSLabel, validateDNSSubdomain, validateOptionalWord } from '../../meta/checks.ts';
import { immutableText, validateImmutable } from '../../meta/validation.ts';
import type { SecretReference } from '../object-reference.ts';
import {
  diskValidators,
  type SourceValidator,
  validateDriverName,
  validateOneSource,
} from '../pod/disk-volume-validation.ts';
import { validateNoBacksteps } from '../pod/path-validation.ts';
import { validateNodeSelector } from '../pod/scheduling-validation.ts';
import { diffInternal, showInternal } from '../pod/spec-diff.ts';
import {
  validateAccessModes,
  validateClassName,
  validatePositiveQuantity,
  validateVolumeMode,
} from '../pod/volume-claim-validation.ts';

import {
  type PersistentVolume,
  type PersistentVolumeSpec,
  persistentVolumeSpec,
  volumeNodeAffinity,
} from './schema.ts';
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

export function validateVolume({ metadata, spec }: PersistentVolume): FieldError[] {
  const modes = spec.accessModes ?? [];
  const errors: FieldError[] = modes.length === 0 ? [required('spec.accessModes')] : [];
  append(errors, validateAccessModes(modes, 'spec.accessModes'));
  append(errors, validateCapacity(spec.capacity ?? {}));
  const policy = spec.persistentVolumeReclaimPolicy;
  append(errors, validateOptionalWord(policy, reclaimPolicies, 'spec.persistentVolumeReclaimPolicy'));
  if (spec.nodeAffinity) {
    const needed = spec.nodeAffinity.required;
    const at = 'spec.nodeAffinity.required';
    append(
      errors,
      needed ? validateNodeSelector(needed, at) : [required(at, 'must specify required node constraints')],
    );
  }
  append(errors, validateSources(spec, 'spec', metadata.name ?? ''));
  if (policy === 'Recycle' && isRoot(spec.hostPath?.path)) {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', detail));
  }
  append(errors, validateClassName(spec.storageClassName, 'spec.storageClassName'));
  append(errors, validateVolumeMode(spec.volumeMode, 'spec.volumeMode'));
  append(errors, validateAttributesClass(spec));
  return errors;
}

/** `/`, also written as `/./`, `//` or `/a/..`. */
function isRoot(path = ''): boolean {
  let depth = 0;
  for (const part of path.split('/')) {
    if (part === '..') depth = Math.max(0, depth - 1);
    else if (part !== '' && part !== '.') depth++;
  }
  return path.startsWith('/') && depth === 0;
}

function validateCapacity(capacity: Readonly<Record<string, string>>): FieldError[] {
  const names = Object.keys(capacity);
  const errors: FieldError[] = names.length === 0 ? [required('spec.capacity')] : [];
  if (!('storage' in capacity) || names.length > 1) errors.push(notSupported('spec.capacity', capacity, ['storage']));
  for (const [name, amount] of Object.entries(capacity)) {
    const at = `spec.capacity[${name}]`;
    if (isNegativeQuantity(amount))
      errors.push(invalid(at, quantityValue(amount), 'must be a valid resource quantity'));
    append(errors, validatePositiveQuantity(amount, at));
  }
  return errors;
}

const sourceValidators = new Map<string, SourceValidator | undefined>(
  sourceNames.map((name) => [name, diskValidators[name]]),
);
sourceValidators.set('csi', validateCSI);
sourceValidators.set('local', ({ path: folder }, path) => validateNoBacksteps(folder, `${path}.path`));

/** Exactly one place where the volume, which is called `name`, is. */
export function validateSources(spec: PersistentVolumeSpec, path: string, name: string): FieldError[] {
  const place = { name, isPersistent: true };
  const errors = validateOneSource(spec, sourceValidators, persistentVolumeSpec.fields, path, place);
  if (spec.local && !spec.nodeAffinity) {
    errors.push(required(`${path}.nodeAffinity`, 'Local volume requires node affinity'));
  }
  return errors;
}

const secretRefs = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const satisfies (keyof CSIPersistentVolumeSource)[];

function validateCSI(csi: CSIPersistentVolumeSource, path: string): FieldError[] {
  const { driver, volumeHandle } = csi;
  const errors = validateDriverName(driver, `${path}.driver`);
  if (!volumeHandle) errors.push(required(`${path}.volumeHandle`));
  for (const field of secretRefs) {
    const ref = csi[field];
    if (ref) append(errors, validateSecretReference(ref, `${path}.${field}`));
  }
  return errors;
}

function validateSecretReference({ name, namespace }: SecretReference, path: string): FieldError[] {
  return [
    ...(name ? validateDNSSubdomain(name, `${path}.name`) : [required(`${path}.name`)]),
    ...(namespace ? validateDNSLabel(namespace, `${path}.namespace`) : [required(`${path}.namespace`)]),
  ];
}

function validateAttributesClass(spec: PersistentVolumeSpec): FieldError[] {
  const name = spec.volumeAttributesClassName;
  if (name === undefined) return [];
  const at = 'spec.volumeAttributesClassName';
  const errors = name ? validateDNSSubdomain(name, at) : [required(at, 'an empty string is disallowed')];
  if (!spec.csi) errors.push(required('spec.csi', 'has to be specified when using volumeAttributesClassName'));
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
  append(errors, validateImmutable(next.spec.volumeMode, old.spec.volumeMode, 'volumeMode'));
  // Where a volume is may be said later, once.
  if (old.spec.nodeAffinity) {
    const [is, was] = [next.spec.nodeAffinity, withStableLabels(old.spec.nodeAffinity, next.spec.nodeAffinity)];
    const detail = `${immutableText}, except for updating from beta label to GA`;
    if (!jsonEqual(is, was)) errors.push(invalid('nodeAffinity', showInternal(volumeNodeAffinity, is), detail));
  }
  if (old.spec.volumeAttributesClassName !== undefined && next.spec.volumeAttributesClassName === undefined) {
    errors.push(forbidden('spec.volumeAttributesClassName', 'update from non-nil value to nil is forbidden'));
  }
  return errors;
}

const stableLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
};

type NodeAffinity = PersistentVolumeSpec['nodeAffinity'];

/** `old` with the keys that `next` calls by their names of today. */
function withStableLabels(old: NodeAffinity, next: NodeAffinity): NodeAffinity {
  const renamed = cloneJson(old);
  for (const [i, term] of (renamed?.required?.nodeSelectorTerms ?? []).entries()) {
    for (const [j, requirement] of (term.matchExpressions ?? []).entries()) {
      const key = next?.required?.nodeSelectorTerms?.[i]?.matchExpressions?.[j]?.key;
      if (key !== undefined && stableLabels[requirement.key] === key) requirement.key = key;
    }
  }
  return renamed;
}
