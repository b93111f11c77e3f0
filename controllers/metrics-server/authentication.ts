// Who asks: the API server in front says so in headers, and its certificate that it may. What to trust is written in
// kube-system/extension-apiserver-authentication. Upstream: the delegating authenticator of k8s.io/apiserver.
// https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/#extension-apiserver-authenticates-the-request
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { User } from '../../client/delegated-access.ts';
import { setKey } from '../../machinery/json.ts';
import { peerNameOf } from '../../machinery/peer-certificate.ts';

export interface Trust {
  /** PEM; empty: nobody is trusted. */
  ca: string;
  /** Common names of those who may speak for others; none stands for any. */
  allowedNames: readonly string[];
  usernameHeaders: readonly string[];
  uidHeaders: readonly string[];
  groupHeaders: readonly string[];
  extraPrefixes: readonly string[];
}

/** Reads the data of the ConfigMap; what is missing or broken trusts nobody. */
export function readTrust(data: Readonly<Record<string, string>> = {}): Trust {
  const list = (key: string): string[] => {
    try {
      const value: unknown = JSON.parse(data[`requestheader-${key}`] ?? '[]');
      return Array.isArray(value) ? value.map((one) => String(one).toLowerCase()) : [];
    } catch {
      return [];
    }
  };
  return {
    ca: data['requestheader-client-ca-file'] ?? '',
    allowedNames: list('allowed-names'),
    usernameHeaders: list('username-headers'),
    uidHeaders: list('uid-headers'),
    groupHeaders: list('group-headers'),
    extraPrefixes: list('extra-headers-prefix'),
  };
}

/** Node shows the bytes of a header as characters. */
const text = (bytes: string) => Buffer.from(bytes, 'latin1').toString();

/** Who a request is from; undefined for one that nobody vouches for. */
export function userOf({ socket, headersDistinct }: IncomingMessage, trust: Trust): User | undefined {
  if (!(socket as TLSSocket).authorized || trust.ca === '') return undefined;
  const name = peerNameOf(socket as TLSSocket)?.commonName ?? '';
  if (trust.allowedNames.length > 0 && !trust.allowedNames.includes(name.toLowerCase())) return undefined;
  const valuesOf = (names: readonly string[]) => names.flatMap((header) => headersDistinct[header] ?? []).map(text);
  const [user] = valuesOf(trust.usernameHeaders);
  if (!user) return undefined;
  const [uid] = valuesOf(trust.uidHeaders);
  const extra: Record<string, string[]> = {};
  for (const [header, values = []] of Object.entries(headersDistinct)) {
    const prefix = trust.extraPrefixes.find((one) => header.startsWith(one));
    if (prefix !== undefined) setKey(extra, decoded(header.slice(prefix.length)), values.map(text));
  }
  return { user, ...(uid ? { uid } : {}), groups: valuesOf(trust.groupHeaders), extra };
}

function decoded(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}
