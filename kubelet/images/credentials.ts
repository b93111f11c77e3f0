// Credentials of registries by the images they are for, and those of imagePullSecrets: the .dockerconfigjson form and its
// older sibling.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/

import { createHash } from 'node:crypto';
import type { Secret } from '../../api/core/secret.ts';
import { decodeValue } from '../../machinery/decode.ts';
import { fullNameOf, registryOf } from '../../machinery/image-reference.ts';
import { s, type TypeOf } from '../../machinery/schema.ts';
import type { AuthConfig } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { Access } from './pull-records.ts';

const text = s.string('');
const dockerEntries = s.map(
  s.object('DockerEntry', '', { username: text, password: text, auth: text, identitytoken: text }),
  'By registry.',
);
type DockerEntry = TypeOf<typeof dockerEntries>[string];

export interface CredentialSource {
  /** By the registry, or what of it, they are for. */
  entries: Record<string, DockerEntry>;
  /** Who may use what they open. */
  accessOf(credentialHash: string): Access;
}

export interface Credentials {
  auth: Init<AuthConfig>;
  access: Access;
}

export function fromSecret(secret: Secret): CredentialSource {
  const { uid = '', namespace = '', name = '' } = secret.metadata;
  const accessOf = (credentialHash: string) => ({ kubernetesSecrets: [{ uid, namespace, name, credentialHash }] });
  return { entries: entriesOf(secret), accessOf };
}

/** The credentials for an image, the most specific first. Secrets that cannot be read are passed over. */
export function findCredentials(image: string, sources: readonly CredentialSource[]): Credentials[] {
  const found: (Credentials & { length: number })[] = [];
  for (const { entries, accessOf } of sources) {
    for (const [server, entry] of Object.entries(entries)) {
      if (!matchesRegistry(server, image)) continue;
      const { server_address, ...said } = toAuthConfig(server, entry);
      const credentialHash = createHash('sha256').update(JSON.stringify(said)).digest('hex');
      found.push({ length: server.length, auth: { ...said, server_address }, access: accessOf(credentialHash) });
    }
  }
  return found.sort((a, b) => b.length - a.length);
}

function entriesOf(secret: Secret): Record<string, DockerEntry> {
  const json = secret.data?.['.dockerconfigjson'];
  const legacy = secret.data?.['.dockercfg'];
  const text = Buffer.from(json ?? legacy ?? '', 'base64').toString();
  try {
    const parsed = JSON.parse(text || '{}');
    return decodeValue(dockerEntries, (json ? parsed.auths : parsed) ?? {}).value;
  } catch {
    return {}; // not in its form: the pull goes on without it and fails by itself where it is needed
  }
}

/** A registry as Docker writes it down; Docker Hub goes by several names. */
function matchesRegistry(server: string, image: string): boolean {
  const wanted = server
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '')
    .replace(/\/v[12]$/, '');
  return (
    matchesImage(wanted, image) || (/^(index|registry-1)\.docker\.io$/.test(wanted) && matchesImage('docker.io', image))
  );
}

/** `*.example.com:5000/team`: a star stands for what a part of a host's name holds, a path for all that begins with it. */
export function matchesImage(pattern: string, image: string): boolean {
  const [host = '', ...path] = pattern.split('/');
  const registry = registryOf(image);
  const [wanted, parts] = [host, registry].map((name) => name.split(/(?=[.:])/));
  const isHost = wanted!.length === parts!.length && wanted!.every((one, i) => matchesPart(one, parts![i]!));
  return isHost && fullNameOf(image).startsWith([registry, ...path].join('/'));
}

/** In time by the length of both, whatever the pattern: whoever writes a secret chooses it. */
function matchesPart(pattern: string, text: string): boolean {
  const [first = '', ...others] = pattern.split('*');
  const last = others.pop();
  if (last === undefined) return first === text;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let at = first.length;
  for (const piece of others) {
    const found = text.indexOf(piece, at);
    if (found < 0) return false;
    at = found + piece.length;
  }
  return at <= text.length - last.length;
}

function toAuthConfig(server: string, { username, password, auth = '', identitytoken }: DockerEntry) {
  const [user = '', ...rest] = Buffer.from(auth, 'base64').toString().split(':');
  return {
    username: username ?? user,
    password: password ?? rest.join(':'),
    server_address: server,
    ...(identitytoken ? { identity_token: identitytoken } : {}),
  };
}
