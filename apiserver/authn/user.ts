// Who a request comes from.

export interface UserInfo {
  username: string;
  uid?: string;
  groups: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

export const anonymousUser: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** The API server's own requests to itself. */
export const loopbackUser: UserInfo = {
  username: 'system:apiserver',
  groups: ['system:masters', 'system:authenticated'],
};

/** Every authenticated user is in this group. */
export function authenticated(user: UserInfo): UserInfo {
  if (user.groups.includes('system:authenticated')) return user;
  return { ...user, groups: [...user.groups, 'system:authenticated'] };
}

const serviceAccountPrefix = 'system:serviceaccount:';

/** The user a service account acts as. */
export function serviceAccountUser(namespace: string, name: string, uid: string): UserInfo {
  return {
    username: `${serviceAccountPrefix}${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  };
}

export const nodesGroup = 'system:nodes';
const nodePrefix = 'system:node:';

/** The node that a user is, if it is one. */
export function nodeNameOf(user: UserInfo): string | undefined {
  if (!user.groups.includes(nodesGroup) || !user.username.startsWith(nodePrefix)) return undefined;
  return user.username.slice(nodePrefix.length) || undefined;
}

/** Where a user's extra says which credential was shown. */
export const credentialIdKey = 'authentication.kubernetes.io/credential-id';
