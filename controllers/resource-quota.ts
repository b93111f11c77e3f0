// Keeps the status of quotas true: the limits in force, and what is used. Admission adds to it what comes; this counts
// what is there, so that what has gone is given back. Upstream: pkg/controller/resourcequota.
//
// A limit is in force with what the server has: pods that came before it and are not seen here are used up as well, also
// those that came while its first count was on its way, which admission charged to nobody.
// What is used is only lowered once nothing has been added for a moment, and by what the server has then: what admission
// has counted may not be stored yet, or not be seen here, and to give its place away would let in too much.
import type { ResourceList } from '../api/core/pod/resource-totals.ts';
import type { ResourceQuota } from '../api/core/resourcequota/schema.ts';
import { addKnown, type CountedKind, countedBy, evaluatorOf, isInScope } from '../api/core/resourcequota/usage.ts';
import { ResourceQuotaKind } from '../api/core/resourcequota.ts';
import { type ControllerContext, defineController } from '../client/controller.ts';
import type { Lister } from '../client/store.ts';
import type { Clock } from '../machinery/clock.ts';
import { jsonEqual } from '../machinery/json.ts';
import type { Kind } from '../machinery/kind.ts';
import { type KubeObject, keyOf } from '../machinery/metadata.ts';
import { compareQuantities } from '../machinery/quantity.ts';
import { writeStatus } from './status.ts';

const settleMs = 1_000;

/** What the objects in the quota's scopes use of what it limits. Names that nothing counts are left out. Pure. */
export function countUse(
  quota: ResourceQuota,
  objectsOf: (kind: CountedKind) => readonly KubeObject[] | undefined,
  nowMs: number,
): ResourceList {
  const used: ResourceList = {};
  const names = Object.keys(quota.spec.hard ?? {});
  const kinds = new Map(
    names.flatMap((name) => countedBy(name) ?? []).map((kind) => [`${kind.plural}.${kind.group}`, kind]),
  );
  for (const kind of kinds.values()) {
    const objects = objectsOf(kind);
    if (!objects) continue;
    const evaluator = evaluatorOf(kind);
    const own: ResourceList = Object.fromEntries(
      names.filter((name) => evaluator.counts(name)).map((name) => [name, '0']),
    );
    for (const object of objects) {
      if (isInScope(evaluator, quota, object)) addKnown(own, evaluator.usage(object, nowMs));
    }
    Object.assign(used, own);
  }
  return used;
}

/** The status to write; of what would become less only what `isSettled` allows. Pure. */
export function planStatus(quota: ResourceQuota, counted: ResourceList, isSettled: boolean): ResourceQuota['status'] {
  const before = quota.status?.used ?? {};
  const used = Object.entries(counted).map(([name, amount]) => {
    const isLess = before[name] !== undefined && compareQuantities(amount, before[name]) < 0;
    return [name, isLess && !isSettled ? before[name]! : amount];
  });
  return { ...(quota.spec.hard && { hard: quota.spec.hard }), used: Object.fromEntries(used) };
}

/** The objects of the kinds that quotas count, followed from when the first quota names them. */
class CountedObjects {
  readonly #context: ControllerContext;
  readonly #onUse: (namespace: string) => void;
  readonly #listers = new Map<Kind, Promise<Lister<KubeObject>>>();

  /** `onUse` is called when what a namespace uses may have changed. */
  constructor(context: ControllerContext, onUse: (namespace: string) => void) {
    this.#context = context;
    this.#onUse = onUse;
  }

  /** Undefined for what is not served, or is in no namespace. */
  async list(counted: CountedKind, namespace: string, isFresh: boolean): Promise<readonly KubeObject[] | undefined> {
    const { kinds } = this.#context;
    await kinds.synced();
    const kind = kinds.current.find((k) => k.group === counted.group && k.plural === counted.plural && k.namespaced);
    if (!kind) return undefined;
    const known = this.#listers.getOrInsertComputed(kind, () => this.#follow(kind));
    if (isFresh) return (await this.#context.resource<KubeObject>(kind).list({ namespace })).items;
    return (await known).inNamespace(namespace);
  }

  async #follow(kind: Kind): Promise<Lister<KubeObject>> {
    const evaluator = evaluatorOf(kind);
    const { clock } = this.#context;
    // Where each object counts as one, nothing but its name is needed.
    const informer = this.#context.informer<KubeObject>(kind, evaluator.countsParts ? {} : { metadataOnly: true });
    informer.onChange((object, old) => {
      const nowMs = clock.now();
      const isSame =
        object &&
        old &&
        !evaluator.countsUpdates &&
        jsonEqual(object.spec, old.spec) &&
        jsonEqual(evaluator.usage(object, nowMs), evaluator.usage(old, nowMs));
      if (!isSame) this.#onUse((object ?? old)!.metadata.namespace ?? '');
    });
    await informer.synced();
    return informer.lister;
  }
}

interface Seen {
  version: string;
  sinceMs: number;
}

interface Deps {
  clock: Clock;
  objects: CountedObjects;
  update: (quota: ResourceQuota) => Promise<ResourceQuota>;
  /** Since when each quota is as it is. */
  seen: Map<string, Seen>;
  /** Those whose limits came into force, and which have not been counted since. */
  late: Set<string>;
}

/** For how long nobody has written the quota. */
function unchangedMs({ metadata }: ResourceQuota, { clock, seen }: Deps): number {
  const key = `${metadata.namespace}/${metadata.name}`;
  const version = metadata.resourceVersion ?? '';
  const known = seen.get(key);
  if (known?.version === version) return clock.monotonicMs() - known.sinceMs;
  seen.set(key, { version, sinceMs: clock.monotonicMs() });
  return 0;
}

/** What is used, as it is seen here, or fresh from the server. */
async function count(quota: ResourceQuota, { objects, clock }: Deps, isFresh: boolean): Promise<ResourceList> {
  const kinds = Object.keys(quota.spec.hard ?? {}).flatMap((name) => countedBy(name) ?? []);
  const lists = new Map<string, readonly KubeObject[] | undefined>();
  for (const kind of kinds) {
    const name = `${kind.plural}.${kind.group}`;
    if (!lists.has(name)) lists.set(name, await objects.list(kind, quota.metadata.namespace ?? '', isFresh));
  }
  return countUse(quota, (kind) => lists.get(`${kind.plural}.${kind.group}`), clock.now());
}

export const resourceQuotaController = defineController({
  name: 'resourcequota-controller',
  kind: ResourceQuotaKind,
  deps: (context, enqueue): Deps => {
    const { lister } = context.informer(ResourceQuotaKind);
    const onUse = (namespace: string) => {
      for (const quota of lister.inNamespace(namespace)) enqueue(keyOf(quota));
    };
    return {
      clock: context.clock,
      objects: new CountedObjects(context, onUse),
      update: (quota) => context.resource(ResourceQuotaKind).updateStatus(quota),
      seen: new Map(),
      late: new Set(),
    };
  },
  async reconcile(quota, deps) {
    const isSettled = unchangedMs(quota, deps) >= settleMs;
    const isInForce = jsonEqual(quota.spec.hard, quota.status?.hard);
    if (!isInForce) deps.late.add(keyOf(quota));
    let counted = await count(quota, deps, deps.late.has(keyOf(quota)));
    const isLess = () => !jsonEqual(planStatus(quota, counted, true), planStatus(quota, counted, false));
    if (isSettled && isLess()) counted = await count(quota, deps, true);
    await writeStatus(quota, planStatus(quota, counted, isSettled), deps.update);
    if (isInForce) deps.late.delete(keyOf(quota));
    return isSettled || !isLess() ? undefined : { requeueAfterMs: settleMs };
  },
  forget: (key, { seen, late }) => {
    seen.delete(key);
    late.delete(key);
  },
});
