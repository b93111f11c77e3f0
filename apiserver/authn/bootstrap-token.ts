// Bootstrap tokens: Secrets of kube-system with which a node asks for its first certificate.
// Upstream: plugin/pkg/auth/authenticator/token/bootstrap.
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/
import { createHash, timingSafeEqual } from 'node:crypto';
import { bootstrapTokenType, secretText, tokenLeftMs } from '../../api/core/secret/bootstrap-token.ts';
import type { Secret } from '../../api/core/secret.ts';
import type { Clock } from '../../machinery/clock.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { UserInfo } from './user.ts';

const namespace = 'kube-system';
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
  if (found?.type !== bootstrapTokenType || found.metadata.deletionTimestamp) return undefined;
  const text = (key: string) => secretText(found as Secret, key);
  if (!isEqual(text('token-secret'), secret) || text('token-id') !== id) return undefined;
  if (text('usage-bootstrap-authentication') !== 'true') return undefined;
  if (tokenLeftMs(found as Secret, clock.now()) === 0) return undefined;
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
