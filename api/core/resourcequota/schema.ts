// What a resource quota is: the most that a namespace may use, and what it uses.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
import { objectFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../../machinery/schema.ts';
import type { ObjectOf } from '../../meta/object.ts';

/** Sorts of objects that a quota can be narrowed to. */
export const quotaScopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
] as const;

const scopeRequirement = s.api('core.v1.ScopedResourceSelectorRequirement', 'One condition on a scope.', {
  operator: s.string('In, NotIn, Exists or DoesNotExist.', {
    ...mandatory,
    enum: ['DoesNotExist', 'Exists', 'In', 'NotIn'],
  }),
  scopeName: s.string('The scope.', { ...mandatory, enum: quotaScopes }),
  values: s.list(s.string(''), 'Values for In and NotIn.', atomic),
});
export interface ScopedResourceSelectorRequirement extends TypeOf<typeof scopeRequirement> {}

export const scopeSelector = s.atomic('core.v1.ScopeSelector', 'Objects that a quota counts.', {
  matchExpressions: s.list(scopeRequirement, 'Conditions; all must hold.', atomic),
});

const resourceQuotaSpec = s.api('core.v1.ResourceQuotaSpec', 'Limits of a namespace.', {
  hard: s.map(s.quantity(''), 'Most of each resource.'),
  scopeSelector: s.field(scopeSelector, 'Objects that count, by scope and value.'),
  scopes: s.list(s.string('', { enum: quotaScopes }), 'Scopes that an object must match to count.', atomic),
});
export interface ResourceQuotaSpec extends TypeOf<typeof resourceQuotaSpec> {}

const resourceQuotaStatus = s.api('core.v1.ResourceQuotaStatus', 'Observed use of a quota.', {
  hard: s.map(s.quantity(''), 'The limits in force.'),
  used: s.map(s.quantity(''), 'What is used of each.'),
});
export interface ResourceQuotaStatus extends TypeOf<typeof resourceQuotaStatus> {}

export const resourceQuotaSchema = s.api('core.v1.ResourceQuota', 'Most that a namespace may use.', {
  ...objectFields,
  spec: s.field(resourceQuotaSpec, 'The limits.', { always: true }),
  status: s.field(resourceQuotaStatus, 'Limits in force, and what is used.', { always: true }),
});
export interface ResourceQuota extends ObjectOf<typeof resourceQuotaSchema> {}
