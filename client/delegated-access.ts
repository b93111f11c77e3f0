// Servers that are not the API server leave to it who somebody is and what they may: it is asked with reviews, and
// believed for a while. Upstream: the delegating authenticator and authorizer of k8s.io/apiserver.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import type { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from '../api/authorization/access-attributes.ts';
import { AnswerCache } from '../machinery/answer-cache.ts';
import type { Clock } from '../machinery/clock.ts';
import type { KubeClient } from './rest.ts';

export type User = Pick<SubjectAccessReviewSpec, 'user' | 'uid' | 'groups' | 'extra'>;
export type Attributes = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;
type Asked = Pick<KubeClient, 'request'>;

const timeoutMs = 10_000;

/** Whose a bearer token is; undefined for one that is no good. Throws where the API server cannot be asked. */
export function tokenReviewer(
  client: Asked,
  clock: Clock,
  ttlMs: number,
): (token: string) => Promise<User | undefined> {
  const cache = new AnswerCache<User | undefined>(clock, () => ttlMs);
  const path = '/apis/authentication.k8s.io/v1/tokenreviews';
  return (token) =>
    cache.get(token, async () => {
      const review = { kind: 'TokenReview', apiVersion: 'authentication.k8s.io/v1', spec: { token } };
      const { status } = await client.request({ method: 'POST', path, body: JSON.stringify(review), timeoutMs });
      if (!status?.authenticated) return undefined;
      const { username: user, ...more } = status.user;
      return { user, ...more };
    });
}

/** Whether a user may do something. Throws where the API server cannot be asked. */
export function accessReviewer(
  client: Asked,
  clock: Clock,
  { allowedMs, deniedMs }: Record<'allowedMs' | 'deniedMs', number>,
) {
  const cache = new AnswerCache<SubjectAccessReviewStatus>(clock, ({ allowed }) => (allowed ? allowedMs : deniedMs));
  const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
  return (user: User, attributes: Attributes): Promise<SubjectAccessReviewStatus> => {
    const spec = { ...user, ...attributes };
    const body = JSON.stringify({ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', spec });
    return cache.get(body, async () => (await client.request({ method: 'POST', path, body, timeoutMs })).status);
  };
}
