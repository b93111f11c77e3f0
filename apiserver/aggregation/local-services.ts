// An APIService for each group and version that this server has itself: of built-in ones made at start, of custom ones
// as long as they are served. Upstream: kube-aggregator's autoregister controller and crdRegistrationController.
import { type APIService, APIServiceKind as kind } from '../../api/apiregistration/apiservice.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { createIfAbsent } from '../bootstrap/create.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { ownGroup, priorityOf } from './priorities.ts';

const label = 'kube-aggregator.kubernetes.io/automanaged';

type Managed = 'onstart' | 'true';
interface Wanted {
  managed: Managed;
  object: Pick<APIService, 'metadata' | 'spec'> & { kind: string };
}

function wantedServices({ kinds }: ApiContext): Map<string, Wanted> {
  const out = new Map<string, Wanted>();
  for (const { group, version, resources } of kinds.groupVersions()) {
    if (group === ownGroup) continue;
    const name = `${version}.${group}`;
    const managed = resources.every((one) => one.kind.isCustom) ? 'true' : 'onstart';
    const metadata = { name, labels: { [label]: managed } };
    const spec = { ...(group ? { group } : {}), version, ...priorityOf(group, version) };
    out.set(name, { managed, object: { kind: 'APIService', metadata, spec } as Wanted['object'] });
  }
  return out;
}

/** Brings one to what it should be; one that a user made, or took over by removing the label, is left alone. */
async function settle(
  context: ApiContext,
  name: string,
  { wanted, found }: { wanted: Wanted | undefined; found: APIService | undefined },
): Promise<void> {
  if (!found) return wanted && createIfAbsent(context, ownGroup, wanted.object as never);
  const managed = found.metadata.labels?.[label];
  if (managed !== 'true' && managed !== 'onstart') return;
  if (!wanted)
    return deleteObject(context, kind, { namespace: '', name, options: {} }, writeAs(kind)).then(() => undefined);
  const { object } = wanted;
  const produce = (old: any) => ({
    ...old,
    metadata: { ...old.metadata, labels: { ...old.metadata.labels, ...object.metadata.labels } },
    spec: { ...object.spec },
  });
  const next = produce(found);
  if (jsonEqual(next.spec, found.spec) && jsonEqual(next.metadata, found.metadata)) return;
  await updateObject(context, kind, { namespace: '', name, subresource: '', produce }, writeAs(kind));
}

/** Settles all of them, or those of custom resources alone. Another server may be at it too. */
export async function settleLocalServices(context: ApiContext, which: 'all' | 'custom'): Promise<void> {
  const { store } = context;
  await store.cache.waitConsistent();
  const wanted = wantedServices(context);
  const found = new Map<string, APIService>();
  for (const { object } of store.resource(kind).list(keyPrefixOf(kind))) {
    found.set(object.metadata.name ?? '', object as APIService);
  }
  for (const name of new Set([...wanted.keys(), ...found.keys()])) {
    const pair = { wanted: wanted.get(name), found: found.get(name) };
    const managed = pair.wanted?.managed ?? pair.found?.metadata.labels?.[label];
    if (which === 'custom' && managed !== 'true') continue;
    await settle(context, name, pair).catch((err) => {
      if (!isConflict(err) && !isNotFound(err)) throw err;
    });
  }
}
