// SelfSubjectRulesReview: asks what the caller may do in a namespace.
// Answered, never kept: `kubectl auth can-i --list` asks it.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s, type TypeOf } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';

const selfSubjectRulesReviewSpec = s.api('authorization.v1.SelfSubjectRulesReviewSpec', 'Which namespace.', {
  namespace: s.string('Name of the namespace.'),
});

export const nonResourceRule = s.api('authorization.v1.NonResourceRule', 'Verbs on URL paths.', {
  nonResourceURLs: s.list(s.string(''), 'URL paths; * for all.', atomic),
  verbs: s.list(s.string(''), 'Verbs; * for all.', { ...mandatory, ...atomic }),
});
export interface NonResourceRule extends TypeOf<typeof nonResourceRule> {}

export const resourceRule = s.api('authorization.v1.ResourceRule', 'Verbs on resources.', {
  apiGroups: s.list(s.string(''), 'API groups; * for all.', atomic),
  resourceNames: s.list(s.string(''), 'Only objects of these names.', atomic),
  resources: s.list(s.string(''), 'Resources; * for all.', atomic),
  verbs: s.list(s.string(''), 'Verbs; * for all.', { ...mandatory, ...atomic }),
});
export interface ResourceRule extends TypeOf<typeof resourceRule> {}

const subjectRulesReviewStatus = s.api('authorization.v1.SubjectRulesReviewStatus', 'What is allowed.', {
  evaluationError: s.string('What went wrong while gathering.'),
  incomplete: s.boolean('Some authorizers could not list their rules.', mandatory),
  nonResourceRules: s.list(nonResourceRule, 'URL paths that may be used.', { ...mandatory, ...atomic }),
  resourceRules: s.list(resourceRule, 'Resources that may be used.', { ...mandatory, ...atomic }),
});

const schema = s.api('authorization.v1.SelfSubjectRulesReview', 'Asks what the caller may do in a namespace.', {
  ...objectFields,
  spec: s.field(selfSubjectRulesReviewSpec, 'The question.', mandatory),
  status: s.field(subjectRulesReviewStatus, 'The answer.', { always: true }),
});
export interface SelfSubjectRulesReview extends ObjectOf<typeof schema> {}

export const SelfSubjectRulesReviewKind = defineKind<SelfSubjectRulesReview>({
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  scope: 'Cluster',
  verbs: ['create'],
  served: [{ group: 'authorization.k8s.io', version: 'v1', schema }],
  stored: false,
});
