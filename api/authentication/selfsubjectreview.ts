// SelfSubjectReview: asks who the caller is.
// Answered, never kept: `kubectl auth whoami` asks it.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { userInfo } from './user-info.ts';

const selfSubjectReviewStatus = s.api('authentication.v1.SelfSubjectReviewStatus', 'Who the caller is.', {
  userInfo: s.field(userInfo, 'The caller.', { always: true }),
});

const schema = s.api('authentication.v1.SelfSubjectReview', 'Asks who the caller is.', {
  ...objectFields,
  status: s.field(selfSubjectReviewStatus, 'The answer.', { always: true }),
});
export interface SelfSubjectReview extends ObjectOf<typeof schema> {}

export const SelfSubjectReviewKind = defineKind<SelfSubjectReview>({
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  scope: 'Cluster',
  verbs: ['create'],
  served: [{ group: 'authentication.k8s.io', version: 'v1', schema }],
  stored: false,
});
