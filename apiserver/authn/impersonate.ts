// Impersonation: acting as somebody else, where allowed.
// https://kubernetes.io/docs/reference/access-authn-authz/authentication/#user-impersonation
import { badRequestError, forbiddenError } from '../../machinery/errors.ts';
import { setKey } from '../../machinery/json.ts';
import { type Authorizer, describeDenial } from '../authz/attributes.ts';
import { several } from '../server-headers.ts';
import { unescapeKey } from './request-header.ts';
import { anonymousUser, type UserInfo } from './user.ts';

const prefix = 'impersonate-';
const extraPrefix = `${prefix}extra-`;
const authenticationGroup = 'authentication.k8s.io';
const unauthenticated = 'system:unauthenticated';

interface Wish {
  group: string;
  resource: string;
  subresource: string;
  namespace: string;
  name: string;
}

/** The user a request acts as. 403 where the real user may not act as them. */
export async function impersonate(
  real: UserInfo,
  headers: Record<string, string | string[] | undefined>,
  authorizer: Authorizer,
): Promise<UserInfo> {
  if (!Object.keys(headers).some((name) => name.startsWith(prefix))) return real;
  const username = single(headers['impersonate-user']);
  const uid = single(headers['impersonate-uid']);
  const groups = several(headers['impersonate-group']);
  const extra: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith(extraPrefix)) setKey(extra, unescapeKey(name.slice(extraPrefix.length)), several(value));
  }
  if (!username) {
    if (uid || groups.length > 0 || Object.keys(extra).length > 0) {
      throw badRequestError('requested [uid, group or extra] impersonation without impersonating a user');
    }
    return real;
  }
  const account = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username);
  const core = { group: '', subresource: '', namespace: '' };
  const wishes: Wish[] = [
    account
      ? { ...core, resource: 'serviceaccounts', namespace: account[1]!, name: account[2]! }
      : { ...core, resource: 'users', name: username },
    ...groups.map((name) => ({ ...core, resource: 'groups', name })),
    ...(uid ? [{ ...core, group: authenticationGroup, resource: 'uids', name: uid }] : []),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((name) => ({
        ...core,
        group: authenticationGroup,
        resource: 'userextras',
        subresource: key,
        name,
      })),
    ),
  ];
  for (const wish of wishes) {
    const attributes = { ...wish, user: real, verb: 'impersonate', isResource: true, version: 'v1', path: '' };
    if (!(await authorizer.authorize(attributes)).allowed)
      throw forbiddenError(wish, wish.name, describeDenial(attributes));
  }
  const implied = account ? ['system:serviceaccounts', `system:serviceaccounts:${account[1]}`] : [];
  const all = new Set(groups.length > 0 ? groups : implied);
  if (username === anonymousUser.username) all.add(unauthenticated);
  else if (!all.has(unauthenticated)) all.add('system:authenticated');
  return { username, ...(uid ? { uid } : {}), groups: [...all], ...(Object.keys(extra).length > 0 ? { extra } : {}) };
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}
