// Counts what comes against the namespace's quotas, in their status, before it is stored. The count is a
// compare-and-swap: any number of requests, through any number of servers, get no more than there is. What a request
// took that was then not stored is given back by the controller, which counts what is there.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/
// Upstream: CheckRequest in apiserver's admission/plugin/resourcequota.

import type { ResourceList } from '../../api/core/pod/resource-totals.ts';
import type { ResourceQuota } from '../../api/core/resourcequota/schema.ts';
import { evaluatorOf, isInScope, missingResources } from '../../api/core/resourcequota/usage.ts';
import { ResourceQuotaKind } from '../../api/core/resourcequota.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import {
  addQuantities,
  compareQuantities,
  isNegativeQuantity,
  isZeroQuantity,
  subtractQuantities,
} from '../../machinery/quantity.ts';
import { writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';
import { type AdmissionDeps, type AdmissionPlugin, type AdmissionRequest, isPodResize, refusal } from './plugin.ts';

// Events come and go by themselves.
const uncounted = ['events'];

const isClaimStatus = ({ kind, subresource }: AdmissionRequest) =>
  kind.group === '' && kind.plural === 'persistentvolumeclaims' && subresource === 'status';

type Refuse = (why: string) => Error;

/** Whether the request may change what is used. */
function handles(request: AdmissionRequest): boolean {
  const { operation, kind, subresource, namespace, object, oldObject } = request;
  if (!kind.namespaced || namespace === '' || uncounted.includes(kind.plural)) return false;
  if (isClaimStatus(request)) {
    const allocated = (claim: KubeObject | undefined) => claim?.status?.allocatedResources?.storage;
    return operation === 'UPDATE' && allocated(object) !== allocated(oldObject);
  }
  if (isPodResize(request)) return true;
  if (subresource !== '') return false;
  return operation === 'CREATE' || (operation === 'UPDATE' && evaluatorOf(kind).countsUpdates === true);
}

const sortedNames = (names: Iterable<string>) => [...names].sort();
const showAmounts = (names: readonly string[], amounts: ResourceList) =>
  names.map((name) => `${name}=${amounts[name] ?? '0'}`).join(',');

/** What the request adds to a quota, by the names that the quota limits; undefined where it does not concern it. */
function chargeOf(
  quota: ResourceQuota,
  request: AdmissionRequest,
  { nowMs, refuse }: { nowMs: number; refuse: Refuse },
): ResourceList | undefined {
  const { kind, object, oldObject } = request;
  const evaluator = evaluatorOf(kind);
  const limited = Object.keys(quota.status?.hard ?? {}).filter((name) => evaluator.counts(name));
  if (limited.length === 0 || !isInScope(evaluator, quota, object)) return undefined;
  const { name = '' } = quota.metadata;
  const missing = missingResources(kind, limited, object as never);
  if (missing) throw refuse(`failed quota: ${name}: must specify ${missing}`);
  if (limited.some((resource) => quota.status?.used?.[resource] === undefined)) {
    throw refuse(`status unknown for quota: ${name}, resources: ${sortedNames(limited).join(',')}`);
  }
  const usage = evaluator.usage(object, nowMs);
  const negative = Object.keys(usage).filter((resource) => isNegativeQuantity(usage[resource]));
  if (negative.length > 0) throw refuse(`quota usage is negative for resource(s): ${sortedNames(negative).join(',')}`);
  // What it took before is paid already, where it was in the quota's scope then.
  const before = oldObject && isInScope(evaluator, quota, oldObject) ? evaluator.usage(oldObject, nowMs) : {};
  const added = limited
    .filter((resource) => usage[resource] !== undefined)
    .map((resource) => [resource, subtractQuantities(usage[resource], before[resource])] as const)
    .filter(([, amount]) => !isNegativeQuantity(amount) && !isZeroQuantity(amount));
  return added.length > 0 ? Object.fromEntries(added) : undefined;
}

/** What will be used then; refuses what is too much. `isOnlyCounted`: it is there already, and cannot be refused. */
function usedAfter(quota: ResourceQuota, charge: ResourceList, refuse: Refuse, isOnlyCounted: boolean): ResourceList {
  const { hard = {}, used = {} } = quota.status ?? {};
  const after = { ...used };
  for (const [name, amount] of Object.entries(charge)) after[name] = addQuantities(used[name], amount);
  const exceeded = sortedNames(Object.keys(charge)).filter((name) => compareQuantities(after[name], hard[name]) > 0);
  if (exceeded.length === 0 || isOnlyCounted) return after;
  const shown = (amounts: ResourceList) => showAmounts(exceeded, amounts);
  throw refuse(
    `exceeded quota: ${quota.metadata.name}, requested: ${shown(charge)}, used: ${shown(used)}, limited: ${shown(hard)}`,
  );
}

/** Writes what is used then; decides anew whenever the quota has changed meanwhile. */
async function charge(name: string, request: AdmissionRequest, deps: AdmissionDeps, refuse: Refuse): Promise<void> {
  const { store, kinds, clock, random } = deps;
  const admission = { mutate: async () => undefined, validate: async () => undefined };
  const context = { store, kinds, clock, random, admission, log: silentLogger };
  const produce = (old: KubeObject): KubeObject => {
    const quota = old as ResourceQuota;
    const draft = cloneJson(old);
    const added = chargeOf(quota, request, { nowMs: clock.now(), refuse });
    if (added) draft.status = { ...quota.status, used: usedAfter(quota, added, refuse, isClaimStatus(request)) };
    return draft;
  };
  const options = writeAs(ResourceQuotaKind, { dryRun: request.dryRun });
  const target = { namespace: request.namespace, name, subresource: 'status', produce };
  // A quota that is gone limits nothing.
  await unlessGone(updateObject(context, ResourceQuotaKind, target, options));
}

/** Requests of one namespace wait for each other: side by side they would only get into each other's way. */
const queues = new WeakMap<object, Map<string, Promise<void>>>();

async function inTurn(owner: object, namespace: string, work: () => Promise<void>): Promise<void> {
  const queue = queues.getOrInsertComputed(owner, () => new Map());
  const turn = (queue.get(namespace) ?? Promise.resolve()).then(work);
  const done = turn.catch(() => undefined);
  queue.set(namespace, done);
  try {
    await turn;
  } finally {
    if (queue.get(namespace) === done) queue.delete(namespace);
  }
}

const newForMs = 5_000;
const lookups = 10;
const lookupPauseMs = 100;

/**
 * The quotas of the namespace. One that was made a moment ago and limits what is asked for is in force
 * as soon as its controller has counted: who makes it and then goes on is not to slip past it.
 */
async function quotasFor({ kind, namespace }: AdmissionRequest, { store, clock }: AdmissionDeps) {
  const evaluator = evaluatorOf(kind);
  const isAwaited = ({ metadata, spec, status }: ResourceQuota) =>
    status?.hard === undefined &&
    clock.now() - Date.parse(metadata.creationTimestamp ?? '') < newForMs &&
    Object.keys(spec.hard ?? {}).some((name) => evaluator.counts(name));
  for (let tries = 1; ; tries++) {
    const quotas = (await store.listSeen(ResourceQuotaKind, namespace)) as ResourceQuota[];
    if (tries === lookups || !quotas.some(isAwaited)) return quotas;
    await clock.sleep(lookupPauseMs);
  }
}

export const resourceQuota: AdmissionPlugin = {
  name: 'ResourceQuota',
  handles,
  async validate(request, deps) {
    const { store, clock } = deps;
    const quotas = await quotasFor(request, deps);
    if (quotas.length === 0) return;
    const refuse: Refuse = (why) => refusal(request, why);
    const quiet = { nowMs: clock.now(), refuse };
    const isConcerned = (quota: ResourceQuota): boolean => {
      try {
        return chargeOf(quota, request, quiet) !== undefined;
      } catch {
        // Refused for now: whether that stands is decided by the quota as it is in etcd.
        return true;
      }
    };
    const concerned = quotas.filter(isConcerned).map(({ metadata }) => metadata.name ?? '');
    if (concerned.length === 0) return;
    await inTurn(store, request.namespace, async () => {
      // Before one of several is charged, all have been asked.
      if (concerned.length > 1) {
        for (const name of concerned) await charge(name, { ...request, dryRun: true }, deps, refuse);
      }
      for (const name of concerned) await charge(name, request, deps, refuse);
    });
  },
};
