// What deployments, replica sets and daemon sets have in common: a selector, a template of pods
// that never end, counters. Upstream: pkg/apis/apps/validation.
import { append, type FieldError, forbidden, invalid, required } from '../../machinery/field-error.ts';
import { sortKeys } from '../../machinery/go-json.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import { validatePodTemplate } from '../core/pod/pod-spec-validation.ts';
import type { PodTemplateSpec } from '../core/pod/pod-template.ts';
import { isEmptySelector, showSelector, validateLabelSelector, validateOptionalWord } from '../meta/checks.ts';
import { validateNonNegative } from '../meta/validation.ts';

const labelsMismatchText = '`selector` does not match template `labels`';

/** The selector, and that the template fits. `kind` names the workload in the text about an empty selector. */
export function validateSelection(
  { selector, template }: { selector?: LabelSelector | undefined; template?: PodTemplateSpec },
  kind: string,
): FieldError[] {
  const at = 'spec.selector';
  if (!selector) return [required(at), ...validateTemplateLabels(selector, template, 'spec.template')];
  const errors = validateLabelSelector(selector, at);
  if (isEmptySelector(selector)) return [invalid(at, showSelector(selector), `empty selector is invalid for ${kind}`)];
  if (errors.length === 0) return validateFit(selector, template, 'spec.template');
  return [...errors, invalid(at, showSelector(selector), kind === 'deployment' ? 'invalid label selector' : '')];
}

export function validateTemplateLabels(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  path: string,
): FieldError[] {
  return validateLabelSelector(selector, path).length > 0 ? [] : validateFit(selector, template, path);
}

/** Of a selector that is fine. */
function validateFit(
  selector: LabelSelector | undefined,
  template: PodTemplateSpec | undefined,
  path: string,
): FieldError[] {
  const labels = template?.metadata?.labels;
  if (matchesLabelSelector(selector, labels)) return [];
  return [invalid(`${path}.metadata.labels`, sortKeys(labels), labelsMismatchText)];
}

/** A strategy as upstream's error texts show it: the internal type. */
export function showStrategy(strategy: { type?: string; rollingUpdate?: object | undefined } | undefined) {
  const pace = Object.entries(strategy?.rollingUpdate ?? {}).map(([name, value]) => [capitalize(name), value]);
  return { Type: strategy?.type ?? '', RollingUpdate: strategy?.rollingUpdate ? Object.fromEntries(pace) : null };
}

const capitalize = (name: string) => `${name.charAt(0).toUpperCase()}${name.slice(1)}`;

/** A template whose pods run for good. `kind` names the workload that has no deadlines. */
export function validateServingTemplate(template: PodTemplateSpec | undefined, kind: string): FieldError[] {
  const errors = validatePodTemplate(template, 'spec.template');
  const spec = template?.spec;
  append(
    errors,
    validateOptionalWord(spec?.restartPolicy || undefined, ['Always'], 'spec.template.spec.restartPolicy'),
  );
  if (spec?.activeDeadlineSeconds !== undefined) {
    const detail = `activeDeadlineSeconds in ${kind} is not Supported`;
    errors.push(forbidden('spec.template.spec.activeDeadlineSeconds', detail));
  }
  return errors;
}

interface ReplicaCounts {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  fullyLabeledReplicas?: number;
  collisionCount?: number;
}

const counters = [
  'observedGeneration',
  'replicas',
  'updatedReplicas',
  'fullyLabeledReplicas',
  'readyReplicas',
  'availableReplicas',
  'unavailableReplicas',
  'collisionCount',
] as const satisfies (keyof ReplicaCounts)[];

/** A part cannot be larger than the whole. */
export function validateReplicaCounts(status: ReplicaCounts | undefined): FieldError[] {
  if (!status) return [];
  const errors = counters.flatMap((field) => validateNonNegative(status[field], `status.${field}`));
  for (const field of ['updatedReplicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'] as const) {
    if ((status[field] ?? 0) <= (status.replicas ?? 0)) continue;
    errors.push(invalid(`status.${field}`, status[field], 'cannot be greater than status.replicas'));
  }
  if ((status.availableReplicas ?? 0) > (status.readyReplicas ?? 0)) {
    errors.push(invalid('status.availableReplicas', status.availableReplicas, 'cannot be greater than readyReplicas'));
  }
  return errors;
}

export function validateCollisionCount(next: number | undefined, old: number | undefined): FieldError[] {
  if (old === undefined || (next !== undefined && next >= old)) return [];
  return [invalid('status.collisionCount', next ?? 0, 'cannot be decremented')];
}
