// Validation of pods beyond their spec, and of what may change in one that exists: nearly nothing.
// Upstream: ValidatePodCreate and ValidatePodUpdate in pkg/apis/core/validation.

import { type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import { checkDNS1123Subdomain } from '../../../machinery/name-rules.ts';
import { rangeText } from '../../meta/checks.ts';
import { validateImmutable } from '../../meta/validation.ts';
import type { Pod } from '../pod.ts';
import { mirrorAnnotation } from './mirror.ts';
import type { PodSpec } from './pod-spec.ts';
import { validatePodSpec } from './pod-spec-validation.ts';
import type { Toleration } from './scheduling.ts';
import { diffPodSpecs } from './spec-diff.ts';

const deletionCostAnnotation = 'controller.kubernetes.io/pod-deletion-cost';
const maxInt32 = 2 ** 31 - 1;

export function validatePod(pod: Pod): FieldError[] {
  return [...validateAnnotations(pod), ...validatePodSpec(pod.spec, 'spec'), ...validateMadeClaims(pod)];
}

/** Claims that are made for the pod's ephemeral volumes: their names are good, and nothing else names them. */
function validateMadeClaims({ metadata, spec }: Pod): FieldError[] {
  const volumes = spec.volumes ?? [];
  const errors: FieldError[] = [];
  const made = new Set<string>();
  for (const [i, { name, ephemeral }] of volumes.entries()) {
    if (!ephemeral || !name) continue;
    const claim = `${metadata.name ?? ''}-${name}`;
    made.add(claim);
    for (const complaint of checkDNS1123Subdomain(claim)) {
      errors.push(invalid(`spec.volumes[${i}].name`, name, `PVC name ${JSON.stringify(claim)}: ${complaint}`));
    }
  }
  for (const [i, { persistentVolumeClaim }] of volumes.entries()) {
    const claimName = persistentVolumeClaim?.claimName ?? '';
    if (!made.has(claimName)) continue;
    const detail = 'must not reference a PVC that gets created for an ephemeral volume';
    errors.push(invalid(`spec.volumes[${i}].persistentVolumeClaim.claimName`, claimName, detail));
  }
  return errors;
}

function validateAnnotations({ metadata, spec }: Pod): FieldError[] {
  const annotations = metadata.annotations ?? {};
  const errors: FieldError[] = [];
  const mirror = annotations[mirrorAnnotation];
  if (mirror !== undefined && !spec.nodeName) {
    const detail = 'must set spec.nodeName if mirror pod annotation is set';
    errors.push(invalid(`metadata.annotations[${mirrorAnnotation}]`, mirror, detail));
  }
  const cost = annotations[deletionCostAnnotation];
  if (cost !== undefined && !(/^(0|-?[1-9]\d*)$/.test(cost) && Math.abs(Number(cost)) <= maxInt32)) {
    errors.push(invalid(`metadata.annotations[${deletionCostAnnotation}]`, cost, 'must be a 32bit integer'));
  }
  return errors;
}

const updatableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const errors = validateMirrorUpdate(next, old);
  const lists = ['containers', 'initContainers'] as const;
  for (const list of lists) {
    const containers = next.spec[list] ?? [];
    if (containers.length !== (old.spec[list]?.length ?? 0)) {
      return [...errors, forbidden('spec', 'pod updates may not add or remove containers')];
    }
    for (const [i, container] of containers.entries()) {
      if (!container.image?.trim()) errors.push(required(`spec.${list}[${i}].image`));
    }
  }
  const deadlineErrors = validateDeadlineUpdate(next.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds);
  if (deadlineErrors.length > 0) return [...errors, ...deadlineErrors];
  errors.push(...validateAddedTolerations(next.spec.tolerations ?? [], old.spec.tolerations ?? []));
  errors.push(...validateGatesUpdate(next.spec, old.spec));
  const munged = withoutUpdates(next.spec, old.spec);
  if (!jsonEqual(munged, old.spec)) {
    const head = `pod updates may not change fields other than ${updatableFields}`;
    errors.push(forbidden('spec', `${head}\n${diffPodSpecs(old.spec, munged)}`));
  }
  return errors;
}

/** What has ended for good does not come back, and the class stays. */
export function validatePodStatusUpdate(next: Pod, old: Pod): FieldError[] {
  const errors = old.status?.qosClass
    ? validateImmutable(next.status?.qosClass, old.status.qosClass, 'status.qosClass')
    : [];
  if (old.spec.restartPolicy === 'Always') return errors;
  for (const [i, was] of (old.status?.containerStatuses ?? []).entries()) {
    const restarts = old.spec.restartPolicy === 'OnFailure' && was.state?.terminated?.exitCode !== 0;
    const isOverridden = old.spec.containers?.some((c) => c.name === was.name && c.restartPolicy !== undefined);
    if (!was.state?.terminated || restarts || isOverridden) continue;
    const is = next.status?.containerStatuses?.find((status) => status.name === was.name);
    if (!is || is.state?.terminated) continue;
    const detail = 'may not be transitioned to non-terminated state';
    errors.push(forbidden(`status.containerStatuses[${i}].state`, detail));
  }
  return errors;
}

/** A mirror pod stands for a file on its node and stays one. */
function validateMirrorUpdate(next: Pod, old: Pod): FieldError[] {
  const at = `metadata.annotations[${mirrorAnnotation}]`;
  const was = old.metadata.annotations?.[mirrorAnnotation];
  const is = next.metadata.annotations?.[mirrorAnnotation];
  if (was === is) return [];
  return [forbidden(at, `may not ${was === undefined ? 'add' : 'remove or update'} mirror pod annotation`)];
}

function validateDeadlineUpdate(next: number | undefined, old: number | undefined): FieldError[] {
  const path = 'spec.activeDeadlineSeconds';
  if (next === undefined) {
    return old === undefined ? [] : [invalid(path, null, 'must not update from a positive integer to nil value')];
  }
  if (next < 0 || next > maxInt32) return [invalid(path, next, rangeText(0, maxInt32))];
  if (old !== undefined && old < next) return [invalid(path, next, 'must be less than or equal to previous value')];
  return [];
}

function validateAddedTolerations(next: readonly Toleration[], old: readonly Toleration[]): FieldError[] {
  const identityOf = ({ key, operator, value, effect }: Toleration) => JSON.stringify([key, operator, value, effect]);
  const known = new Set(next.map(identityOf));
  const isKept = old.every((was) => known.has(identityOf(was)));
  const detail = 'existing toleration can not be modified except its tolerationSeconds';
  return isKept ? [] : [forbidden('spec.tolerations', detail)];
}

/** Gates may go and never come; until the last has gone, the pod may still be told where to run. */
function validateGatesUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  const had = new Set((old.schedulingGates ?? []).map((gate) => gate.name));
  const errors = (next.schedulingGates ?? []).flatMap((gate, i) =>
    had.has(gate.name)
      ? []
      : [
          forbidden(
            `spec.schedulingGates[${i}].name`,
            `only deletion is allowed, but found new scheduling gate '${gate.name}'`,
          ),
        ],
  );
  if (had.size === 0) return errors;
  for (const [key, value] of Object.entries(old.nodeSelector ?? {})) {
    if (next.nodeSelector?.[key] === value) continue;
    const detail = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    return [...errors, invalid('spec.nodeSelector', next.nodeSelector ?? null, detail)];
  }
  return errors;
}

/** The new spec with everything that may change as it was before. */
function withoutUpdates(next: PodSpec, old: PodSpec): PodSpec {
  const munged = cloneJson(next);
  for (const list of ['containers', 'initContainers'] as const) {
    for (const [i, container] of (munged[list] ?? []).entries()) {
      const image = old[list]?.[i]?.image;
      if (image === undefined) delete container.image;
      else container.image = image;
    }
  }
  const fields: (keyof PodSpec)[] = ['activeDeadlineSeconds', 'schedulingGates', 'tolerations', 'serviceAccount'];
  if ((old.schedulingGates?.length ?? 0) > 0) fields.push('nodeSelector');
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && next.terminationGracePeriodSeconds === 1) {
    fields.push('terminationGracePeriodSeconds');
  }
  for (const field of fields) restore(munged, old, field);
  return munged;
}

function restore<K extends keyof PodSpec>(munged: PodSpec, old: PodSpec, field: K): void {
  if (old[field] === undefined) delete munged[field];
  else munged[field] = old[field];
}
