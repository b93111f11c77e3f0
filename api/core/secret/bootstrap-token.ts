// Secrets that are bootstrap tokens: a node asks for its first certificate with one, or trusts by it what the cluster says
// of itself. Upstream: k8s.io/cluster-bootstrap/util/secrets.
// https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/#bootstrap-token-secret-format
import { parseTimestamp } from '../../../machinery/cel/time.ts';
import type { Secret } from '../secret.ts';

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token';

/** A text of the Secret; empty without it. */
export function secretText({ data }: Secret, key: string): string {
  const bytes = Uint8Array.from(atob(data?.[key] ?? ''), (char) => char.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

/** Milliseconds for which the token is good: none once it has expired or when its end cannot be read, Infinity without one. */
export function tokenLeftMs(secret: Secret, nowMs: number): number {
  const expiration = secretText(secret, 'expiration');
  if (expiration === '') return Number.POSITIVE_INFINITY;
  const end = parseTimestamp(expiration);
  return end ? Math.max(0, Number(end.nanos / 1_000_000n) - nowMs) : 0;
}
