// SubjectAccessReview: asks whether a user may do something.
// Answered, never kept.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { subjectAccessReviewSpec, subjectAccessReviewStatus } from './access-attributes.ts';
import { validateSubjectAccessReview } from './validation.ts';

const schema = s.api('authorization.v1.SubjectAccessReview', 'Asks whether a user may do something.', {
  ...objectFields,
  spec: s.field(subjectAccessReviewSpec, 'The question.', mandatory),
  status: s.field(subjectAccessReviewStatus, 'The answer.', { always: true }),
});
export interface SubjectAccessReview extends ObjectOf<typeof schema> {}

export const SubjectAccessReviewKind = defineKind<SubjectAccessReview>({
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  scope: 'Cluster',
  verbs: ['create'],
  served: [{ group: 'authorization.k8s.io', version: 'v1', schema }],
  stored: false,
  validate: validateSubjectAccessReview,
});
