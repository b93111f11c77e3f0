// Validation of pods beyond their spec, and of what may change in one that exists: nearly nothing.
// Upstream: ValidatePodCreate and ValidatePodUpdate in pkg/apis/core/validation.

import { append, type FieldError, forbidden, invalid, required } from '../../../machinery/field-error.ts';
import { cloneJson, jsonEqual } from '../../../machinery/json.ts';
import { rangeText } from '../../meta/checks.ts';
import type { Pod } from '../pod.ts';
import { nodeSelectorTerm } from './affinity.ts';
import {
  validateAnnotationsMatch,
  validateAnnotationsUpdate,
  validatePodAnnotations,
} from './annotation-validation.ts';
import { containersWithPaths } from './containers.ts';
import type { PodSpec } from './pod-spec.ts';
import { validatePodSpec } from './pod-spec-validation.ts';
import type { Toleration } from './scheduling.ts';
import { diffPodSpecs, showInternal } from './spec-diff.ts';

const maxInt32 = 2 ** 31 - 1;

/** `old`: the pod as it is, if it is one already. */
export function validatePod({ metadata, spec }: Pod, old?: Pod): FieldError[] {
  return [
    ...validatePodAnnotations(metadata, spec, 'metadata.annotations'),
    ...validatePodSpec(spec, 'spec', metadata),
    ...validateForPods(spec),
    ...(old ? [] : validateNew({ metadata, spec } as Pod)),
  ];
}

/** What templates are let through with. */
function validateForPods(spec: PodSpec): FieldError[] {
  const tokens = (spec.volumes ?? []).flatMap(({ projected }, i) =>
    (projected?.sources ?? []).flatMap(({ serviceAccountToken }, j) => {
      if (!serviceAccountToken || spec.serviceAccountName) return [];
      const at = `spec.volumes[${i}].projected.sources[${j}].serviceAccountToken`;
      return [forbidden(at, 'must not be specified when serviceAccountName is not set')];
    }),
  );
  const images = containersWithPaths(spec, 'spec').flatMap(({ container: { image }, at }) =>
    validatePadding(image, `${at}.image`),
  );
  return [...tokens, ...images];
}

const validatePadding = (image = '', path: string): FieldError[] =>
  image.trim() === image ? [] : [invalid(path, image, 'must not have leading or trailing whitespace')];

function validateNew({ metadata, spec }: Pod): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.ephemeralContainers?.length) errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  if (spec.nodeName && spec.schedulingGates?.length) {
    errors.push(forbidden('spec.nodeName', 'cannot be set until all schedulingGates have been cleared'));
  }
  return [...errors, ...validateAnnotationsMatch(metadata, spec, 'spec')];
}

const updatableFields = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

export function validatePodUpdate(next: Pod, old: Pod): FieldError[] {
  const errors = validateAnnotationsUpdate(next.metadata, old.metadata);
  const lists = ['containers', 'initContainers'] as const;
  for (const list of lists) {
    const containers = next.spec[list] ?? [];
    if (containers.length !== (old.spec[list]?.length ?? 0)) {
      return [...errors, forbidden(`spec.${list}`, 'pod updates may not add or remove containers')];
    }
    for (const [i, container] of containers.entries()) {
      const at = `spec.${list}[${i}].image`;
      if (!container.image) errors.push(required(at));
      append(errors, validatePadding(container.image, at));
    }
  }
  const deadlineErrors = validateDeadlineUpdate(next.spec.activeDeadlineSeconds, old.spec.activeDeadlineSeconds);
  append(errors, deadlineErrors);
  if (deadlineErrors.length > 0 && next.spec.activeDeadlineSeconds !== undefined) return errors;
  append(errors, validateAddedTolerations(next.spec.tolerations ?? [], old.spec.tolerations ?? []));
  append(errors, validateGatesUpdate(next.spec, old.spec));
  const munged = withoutUpdates(next.spec, old.spec);
  if (!jsonEqual(munged, old.spec)) {
    const head = `pod updates may not change fields other than ${updatableFields}`;
    errors.push(forbidden('spec', `${head}\n${diffPodSpecs(old.spec, munged)}`));
  }
  return errors;
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
    errors.push(invalid('spec.nodeSelector', next.nodeSelector ?? null, detail));
    break;
  }
  return [...errors, ...validateAffinityUpdate(next, old)];
}

const neededTerms = ({ affinity }: PodSpec) =>
  affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;

/** Each term may ask for more than it did. */
function validateAffinityUpdate(next: PodSpec, old: PodSpec): FieldError[] {
  const path = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms';
  const [is, was = []] = [neededTerms(next) ?? undefined, neededTerms(old) ?? undefined];
  if (was.length === 0) return [];
  if (is?.length !== was.length) {
    const shown = is?.map((term) => showInternal(nodeSelectorTerm, term));
    return [invalid(path, shown, 'no additions/deletions to non-empty NodeSelectorTerms list are allowed')];
  }
  return was.flatMap((term, i) => {
    const [before, now] = [term, is[i]!].map(({ matchExpressions = [], matchFields = [] }) => [
      matchExpressions,
      matchFields,
    ]);
    const isEmpty = before!.every(({ length }) => length === 0);
    const isKept = before!.every((list, j) => jsonEqual(now![j]!.slice(0, list.length), list));
    if (isKept && (!isEmpty || now!.every(({ length }) => length === 0))) return [];
    const detail = 'only additions are allowed (no mutations or deletions)';
    return [invalid(`${path}[${i}]`, showInternal(nodeSelectorTerm, is[i]), detail)];
  });
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
  if ((old.schedulingGates?.length ?? 0) > 0) {
    fields.push('nodeSelector');
    restoreNodeAffinity(munged, old);
  }
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

function restoreNodeAffinity(munged: PodSpec, old: PodSpec): void {
  const { nodeAffinity: _, ...rest } = munged.affinity ?? {};
  const was = old.affinity?.nodeAffinity;
  munged.affinity = { ...rest, ...(was && { nodeAffinity: was }) };
  if (Object.keys(munged.affinity).length === 0 && !old.affinity) delete munged.affinity;
}
