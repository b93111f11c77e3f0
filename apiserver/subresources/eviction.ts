// pods/eviction: a delete that a disruption budget may refuse.
// https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
import { buildDisruptionTarget } from '../../api/core/pod/disruption-target.ts';
import type { Pod } from '../../api/core/pod.ts';
import { EvictionKind } from '../../api/policy/eviction.ts';
import { putCondition } from '../../machinery/conditions.ts';
import { badRequestError, isConflict } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { parseBody } from '../endpoints/body.ts';
import { decodeAs, wantedAs } from '../endpoints/decode-object.ts';
import { type ApiRequest, successStatus } from '../endpoints/exchange.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { admitAs } from '../registry/admission-request.ts';
import type { ApiContext, WriteOptions } from '../registry/context.ts';
import { type DeleteOptions, deleteObject } from '../registry/delete.ts';
import { updateObject } from '../registry/update.ts';
import { budgetOf, goesUncounted, stillProcessed, takeFromBudget } from './disruption-budget.ts';
import type { Subresource } from './handler.ts';

const maxTries = 20;
const why = { reason: 'EvictionByEvictionAPI', message: 'Eviction API: evicting' };
const speaks = { group: 'policy', version: 'v1', kind: 'Eviction' };
const eviction = wantedAs(EvictionKind);

interface Wanted {
  wanted: DeleteOptions;
  options: WriteOptions;
}

/**
 * Writes into the pod why it ends: a job's policy tells it from a failure by this. Returns the
 * options to delete with; a version that the caller wants to meet is the one that this write made.
 */
async function announce(context: ApiContext, request: ApiRequest, { wanted, options }: Wanted): Promise<DeleteOptions> {
  const { kind, info } = request;
  const { uid, resourceVersion } = wanted.preconditions ?? {};
  const produce = (old: KubeObject): KubeObject => {
    const draft = cloneJson(old);
    // The update refuses what names another object or version.
    if (uid) draft.metadata.uid = uid;
    if (resourceVersion) draft.metadata.resourceVersion = resourceVersion;
    const target = buildDisruptionTarget(old, { ...why, nowMs: context.clock.now() });
    const conditions = putCondition(draft.status?.conditions ?? [], target);
    draft.status = { ...draft.status, conditions };
    return draft;
  };
  const target = {
    namespace: info.namespace,
    name: info.name,
    subresource: 'status',
    hasManagers: () => true, // nobody's: they stay
    produce,
  };
  const stored = await updateObject(context, kind, target, options);
  if (!resourceVersion) return wanted;
  return { ...wanted, preconditions: { ...wanted.preconditions, resourceVersion: String(stored.revision) } };
}

async function remove(context: ApiContext, request: ApiRequest, { wanted, options }: Wanted): Promise<void> {
  const { namespace, name } = request.info;
  const deletion = options.dryRun ? wanted : await announce(context, request, { wanted, options });
  await deleteObject(context, request.kind, { namespace, name, options: deletion }, options);
}

/** A pod that has ended, or never ran, counts in no budget. */
function countsNowhere({ metadata, status }: Pod): boolean {
  return !!metadata.deletionTimestamp || ['Succeeded', 'Failed', 'Pending'].includes(status?.phase ?? '');
}

async function evict(context: ApiContext, request: ApiRequest, { wanted, options }: Wanted): Promise<void> {
  const { namespace, name } = request.info;
  const isVersionGiven = wanted.preconditions?.resourceVersion !== undefined;
  /** With the version that was looked at, so that the pod is still what it was then. */
  const asSeen = (pod: Pod): DeleteOptions =>
    isVersionGiven
      ? wanted
      : { ...wanted, preconditions: { ...wanted.preconditions, resourceVersion: pod.metadata.resourceVersion! } };
  let pod: Pod;
  for (let tries = 1; ; tries++) {
    pod = (await context.store.get(request.kind, namespace, name)).object as Pod;
    if (!countsNowhere(pod)) break;
    // A pod that is about to run must not slip past its budget.
    const mayStart = !pod.metadata.deletionTimestamp && pod.status?.phase === 'Pending';
    try {
      return await remove(context, request, { wanted: mayStart ? asSeen(pod) : wanted, options });
    } catch (err) {
      if (isVersionGiven || !mayStart || !isConflict(err) || tries === maxTries) throw err;
    }
  }
  const budget = await budgetOf(context, pod);
  if (!budget) return remove(context, request, { wanted, options });
  if (!goesUncounted(pod, budget)) {
    await takeFromBudget(context, budget, name, options.dryRun);
    return remove(context, request, { wanted, options });
  }
  try {
    await remove(context, request, { wanted: asSeen(pod), options });
  } catch (err) {
    // It has changed since, and may be ready by now: it is to be asked again.
    if (isConflict(err) && !isVersionGiven) throw stillProcessed(budget.metadata.name ?? '');
    throw err;
  }
}

export const evictionSubresource: Subresource = {
  group: '',
  resource: 'pods',
  name: 'eviction',
  async handle(context, request) {
    const options = readWriteOptions(request, 'CreateOptions');
    const { value } = decodeAs(eviction, parseBody(request, eviction), options.fieldValidation);
    const { name, namespace } = request.info;
    if (value.metadata.name && value.metadata.name !== name)
      throw badRequestError('name in URL does not match name in Eviction object');
    value.metadata = { ...value.metadata, name, namespace };
    const create = {
      operation: 'CREATE',
      kind: request.kind,
      subresource: 'eviction',
      speaks,
      namespace,
      name,
    } as const;
    await admitAs(context, { ...create, object: value, options });
    const { dryRun: asked, ...wanted } = value.deleteOptions ?? {};
    options.dryRun ||= (asked?.length ?? 0) > 0;
    await evict(context, request, { wanted, options: { ...options, untold: true } });
    return { type: 'status', status: { ...successStatus(undefined), code: 201 } };
  },
};
