// Bootstrap tokens: Secrets of kube-system with which a node asks for its first certificate.
// Upstream: plugin/pkg/auth/authenticator/token/bootstrap.
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../machinery/clock.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { UserInfo } from './user.ts';

const namespace = 'kube-system';
const secretType = 'bootstrap.kubernetes.io/token';
const bootstrappers = 'system:bootstrappers';
const extraGroup = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

/** The user of a token `id.secret`, or undefined when it is none or is not good now. */
export async function bootstrapUser(
  token: string,
  { store, kinds, clock }: { store: ObjectStore; kinds: KindTable; clock: Clock },
): Promise<UserInfo | undefined> {
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? [];
  if (!id || !secret) return undefined;
  const found = store.peek(kinds.kind('', 'Secret'), namespace, `bootstrap-token-${id}`)?.object;
  if (found?.type !== secretType || found.metadata.deletionTimestamp) return undefined;
  const text = (key: string) => Buffer.from(found.data?.[key] ?? '', 'base64').toString('utf8');
  if (!isEqual(text('token-secret'), secret) || text('token-id') !== id) return undefined;
  if (text('usage-bootstrap-authentication') !== 'true') return undefined;
  const expiration = text('expiration');
  // A time that cannot be read has passed.
  if (expiration !== '' && !(Date.parse(expiration) > clock.now())) return undefined;
  const extra = text('auth-extra-groups');
  const groups = extra === '' ? [] : extra.split(',');
  if (!groups.every((group) => extraGroup.test(group))) return undefined;
  return { username: `system:bootstrap:${id}`, groups: [...new Set([bootstrappers, ...groups])].sort() };
}

/** Takes as long for a wrong secret as for a right one. */
function isEqual(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
