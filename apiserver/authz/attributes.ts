// What is to be authorized, and the answer.
import type { UserInfo } from '../authn/user.ts';

export interface Attributes {
  user: UserInfo;
  verb: string;
  isResource: boolean;
  group: string;
  version: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
  /** Of non-resource requests. */
  path: string;
  /** Of lists and watches, as it was sent. */
  fieldSelector?: string;
}

/** What an authorizer says: not to allow is to have no opinion, and the next one is asked. */
export interface Decision {
  allowed: boolean;
  /** Why; what those say who had no opinion is told to the client. */
  reason: string;
}

export interface PolicyRule {
  verbs: string[] | null;
  apiGroups?: string[];
  resources?: string[];
  resourceNames?: string[];
  nonResourceURLs?: string[];
}

export interface Authorizer {
  authorize(attributes: Attributes): Decision;
  /** Every rule that applies to a user in a namespace. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[];
}

/** Asks one after the other; the first that allows decides. */
export function authorizeByAny(authorizers: readonly Authorizer[]): Authorizer {
  return {
    authorize(attributes) {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes);
        if (decision.allowed) return decision;
        if (decision.reason !== '') reasons.push(decision.reason);
      }
      return { allowed: false, reason: reasons.join('\n') };
    },
    rulesFor: (user, namespace) => authorizers.flatMap((authorizer) => authorizer.rulesFor(user, namespace)),
  };
}

/** The sentence of a 403. */
export function describeDenial(a: Attributes): string {
  const user = JSON.stringify(a.user.username);
  if (!a.isResource) return `User ${user} cannot ${a.verb} path ${JSON.stringify(a.path)}`;
  const resource = a.subresource ? `${a.resource}/${a.subresource}` : a.resource;
  const where = a.namespace ? `in the namespace ${JSON.stringify(a.namespace)}` : 'at the cluster scope';
  return `User ${user} cannot ${a.verb} resource ${JSON.stringify(resource)} in API group ${JSON.stringify(a.group)} ${where}`;
}
