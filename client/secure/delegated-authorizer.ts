// Whether somebody may ask: the API server is asked in turn, and believed for a while. Upstream: the delegating authorizer
// of k8s.io/apiserver. https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import { LRUCache } from 'lru-cache';
import type { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from '../../api/authorization/access-attributes.ts';
import type { Clock } from '../../machinery/clock.ts';
import { forbiddenError, StatusError } from '../../machinery/errors.ts';
import type { KubeClient } from '../rest.ts';

export type User = Pick<SubjectAccessReviewSpec, 'user' | 'uid' | 'groups' | 'extra'>;
export type Attributes = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

export const cachedMs = 10_000;
export const maxCached = 1_000;
const all = 'system:masters';

export const attributesOfPath = (path: string, verb = 'get'): Attributes => ({ nonResourceAttributes: { path, verb } });

function refusal(user: string, { resourceAttributes: at, nonResourceAttributes: path }: Attributes, why: string) {
  const reason = why ? `: ${why}` : '';
  if (!at) {
    const message = `forbidden: User ${JSON.stringify(user)} cannot ${path?.verb} path ${JSON.stringify(path?.path)}${reason}`;
    return new StatusError(403, 'Forbidden', message);
  }
  const { group = '', verb, namespace } = at;
  const resource = at.subresource ? `${at.resource}/${at.subresource}` : (at.resource ?? '');
  const where = namespace ? `in the namespace ${JSON.stringify(namespace)}` : 'at the cluster scope';
  const text = `User ${JSON.stringify(user)} cannot ${verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(group)} ${where}`;
  return forbiddenError({ group, resource: at.resource ?? '' }, at.name ?? '', `${text}${reason}`);
}

export type Authorizer = (user: User, attributes: Attributes) => Promise<void>;

/** Throws 403 for what somebody may not. */
export function delegatedAuthorizer(client: Pick<KubeClient, 'request'>, clock: Clock): Authorizer {
  const known = new LRUCache<string, { atMs: number; status: SubjectAccessReviewStatus }>({ max: maxCached });
  return async (user, attributes) => {
    if (user.groups?.includes(all)) return;
    const spec = { ...user, ...attributes };
    const body = JSON.stringify({ kind: 'SubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', spec });
    let answer = known.get(body);
    if (!answer || clock.now() - answer.atMs > cachedMs) {
      const path = '/apis/authorization.k8s.io/v1/subjectaccessreviews';
      const { status } = await client.request({ method: 'POST', path, body });
      answer = { atMs: clock.now(), status };
      known.set(body, answer);
    }
    const { allowed, denied, reason = '' } = answer.status;
    if (!allowed || denied) throw refusal(user.user ?? '', attributes, reason);
  };
}
