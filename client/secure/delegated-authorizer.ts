// Whether somebody may ask: the API server is asked in turn, and believed for a while. Upstream: the delegating authorizer
// of k8s.io/apiserver. https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
import type { Clock } from '../../machinery/clock.ts';
import { forbiddenError, StatusError } from '../../machinery/errors.ts';
import { type Attributes, accessReviewer, type User } from '../delegated-access.ts';
import type { KubeClient } from '../rest.ts';

export const cachedMs = 10_000;
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
  const review = accessReviewer(client, clock, { allowedMs: cachedMs, deniedMs: cachedMs });
  return async (user, attributes) => {
    if (user.groups?.includes(all)) return;
    const { allowed, denied, reason = '' } = await review(user, attributes);
    if (!allowed || denied) throw refusal(user.user ?? '', attributes, reason);
  };
}
