// Tokens of before there were bound ones: a Secret of the type kubernetes.io/service-account-token
// holds one, and it is good as long as that Secret holds it. Upstream: legacyValidator in pkg/serviceaccount.
// https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets
import type { JWTPayload } from 'jose';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { KindTable } from '../registry/kind-table.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { serviceAccountUser, type UserInfo } from './user.ts';

export const legacyIssuer = 'kubernetes/serviceaccount';

const claim = (name: string) => `${legacyIssuer}/${name}`;
/** Set by those who clean up tokens that nobody has used for long. */
const invalidLabel = 'kubernetes.io/legacy-token-invalid-since';

/** The user of a token whose signature is good, and its Secret; undefined when that or the account is there no more. */
export function legacyUser(
  payload: JWTPayload,
  token: string,
  { store, kinds }: { store: ObjectStore; kinds: KindTable },
): { user: UserInfo; secret: KubeObject } | undefined {
  const text = (name: string) => String(payload[claim(name)] ?? '');
  const namespace = text('namespace');
  const [secretName, name, uid] = [text('secret.name'), text('service-account.name'), text('service-account.uid')];
  if (!namespace || !secretName || !name || !uid) return undefined;
  if (payload.sub !== `system:serviceaccount:${namespace}:${name}`) return undefined;
  const secret = store.peek(kinds.kind('', 'Secret'), namespace, secretName)?.object;
  if (!secret || secret.metadata.deletionTimestamp || secret.metadata.labels?.[invalidLabel]) return undefined;
  if (Buffer.from(secret.data?.token ?? '', 'base64').toString('utf8') !== token) return undefined;
  const account = store.peek(kinds.kind('', 'ServiceAccount'), namespace, name)?.object;
  if (!account || account.metadata.deletionTimestamp || account.metadata.uid !== uid) return undefined;
  return { user: serviceAccountUser(namespace, name, uid), secret };
}
