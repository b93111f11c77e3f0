// PodDisruptionBudget: how many of a set of pods may be evicted at a time.
// pods/eviction asks it; its controller keeps the numbers in the status.
// https://kubernetes.io/docs/tasks/run-application/configure-pdb/
import { append, type FieldError, invalid } from '../../machinery/field-error.ts';
import { column, defineKind } from '../../machinery/kind.ts';
import { condition, labelSelector, objectFields } from '../../machinery/metadata.ts';
import { mergedBy, s } from '../../machinery/schema.ts';
import {
  validateIntOrPercent,
  validateLabelSelector,
  validateNotAbove100Percent,
  validateOptionalWord,
} from '../meta/checks.ts';
import { ageColumn } from '../meta/columns.ts';
import { validateConditions } from '../meta/condition-validation.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateNonNegative } from '../meta/validation.ts';

const podDisruptionBudgetSpec = s.api('policy.v1.PodDisruptionBudgetSpec', 'What must stay of a set of pods.', {
  maxUnavailable: s.intOrString('Most pods that may be missing, as number or percentage.', { pointer: true }),
  minAvailable: s.intOrString('Least pods that must be there, as number or percentage.', { pointer: true }),
  selector: s.field(labelSelector, 'Labels of the pods; empty for all of the namespace.', { patchStrategy: 'replace' }),
  unhealthyPodEvictionPolicy: s.string('IfHealthyBudget or AlwaysAllow: when pods that are not ready may be evicted.', {
    pointer: true,
    enum: ['AlwaysAllow', 'IfHealthyBudget'],
  }),
});

const podDisruptionBudgetStatus = s.api('policy.v1.PodDisruptionBudgetStatus', 'Observed state of a budget.', {
  conditions: s.list(condition, 'DisruptionAllowed.', mergedBy('type')),
  currentHealthy: s.int32('Healthy pods.', { always: true }),
  desiredHealthy: s.int32('Healthy pods that must stay.', { always: true }),
  disruptedPods: s.map(s.time(''), 'Pods whose eviction was let through and has not been seen yet, with the time.'),
  disruptionsAllowed: s.int32('Pods that may be evicted now.', { always: true }),
  expectedPods: s.int32('Pods that the budget counts.', { always: true }),
  observedGeneration: s.int64('The generation this status was computed from.'),
});

const schema = s.api('policy.v1.PodDisruptionBudget', 'How many of a set of pods may be evicted at a time.', {
  ...objectFields,
  spec: s.field(podDisruptionBudgetSpec, 'What must stay.', { always: true }),
  status: s.field(podDisruptionBudgetStatus, 'How many may go now.', { always: true }),
});
export interface PodDisruptionBudget extends ObjectOf<typeof schema> {}

export const PodDisruptionBudgetKind = defineKind<PodDisruptionBudget>({
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  scope: 'Namespaced',
  demandsVersion: true,
  shortNames: ['pdb'],
  served: [{ group: 'policy', version: 'v1', schema }],
  subresources: { status: true },
  hasGeneration: true,
  columns: [
    column('Min Available', 'string', 'Least pods that must be there.', ({ spec }) =>
      String(spec.minAvailable ?? 'N/A'),
    ),
    column('Max Unavailable', 'string', 'Most pods that may be missing.', ({ spec }) =>
      String(spec.maxUnavailable ?? 'N/A'),
    ),
    column(
      'Allowed Disruptions',
      'integer',
      'Pods that may be evicted now.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
    ),
    ageColumn,
  ],
  validate,
  validateStatusUpdate: ({ status }) => [
    ...validateConditions(status?.conditions ?? [], 'status.conditions'),
    ...counters.flatMap((field) => validateNonNegative(status?.[field], `status.${field}`)),
  ],
});

const counters = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'] as const;

function validate({ spec }: PodDisruptionBudget): FieldError[] {
  const { minAvailable, maxUnavailable, selector, unhealthyPodEvictionPolicy } = spec;
  const errors: FieldError[] = [];
  if (minAvailable !== undefined && maxUnavailable !== undefined) {
    // Upstream shows its internal type.
    const shown = {
      MinAvailable: minAvailable,
      Selector: selector ?? null,
      MaxUnavailable: maxUnavailable,
      UnhealthyPodEvictionPolicy: unhealthyPodEvictionPolicy ?? null,
    };
    errors.push(invalid('spec', shown, 'minAvailable and maxUnavailable cannot be both set'));
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    const value = spec[field];
    if (value === undefined) continue;
    append(errors, validateIntOrPercent(value, `spec.${field}`));
    append(errors, validateNotAbove100Percent(value, `spec.${field}`));
  }
  append(errors, validateLabelSelector(selector, 'spec.selector'));
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  append(errors, validateOptionalWord(unhealthyPodEvictionPolicy, policies, 'spec.unhealthyPodEvictionPolicy'));
  return errors;
}
