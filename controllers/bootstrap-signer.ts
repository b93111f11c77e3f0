// Signs what the cluster says of itself: for each bootstrap token that may sign, ConfigMap kube-public/cluster-info has a
// signature of its kubeconfig, by which who joins with that token trusts it. Upstream: bootstrapsigner in
// pkg/controller/bootstrap. https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#configmap-signing
import { CompactSign } from 'jose';
import { type ConfigMap, ConfigMapKind } from '../api/core/configmap.ts';
import { bootstrapTokenType, secretText, tokenLeftMs } from '../api/core/secret/bootstrap-token.ts';
import { type Secret, SecretKind } from '../api/core/secret.ts';
import { defineController } from '../client/controller.ts';
import { unlessGone } from '../machinery/errors.ts';
import { jsonEqual } from '../machinery/json.ts';

const infoKey = 'kube-public/cluster-info';
const signaturePrefix = 'jws-kubeconfig-';
const infos = { namespace: 'kube-public', fieldSelector: 'metadata.name=cluster-info' };
export const bootstrapTokens = { namespace: 'kube-system', fieldSelector: `type=${bootstrapTokenType}` };

/** Ids and secrets of the tokens that may sign now, and milliseconds until the first of them may no longer. Pure. */
export function signingTokens(
  secrets: readonly Secret[],
  nowMs: number,
): { tokens: [string, string][]; leftMs: number } {
  const tokens: [string, string][] = [];
  let leftMs = Number.POSITIVE_INFINITY;
  for (const secret of secrets) {
    const id = secretText(secret, 'token-id');
    const value = secretText(secret, 'token-secret');
    const isNamed = /^[a-z0-9]{6}$/.test(id) && secret.metadata.name === `bootstrap-token-${id}`;
    const ofTokenMs = tokenLeftMs(secret, nowMs);
    if (!isNamed || value === '' || ofTokenMs === 0) continue;
    if (secretText(secret, 'usage-bootstrap-signing') !== 'true') continue;
    tokens.push([id, value]);
    leftMs = Math.min(leftMs, ofTokenMs);
  }
  return { tokens, leftMs };
}

/** The data with a signature of its kubeconfig by each token and no others; a JWS without its content. */
export async function signData(
  data: Readonly<Record<string, string>>,
  kubeconfig: string,
  tokens: readonly [id: string, secret: string][],
): Promise<Record<string, string>> {
  const content = new TextEncoder().encode(kubeconfig);
  const signatures = tokens.map(async ([kid, secret]): Promise<[string, string]> => {
    const signing = new CompactSign(content).setProtectedHeader({ alg: 'HS256', kid });
    const [header, , signature] = (await signing.sign(new TextEncoder().encode(secret))).split('.');
    return [signaturePrefix + kid, `${header}..${signature}`];
  });
  const others = Object.entries(data).filter(([key]) => !key.startsWith(signaturePrefix));
  return Object.fromEntries([...others, ...(await Promise.all(signatures))]);
}

export const bootstrapSignerController = defineController({
  name: 'bootstrap-signer-controller',
  kind: ConfigMapKind,
  options: infos,
  related: [{ kind: SecretKind, options: bootstrapTokens, keys: () => [infoKey] }],
  concurrency: 1,
  deps: (context) => ({
    clock: context.clock,
    secrets: context.informer(SecretKind, bootstrapTokens).lister,
    client: context.resource(ConfigMapKind),
  }),
  async reconcile(info: ConfigMap, { clock, secrets, client }) {
    const before = info.data ?? {};
    if (before.kubeconfig === undefined) return undefined;
    const { tokens, leftMs } = signingTokens(secrets.list(), clock.now());
    const data = await signData(before, before.kubeconfig, tokens);
    if (!jsonEqual(data, before)) await unlessGone(client.update({ ...info, data }));
    return Number.isFinite(leftMs) ? { requeueAfterMs: leftMs } : undefined;
  },
});
