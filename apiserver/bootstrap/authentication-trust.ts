// kube-system/extension-apiserver-authentication: what the API servers of aggregated groups must know
// to trust this one's requests and this cluster's clients. Upstream: clusterauthenticationtrust.
// https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/
import { X509Certificate } from 'node:crypto';
import { isAlreadyExists, isConflict } from '../../machinery/errors.ts';
import { cloneJson, jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { createIfAbsent } from './create.ts';

const namespace = 'kube-system';
const name = 'extension-apiserver-authentication';
const maxTries = 5;

export interface AuthenticationTrust {
  /** PEM. */
  clientCa: string;
  requestHeader?: {
    /** PEM. */
    ca: string;
    allowedNames: readonly string[];
    usernameHeaders: readonly string[];
    uidHeaders: readonly string[];
    groupHeaders: readonly string[];
    extraPrefixes: readonly string[];
  };
}

/** Writes what this server trusts to what others have written: several may have different authorities. */
export async function publishAuthenticationTrust(context: ApiContext, trust: AuthenticationTrust): Promise<void> {
  const kind = context.kinds.kind('', 'ConfigMap');
  const nowMs = context.clock.now();
  for (let tries = 1; ; tries++) {
    const found = (await context.store.find(kind, namespace, name))?.object;
    if (!found) {
      const data = mergeTrust({}, trust, nowMs);
      await createIfAbsent(context, '', { kind: 'ConfigMap', metadata: { name, namespace }, data });
      return;
    }
    if (jsonEqual(found.data ?? {}, mergeTrust(found.data ?? {}, trust, nowMs))) return;
    const produce = (old: KubeObject) => ({ ...cloneJson(old), data: mergeTrust(old.data ?? {}, trust, nowMs) });
    try {
      await updateObject(context, kind, { namespace, name, subresource: '', produce }, writeAs(kind));
      return;
    } catch (err) {
      if (tries === maxTries || !(isConflict(err) || isAlreadyExists(err))) throw err;
    }
  }
}

/** The content of the ConfigMap with this server's part added. Keys that are not ours stay. */
export function mergeTrust(
  data: Record<string, string>,
  { clientCa, requestHeader }: AuthenticationTrust,
  nowMs: number,
): Record<string, string> {
  const bundle = (key: string, pem: string) => mergeBundles(data[key] ?? '', pem, nowMs);
  const list = (key: string, values: readonly string[]) =>
    JSON.stringify([...new Set([...readList(data[key]), ...values])]);
  const out = { ...data, 'client-ca-file': bundle('client-ca-file', clientCa) };
  if (!requestHeader) return out;
  return {
    ...out,
    'requestheader-client-ca-file': bundle('requestheader-client-ca-file', requestHeader.ca),
    'requestheader-allowed-names': list('requestheader-allowed-names', requestHeader.allowedNames),
    'requestheader-username-headers': list('requestheader-username-headers', requestHeader.usernameHeaders),
    'requestheader-uid-headers': list('requestheader-uid-headers', requestHeader.uidHeaders),
    'requestheader-group-headers': list('requestheader-group-headers', requestHeader.groupHeaders),
    'requestheader-extra-headers-prefix': list('requestheader-extra-headers-prefix', requestHeader.extraPrefixes),
  };
}

/** A list as it stands in the ConfigMap; what somebody has broken counts as none. */
function readList(text: string | undefined): string[] {
  try {
    const value: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(value) ? value.filter((one) => typeof one === 'string') : [];
  } catch {
    return []; // it is written anew
  }
}

/** Certificates of both, each once, without those that have expired or cannot be read. */
function mergeBundles(a: string, b: string, nowMs: number): string {
  const blocks = `${a}\n${b}`.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const kept = new Map<string, string>();
  for (const block of blocks) {
    try {
      const certificate = new X509Certificate(block);
      if (Date.parse(certificate.validTo) > nowMs) kept.set(certificate.fingerprint256, `${block}\n`);
    } catch {} // nobody can trust it
  }
  return [...kept.values()].join('');
}
