// LocalSubjectAccessReview: asks whether a user may do something in a namespace.
// Like SubjectAccessReview, for those who may ask about one namespace only. Answered, never kept.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { subjectAccessReviewSpec, subjectAccessReviewStatus } from './access-attributes.ts';
import { validateLocalSubjectAccessReview } from './validation.ts';

const schema = s.api('authorization.v1.LocalSubjectAccessReview', 'What a user may do in a namespace.', {
  ...objectFields,
  spec: s.field(subjectAccessReviewSpec, 'The question.', mandatory),
  status: s.field(subjectAccessReviewStatus, 'The answer.', { always: true }),
});
export interface LocalSubjectAccessReview extends ObjectOf<typeof schema> {}

export const LocalSubjectAccessReviewKind = defineKind<LocalSubjectAccessReview>({
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  scope: 'Namespaced',
  verbs: ['create'],
  served: [{ group: 'authorization.k8s.io', version: 'v1', schema }],
  stored: false,
  validate: validateLocalSubjectAccessReview,
});
