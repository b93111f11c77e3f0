// Credentials of registries by the images they are for, and those of imagePullSecrets: the .dockerconfigjson form and its
// older sibling.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/

import { createHash } from 'node:crypto';
import type { Secret } from '../../api/core/secret.ts';
import { fullNameOf, registryOf } from '../../machinery/image-reference.ts';
import type { AuthConfig } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { Access } from './pull-records.ts';

interface DockerEntry {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
}

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
    return (json ? parsed.auths : parsed) ?? {};
  } catch {
    return {}; // not JSON: the pull goes on without it and fails by itself where it is needed
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

/** `*.example.com:5000/team`: a star stands for a part of a host's name, a path for all that begins with it. */
export function matchesImage(pattern: string, image: string): boolean {
  const [host = '', ...path] = pattern.split('/');
  const registry = registryOf(image);
  const glob = new RegExp(`^${host.split('*').map(escapeRegExp).join('[^.:]*')}$`);
  return glob.test(registry) && fullNameOf(image).startsWith([registry, ...path].join('/'));
}

const escapeRegExp = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

function toAuthConfig(server: string, entry: DockerEntry) {
  const [user = '', ...password] = Buffer.from(entry.auth ?? '', 'base64')
    .toString()
    .split(':');
  return {
    username: entry.username ?? user,
    password: entry.password ?? password.join(':'),
    server_address: server,
    ...(entry.identitytoken ? { identity_token: entry.identitytoken } : {}),
  };
}
