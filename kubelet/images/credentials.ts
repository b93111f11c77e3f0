// Registry credentials from imagePullSecrets: the .dockerconfigjson form and its older sibling.
// https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/

import { createHash } from 'node:crypto';
import type { Secret } from '../../api/core/secret.ts';
import { fullNameOf, registryOf } from '../../machinery/image-reference.ts';
import type { AuthConfig } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { PullSecret } from './pull-records.ts';

interface DockerEntry {
  username?: string;
  password?: string;
  auth?: string;
  identitytoken?: string;
}

export interface Credentials {
  auth: Init<AuthConfig>;
  /** Where they come from. */
  secret: PullSecret;
}

/** The credentials for an image, the most specific first. Secrets that cannot be read are passed over. */
export function findCredentials(image: string, secrets: readonly Secret[]): Credentials[] {
  const found: (Credentials & { length: number })[] = [];
  for (const secret of secrets) {
    const { uid = '', namespace = '', name = '' } = secret.metadata;
    for (const [server, entry] of Object.entries(entriesOf(secret))) {
      if (!matchesRegistry(server, image)) continue;
      const { server_address, ...said } = toAuthConfig(server, entry);
      const credentialHash = createHash('sha256').update(JSON.stringify(said)).digest('hex');
      const from = { uid, namespace, name, credentialHash };
      found.push({ length: server.length, auth: { ...said, server_address }, secret: from });
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

/** `registry.example.com/team` matches all images below it; Docker Hub goes by several names. */
function matchesRegistry(server: string, image: string): boolean {
  const wanted = server
    .replace(/^https?:\/\//, '')
    .replace(/\/$/, '')
    .replace(/\/v[12]$/, '');
  const registry = registryOf(image);
  if (registry === 'docker.io') return /^(index\.|registry-1\.)?docker\.io(\/|$)/.test(wanted);
  const [host = '', ...path] = wanted.split('/');
  const pattern = new RegExp(`^${host.split('*').map(escapeRegExp).join('[^.]*')}$`);
  return pattern.test(registry) && `${fullNameOf(image)}/`.startsWith([registry, ...path].join('/'));
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
