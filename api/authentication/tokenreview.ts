// TokenReview: asks whose a token is.
// Answered, never kept: kubelets ask it about their callers.
// https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-review-v1/
import { defineKind } from '../../machinery/kind.ts';
import { objectFields } from '../../machinery/metadata.ts';
import { atomic, mandatory, s } from '../../machinery/schema.ts';
import type { ObjectOf } from '../meta/object.ts';
import { userInfo } from './user-info.ts';

const tokenReviewSpec = s.api('authentication.v1.TokenReviewSpec', 'A token to check.', {
  audiences: s.list(s.string(''), 'Audiences the token should be for.', atomic),
  token: s.string('The bearer token.', { required: true }),
});

export const tokenReviewStatus = s.api('authentication.v1.TokenReviewStatus', 'Whose a token is.', {
  audiences: s.list(s.string(''), 'Audiences asked for that the token is for.', atomic),
  authenticated: s.boolean('Whether the token is good.'),
  error: s.string('Why it could not be checked.'),
  user: s.field(userInfo, 'Who it belongs to.', { always: true }),
});

const schema = s.api('authentication.v1.TokenReview', 'Asks whose a token is.', {
  ...objectFields,
  spec: s.field(tokenReviewSpec, 'The question.', mandatory),
  status: s.field(tokenReviewStatus, 'The answer.', { always: true }),
});
export interface TokenReview extends ObjectOf<typeof schema> {}

export const TokenReviewKind = defineKind<TokenReview>({
  kind: 'TokenReview',
  plural: 'tokenreviews',
  scope: 'Cluster',
  verbs: ['create'],
  served: [{ group: 'authentication.k8s.io', version: 'v1', schema }],
  stored: false,
});
