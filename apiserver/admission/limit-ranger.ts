// Defaults and bounds of single pods, containers and claims, as the namespace's limit ranges say.
// https://kubernetes.io/docs/concepts/policy/limit-range/
import { type LimitRange, type LimitRangeItem, LimitRangeKind } from '../../api/core/limitrange.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { Container } from '../../api/core/pod/container.ts';
import { withPodLevel } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { joinErrors } from '../../machinery/errors.ts';
import { compareQuantities, isZeroQuantity, quantityMilliValue } from '../../machinery/quantity.ts';
import { EtcdTooLargeError } from '../storage/etcd.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import { type AdmissionPlugin, isPodCreation, isPodResize, refusal, requestsFor } from './plugin.ts';

const annotation = 'kubernetes.io/limit-ranger';
const isClaimWrite = requestsFor('persistentvolumeclaims', ['CREATE', 'UPDATE']);

type Amounts = Readonly<Record<string, string>>;

const limitRangesOf = async (store: ObjectStore, namespace: string) =>
  (await store.listSeen(LimitRangeKind, namespace)) as LimitRange[];

/** Amounts of all containers that the ranges fill in and judge: far more than the largest pod that can be stored has. */
const maxAmounts = 200_000;

/** Throws 413 for a pod that would be surely larger than etcd keeps: each amount comes into each container. */
function checkAmounts({ spec }: Pod, ranges: readonly LimitRange[]): void {
  const containers = (spec.containers?.length ?? 0) + (spec.initContainers?.length ?? 0);
  const items = ranges.flatMap((range) => range.spec.limits ?? []).filter(({ type }) => type === 'Container');
  const amounts = items.flatMap(({ type: _, ...bounds }) =>
    Object.values(bounds).flatMap((of) => Object.keys(of ?? {})),
  ).length;
  if (containers * amounts > maxAmounts) throw new EtcdTooLargeError();
}

/** Fills in what the container does not say, and tells what that was. */
function setDefaults(container: Container, items: readonly LimitRangeItem[], what: string): string[] {
  const told: string[] = [];
  for (const [side, source, word] of [
    ['requests', 'defaultRequest', 'request'],
    ['limits', 'default', 'limit'],
  ] as const) {
    const given = container.resources?.[side] ?? {};
    const absent = items
      .flatMap((item) => Object.entries(item[source] ?? {}))
      .filter(([name]) => !Object.hasOwn(given, name));
    if (absent.length === 0) continue;
    const added = Object.fromEntries(absent);
    container.resources = { ...container.resources, [side]: { ...given, ...added } };
    told.push(`${Object.keys(added).sort().join(', ')} ${word} for ${what} ${container.name}`);
  }
  return told;
}

function applyDefaults(pod: Pod, range: LimitRange): void {
  const items = (range.spec.limits ?? []).filter(({ type }) => type === 'Container');
  const told = [
    ...(pod.spec.containers ?? []).flatMap((container) => setDefaults(container, items, 'container')),
    ...(pod.spec.initContainers ?? []).flatMap((container) => setDefaults(container, items, 'init container')),
  ];
  if (told.length === 0) return;
  const text = `LimitRanger plugin set: ${told.join('; ')}`;
  pod.metadata.annotations = { ...pod.metadata.annotations, [annotation]: text };
}

/** The amount of one resource that is asked for and that may be used. */
interface Asked {
  name: string;
  type: string;
  request: string | undefined;
  limit: string | undefined;
}

function checkMin({ name, type, request, limit }: Asked, min: string): string | undefined {
  const head = `minimum ${name} usage per ${type} is ${min}`;
  if (request === undefined) return `${head}.  No request is specified`;
  if (compareQuantities(min, request) > 0) return `${head}, but request is ${request}`;
  return limit !== undefined && compareQuantities(min, limit) > 0 ? `${head}, but limit is ${limit}` : undefined;
}

function checkMax({ name, type, request, limit }: Asked, max: string): string | undefined {
  const head = `maximum ${name} usage per ${type} is ${max}`;
  if (limit === undefined) return `${head}.  No limit is specified`;
  if (compareQuantities(limit, max) > 0) return `${head}, but limit is ${limit}`;
  return request !== undefined && compareQuantities(request, max) > 0
    ? `${head}, but request is ${request}`
    : undefined;
}

/** Of what has no limits, only requests. */
function checkMaxRequest({ name, type, request }: Asked, max: string): string | undefined {
  const head = `maximum ${name} usage per ${type} is ${max}`;
  if (request === undefined) return `${head}.  No request is specified`;
  return compareQuantities(request, max) > 0 ? `${head}, but request is ${request}` : undefined;
}

function checkRatio({ name, type, request, limit }: Asked, most: string): string | undefined {
  const head = `${name} max limit to request ratio per ${type} is ${most}, but`;
  if (request === undefined || isZeroQuantity(request)) return `${head} no request is specified or request is 0`;
  if (limit === undefined || isZeroQuantity(limit)) return `${head} no limit is specified or limit is 0`;
  const ratio = quantityMilliValue(limit) / quantityMilliValue(request);
  return ratio * 1000 > quantityMilliValue(most) ? `${head} provided ratio is ${ratio.toFixed(6)}` : undefined;
}

type Check = (asked: Asked, bound: string) => string | undefined;

function checkAll(bounds: Amounts | undefined, asked: (name: string) => Asked, check: Check): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, bound]) => check(asked(name), bound) ?? []);
}

function checkResources(item: LimitRangeItem, requests: Amounts, limits: Amounts): string[] {
  const asked = (name: string): Asked => ({ name, type: item.type, request: requests[name], limit: limits[name] });
  return [
    ...checkAll(item.min, asked, checkMin),
    ...checkAll(item.max, asked, checkMax),
    ...checkAll(item.maxLimitRequestRatio, asked, checkRatio),
  ];
}

function checkPod({ spec }: Pod, item: LimitRangeItem): string[] {
  if (item.type === 'Pod') return checkResources(item, withPodLevel(spec, 'requests'), withPodLevel(spec, 'limits'));
  if (item.type !== 'Container') return [];
  return [...(spec.containers ?? []), ...(spec.initContainers ?? [])].flatMap(({ resources }) =>
    checkResources(item, resources?.requests ?? {}, resources?.limits ?? {}),
  );
}

/** A size that the claim has already is not looked at again. */
function checkClaim(claim: PersistentVolumeClaim, old: PersistentVolumeClaim | undefined, item: LimitRangeItem) {
  if (item.type !== 'PersistentVolumeClaim') return [];
  const requests = claim.spec.resources?.requests ?? {};
  const before = old?.spec.resources?.requests ?? {};
  const changed = (bounds: Amounts | undefined) =>
    Object.fromEntries(
      Object.entries(bounds ?? {}).filter(([name]) => requests[name] === undefined || requests[name] !== before[name]),
    );
  const asked = (name: string): Asked => ({ name, type: item.type, request: requests[name], limit: undefined });
  return [...checkAll(changed(item.min), asked, checkMin), ...checkAll(changed(item.max), asked, checkMaxRequest)];
}

export const limitRanger: AdmissionPlugin = {
  name: 'LimitRanger',
  handles: (request) => {
    if (isPodCreation(request) || isPodResize(request)) return true;
    return isClaimWrite(request) && (request.operation === 'CREATE' || !request.object?.metadata.deletionTimestamp);
  },
  async mutate(request, { store }) {
    if (!isPodCreation(request)) return;
    const ranges = await limitRangesOf(store, request.namespace);
    checkAmounts(request.object as Pod, ranges);
    for (const range of ranges) applyDefaults(request.object as Pod, range);
  },
  async validate(request, { store }) {
    const { namespace, object, oldObject } = request;
    const complaints = (await limitRangesOf(store, namespace)).flatMap((range) =>
      (range.spec.limits ?? []).flatMap((item) =>
        isPodCreation(request) || isPodResize(request)
          ? checkPod(object as Pod, item)
          : checkClaim(object as PersistentVolumeClaim, oldObject as PersistentVolumeClaim | undefined, item),
      ),
    );
    const all = [...new Set(complaints)];
    if (all.length > 0) throw refusal(request, joinErrors(all));
  },
};
