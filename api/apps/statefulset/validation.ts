// Validation of stateful sets. Upstream: ValidateStatefulSet in pkg/apis/apps/validation.
import { append, type FieldError, forbidden, invalid, notSupported, required } from '../../../machinery/field-error.ts';
import { jsonEqual } from '../../../machinery/json.ts';
import type { PodTemplateSpec } from '../../core/pod/pod-template.ts';
import { validateClaimSpec } from '../../core/pod/volume-claim-validation.ts';
import { amountOf, validateDNSLabel, validateIntOrPercent, validateNotAbove100Percent } from '../../meta/checks.ts';
import { validateNonNegative } from '../../meta/validation.ts';
import {
  showStrategy,
  validateCollisionCount,
  validateSelection,
  validateServingTemplate,
} from '../workload-validation.ts';
import type { RollingUpdateStatefulSetStrategy, StatefulSet, StatefulSetSpec } from './schema.ts';

export function validateStatefulSet({ spec }: StatefulSet, old?: StatefulSet): FieldError[] {
  const policy = spec.podManagementPolicy;
  const errors: FieldError[] = [];
  if (!policy) errors.push(required('spec.podManagementPolicy'));
  else if (!['OrderedReady', 'Parallel'].includes(policy)) {
    errors.push(invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'"));
  }
  append(errors, validateUpdateStrategy(spec));
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = spec.persistentVolumeClaimRetentionPolicy?.[field];
    if (value === undefined || value === 'Retain' || value === 'Delete') continue;
    errors.push(notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value, ['Retain', 'Delete']));
  }
  append(errors, validateNonNegative(spec.replicas, 'spec.replicas'));
  append(errors, validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds'));
  append(errors, validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start'));
  append(errors, validateSelection(spec, 'statefulset'));
  append(errors, validateServingTemplate(withClaims(spec), 'StatefulSet'));
  if (!old) append(errors, validateNew(spec));
  return errors;
}

/** Its pods have a volume for each claim, whatever the template says of a volume of that name. */
function withClaims({ template, volumeClaimTemplates }: StatefulSetSpec): PodTemplateSpec {
  const names = new Set((volumeClaimTemplates ?? []).map((claim) => claim.metadata?.name ?? ''));
  if (!template?.spec || names.size === 0) return template;
  const others = (template.spec.volumes ?? []).filter((volume) => !names.has(volume.name));
  const claims = [...names].map((name) => ({ name, persistentVolumeClaim: { claimName: name } }));
  return { ...template, spec: { ...template.spec, volumes: [...others, ...claims] } };
}

function validateUpdateStrategy({ updateStrategy }: StatefulSetSpec): FieldError[] {
  const { type, rollingUpdate } = updateStrategy ?? {};
  if (!type) return [required('spec.updateStrategy')];
  if (type === 'OnDelete') {
    const detail = "only allowed for updateStrategy 'RollingUpdate'";
    return rollingUpdate ? [invalid('spec.updateStrategy.rollingUpdate', showPace(rollingUpdate), detail)] : [];
  }
  if (type !== 'RollingUpdate') {
    const shown = showStrategy({ type, rollingUpdate: rollingUpdate && showPace(rollingUpdate) });
    return [invalid('spec.updateStrategy', shown, "must be 'RollingUpdate' or 'OnDelete'")];
  }
  const errors = validateNonNegative(rollingUpdate?.partition, 'spec.updateStrategy.rollingUpdate.partition');
  const most = rollingUpdate?.maxUnavailable;
  if (most === undefined) return errors;
  const at = 'spec.updateStrategy.rollingUpdate.maxUnavailable';
  append(errors, validateIntOrPercent(most, at));
  if (amountOf(most) === 0) errors.push(invalid(at, most, 'cannot be 0'));
  append(errors, validateNotAbove100Percent(most, at));
  return errors;
}

/** As upstream's error texts show it: the internal type. */
function showPace({ partition, maxUnavailable }: RollingUpdateStatefulSetStrategy) {
  return { Partition: partition ?? 0, MaxUnavailable: maxUnavailable ?? null };
}

/** What sets that are older than these rules need not meet. */
function validateNew(spec: StatefulSetSpec): FieldError[] {
  return [
    ...(spec.serviceName ? validateDNSLabel(spec.serviceName, 'spec.serviceName') : []),
    ...(spec.volumeClaimTemplates ?? []).flatMap((claim, i) =>
      validateClaimSpec(claim.spec ?? {}, `spec.volumeClaimTemplates[${i}].spec`),
    ),
  ];
}

const mutableFields = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const satisfies (keyof StatefulSetSpec)[];

export function validateStatefulSetUpdate(next: StatefulSet, old: StatefulSet): FieldError[] {
  const fixed = (spec: StatefulSetSpec) =>
    Object.fromEntries(Object.entries(spec).filter(([field]) => !mutableFields.some((name) => name === field)));
  if (jsonEqual(fixed(next.spec), fixed(old.spec))) return [];
  const names = mutableFields.map((name) => `'${name}'`);
  const list = `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return [forbidden('spec', `updates to statefulset spec for fields other than ${list} are forbidden`)];
}

const parts = ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const;

export function validateStatefulSetStatus({ status }: StatefulSet, old: StatefulSet): FieldError[] {
  const counters = ['replicas', ...parts, 'observedGeneration', 'collisionCount'] as const;
  const errors = counters.flatMap((field) => validateNonNegative(status?.[field], `status.${field}`));
  for (const field of parts) {
    if ((status?.[field] ?? 0) <= (status?.replicas ?? 0)) continue;
    errors.push(invalid(`status.${field}`, status?.[field], 'cannot be greater than status.replicas'));
  }
  const available = status?.availableReplicas ?? 0;
  if (available > (status?.readyReplicas ?? 0)) {
    errors.push(invalid('status.availableReplicas', available, 'cannot be greater than status.readyReplicas'));
  }
  append(errors, validateCollisionCount(status?.collisionCount, old.status?.collisionCount));
  return errors;
}
