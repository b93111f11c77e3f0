// Tokens in Secrets that were made for accounts on their own (up to v1.23), and that nobody has used for a year: they are
// marked first, and deleted when nobody has missed them for another year. Those that people made stay. Upstream:
// legacy_serviceaccount_token_cleaner.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#legacy-serviceaccount-token-cleaner
import { ConfigMapKind } from '../api/core/configmap.ts';
import { podSecretNames } from '../api/core/pod/references.ts';
import { PodKind } from '../api/core/pod.ts';
import { type Secret, SecretKind } from '../api/core/secret.ts';
import { type ServiceAccount, ServiceAccountKind } from '../api/core/serviceaccount.ts';
import { type ControllerContext, defineController } from '../client/controller.ts';
import { isConflict, isNotFound } from '../machinery/errors.ts';
import { accountKeyOf, isFor, tokenSecrets } from './service-account-token.ts';

const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
const invalidLabel = 'kubernetes.io/legacy-token-invalid-since';
const trackingMap = {
  namespace: 'kube-system',
  fieldSelector: 'metadata.name=kube-apiserver-legacy-service-account-token-tracking',
};
const dayMs = 86_400_000;
/** Of `--legacy-service-account-token-clean-up-period`. */
export const defaultPeriodMs = 365 * dayMs;

const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);
/** NaN for what is no date. */
const dayOf = (date = '') => (/^\d{4}-\d\d-\d\d$/.test(date) ? Date.parse(date) : Number.NaN);

export interface TokenUse {
  account: ServiceAccount | undefined;
  isMounted(): boolean;
  /** Since when uses are noted (milliseconds); NaN when that is not known. */
  trackedSinceMs: number;
}

/** What is to be done with a token's Secret. Pure. */
export function planToken(
  secret: Secret,
  { account, isMounted, trackedSinceMs }: TokenUse,
  { nowMs, periodMs }: { nowMs: number; periodMs: number },
): 'keep' | 'mark' | 'delete' {
  const { labels = {}, creationTimestamp = '', deletionTimestamp, name } = secret.metadata;
  const oldestMs = nowMs - periodMs;
  // The day on which it began does not count.
  if (!(trackedSinceMs + dayMs <= oldestMs)) return 'keep';
  if (deletionTimestamp || !(Date.parse(creationTimestamp) < oldestMs)) return 'keep';
  const isOld = (date: string) => dayOf(date) < dayOf(dateOf(oldestMs));
  const lastUsed = labels[lastUsedLabel];
  if (lastUsed !== undefined && !isOld(lastUsed)) return 'keep';
  const isGenerated = isFor(secret, account) && (account.secrets ?? []).some((one) => one.name === name);
  if (!isGenerated || isMounted()) return 'keep';
  const since = labels[invalidLabel] ?? '';
  if (Number.isNaN(dayOf(since))) return 'mark';
  return isOld(since) ? 'delete' : 'keep';
}

function createDeps(context: ControllerContext, periodMs: number) {
  return {
    clock: context.clock,
    periodMs,
    accounts: context.informer(ServiceAccountKind).lister,
    pods: context.informer(PodKind).lister,
    tracked: context.informer(ConfigMapKind, trackingMap).lister,
    client: context.resource(SecretKind),
  };
}
type Deps = ReturnType<typeof createDeps>;

async function reconcile(secret: Secret, { clock, periodMs, accounts, pods, tracked, client }: Deps) {
  const { namespace = '', name = '', uid, resourceVersion } = secret.metadata;
  const nowMs = clock.now();
  const use: TokenUse = {
    account: accountKeyOf(secret).map((key) => accounts.get(key))[0],
    isMounted: () => pods.inNamespace(namespace).some(({ spec }) => podSecretNames(spec).has(name)),
    trackedSinceMs: dayOf(tracked.list()[0]?.data?.since),
  };
  const next = planToken(secret, use, { nowMs, periodMs });
  try {
    if (next === 'mark') {
      const metadata = { ...(uid ? { uid } : {}), labels: { [invalidLabel]: dateOf(nowMs) } };
      await client.patch(secret.metadata, { metadata }, { type: 'merge' });
    } else if (next === 'delete') await client.delete(secret.metadata, resourceVersion ? { resourceVersion } : {});
  } catch (err) {
    if (!isNotFound(err) && !isConflict(err)) throw err; // gone, or changed meanwhile: tomorrow again
  }
  return { requeueAfterMs: dayMs };
}

export const legacyTokenCleaner = (periodMs = defaultPeriodMs) =>
  defineController({
    name: 'legacy-serviceaccount-token-cleaner-controller',
    kind: SecretKind,
    options: tokenSecrets,
    deps: (context) => createDeps(context, periodMs),
    reconcile,
  });
