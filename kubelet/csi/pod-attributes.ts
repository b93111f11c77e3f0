// What drivers are told of the pod they mount for, where their CSIDriver object asks for it.
// https://kubernetes-csi.github.io/docs/pod-info.html https://kubernetes-csi.github.io/docs/token-requests.html
import type { Pod } from '../../api/core/pod.ts';
import type { CSIDriver } from '../../api/storage/csidriver.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { ServiceAccountTokens } from '../objects/service-account-tokens.ts';

const prefix = 'csi.storage.k8s.io';

export const podAttributes = ({ metadata, spec }: Pod, isEphemeral: boolean): Record<string, string> => ({
  [`${prefix}/pod.name`]: metadata.name ?? '',
  [`${prefix}/pod.namespace`]: metadata.namespace ?? '',
  [`${prefix}/pod.uid`]: metadata.uid ?? '',
  [`${prefix}/serviceAccount.name`]: spec.serviceAccountName ?? '',
  [`${prefix}/ephemeral`]: String(isEphemeral),
});

/** Tokens of the pod's account as one attribute; `onAge` hears when the driver should get new ones. */
export async function tokenAttributes(
  tokens: ServiceAccountTokens,
  pod: Pod,
  object: CSIDriver | undefined,
  onAge: (atMs: number) => void,
): Promise<Record<string, string>> {
  const requests = object?.spec.tokenRequests ?? [];
  if (requests.length === 0) return {};
  const byAudience: Record<string, { token: string; expirationTimestamp: string }> = {};
  for (const { audience, expirationSeconds } of requests) {
    const wish = { path: '', audience, ...(expirationSeconds === undefined ? {} : { expirationSeconds }) };
    const { value, expiresAtMs, refreshAtMs } = await tokens.get(pod, wish);
    byAudience[audience] = { token: value, expirationTimestamp: timestamp(expiresAtMs) };
    // One that is not called again keeps the first.
    if (object?.spec.requiresRepublish) onAge(refreshAtMs);
  }
  return { [`${prefix}/serviceAccount.tokens`]: JSON.stringify(byAudience) };
}
