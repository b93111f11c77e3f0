// When tokens of Secrets were used, so that those that nobody uses can go: a date on the Secret, once a day, and since when
// dates are kept, in kube-system. Upstream: legacytokentracking, and the legacy validator in pkg/serviceaccount.
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#legacy-serviceaccount-token-tracking-controller
import { isNotFound } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { createIfAbsent } from './create.ts';

const namespace = 'kube-system';
const name = 'kube-apiserver-legacy-service-account-token-tracking';
const lastUsedLabel = 'kubernetes.io/legacy-token-last-used';
const dayMs = 86_400_000;

const dateOf = (ms: number) => new Date(ms).toISOString().slice(0, 10);

/** Says since when uses are noted; what was said before holds, unless it is no date or one to come. */
export async function startLegacyTokenTracking(context: ApiContext): Promise<void> {
  const kind = context.kinds.kind('', 'ConfigMap');
  const since = dateOf(context.clock.now());
  await createIfAbsent(context, '', { kind: 'ConfigMap', metadata: { name, namespace }, data: { since } });
  const found = (await context.store.find(kind, namespace, name))?.object;
  const said = Date.parse(found?.data?.since ?? '');
  if (!found || said <= context.clock.now()) return;
  const produce = (old: KubeObject) => ({ ...cloneJson(old), data: { ...old.data, since } });
  await updateObject(context, kind, { namespace, name, subresource: '', produce }, writeAs(kind));
}

/** Notes that the token of a Secret was used today; nobody has to wait for it. Never rejects. */
export function legacyTokenUses(context: ApiContext): (secret: KubeObject) => Promise<void> {
  const underWay = new Set<string>();
  return async (secret) => {
    const nowMs = context.clock.now();
    const [today, tomorrow] = [dateOf(nowMs), dateOf(nowMs + dayMs)];
    const key = keyOf(secret);
    // Another server may be a day ahead.
    if ([today, tomorrow].includes(secret.metadata.labels?.[lastUsedLabel] ?? '') || underWay.has(key)) return;
    underWay.add(key);
    const kind = context.kinds.kind('', 'Secret');
    const produce = (old: KubeObject) => {
      const labels = { ...old.metadata.labels, [lastUsedLabel]: today };
      return { ...cloneJson(old), metadata: { ...cloneJson(old.metadata), labels } };
    };
    const { namespace: at = '', name: of = '' } = secret.metadata;
    try {
      await updateObject(context, kind, { namespace: at, name: of, subresource: '', produce }, writeAs(kind));
    } catch (err) {
      if (!isNotFound(err)) context.log.warn({ err, secret: key }, 'the use of a token could not be noted');
    } finally {
      underWay.delete(key);
    }
  };
}
