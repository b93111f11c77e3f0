// SelfSubjectAccessReview: asks whether the caller may do something.
// Answered, never kept: `kubectl auth can-i` asks it.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { nonResourceAttributes, resourceAttributes, subjectAccessReviewStatus } from './access-attributes.ts';
import { validateSelfSubjectAccessReview } from './validation.ts';

const spec = s.api('authorization.v1.SelfSubjectAccessReviewSpec', 'What the caller wants to do.', {
  nonResourceAttributes: s.field(nonResourceAttributes, 'A request for a URL path.'),
  resourceAttributes: s.field(resourceAttributes, 'A request for a resource.'),
});

const schema = s.api('authorization.v1.SelfSubjectAccessReview', 'Asks whether the caller may do something.', {
  ...objectFields,
  spec: s.field(spec, 'The question.', mandatory),
  status: s.field(subjectAccessReviewStatus, 'The answer.', { always: true }),
});
export interface SelfSubjectAccessReview extends ObjectOf<typeof schema> {}

export const SelfSubjectAccessReviewKind = defineKind<SelfSubjectAccessReview>({
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  served: [{ group: 'authorization.k8s.io', version: 'v1', schema }],
  stored: false,
  validate: validateSelfSubjectAccessReview,
});
