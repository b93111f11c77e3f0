// How much of a quota an object takes. Admission counts with this what comes, the controller what is there.
// Upstream: pkg/quota/v1/evaluator/core, and the generic object counts.
import { addQuantities, compareQuantities, isWholeQuantity, quantityValue } from '../../../machinery/quantity.ts';
import type { PersistentVolumeClaim } from '../persistentvolumeclaim/schema.ts';
import { betaStorageClassAnnotation } from '../persistentvolumeclaim/validation.ts';
import { heldSpec, podLimits, podRequests, type ResourceList } from '../pod/resource-totals.ts';
import type { Pod } from '../pod.ts';
import { isExtendedResource } from '../resource-names.ts';
import type { Service } from '../service.ts';
import type { ResourceQuota, ScopedResourceSelectorRequirement } from './schema.ts';
import { matchesClaimScope, matchesPodScope } from './scopes.ts';

/** What the counting of one resource needs to know of its kind. */
export interface CountedKind {
  group: string;
  plural: string;
}

/** How objects of one resource are counted. */
interface Evaluator {
  /** Whether a name in a quota is about this resource. */
  counts(name: string): boolean;
  usage(object: any, nowMs: number): ResourceList;
  /** Whether the object is in a scope. */
  matches(expression: ScopedResourceSelectorRequirement, object: any): boolean;
  /** Changes of an object are charged as well. */
  countsUpdates?: boolean;
  /** More than the number of objects is counted: their content is needed. */
  countsParts?: boolean;
}

/** `count/deployments.apps`, `count/pods`. */
const countName = ({ group, plural }: CountedKind) => `count/${plural}${group ? `.${group}` : ''}`;

// These have an older name besides.
const aliased = ['configmaps', 'resourcequotas', 'replicationcontrollers', 'secrets'];

function objectCounter(kind: CountedKind): Evaluator {
  const names = kind.group === '' && aliased.includes(kind.plural) ? [countName(kind), kind.plural] : [countName(kind)];
  return {
    counts: (name) => names.includes(name),
    usage: () => Object.fromEntries(names.map((name) => [name, '1'])),
    matches: () => false,
  };
}

const evaluators: Readonly<Record<string, Evaluator>> = {
  pods: {
    counts: (name) => podNames.has(name) || /^(requests\.)?hugepages-/.test(name) || isQuotaOfDevices(name),
    usage: podUsage,
    matches: matchesPodScope,
    countsParts: true,
  },
  services: {
    counts: (name) => ['count/services', 'services', 'services.nodeports', 'services.loadbalancers'].includes(name),
    usage: serviceUsage,
    matches: () => false,
    countsUpdates: true,
    countsParts: true,
  },
  persistentvolumeclaims: {
    counts: (name) =>
      name === 'count/persistentvolumeclaims' ||
      claimResources.some((resource) => name === resource || name.endsWith(`${classSuffix}${resource}`)),
    usage: claimUsage,
    matches: matchesClaimScope,
    countsUpdates: true,
    countsParts: true,
  },
};

export function evaluatorOf(kind: CountedKind): Evaluator {
  return (
    (kind.group === '' && Object.hasOwn(evaluators, kind.plural) && evaluators[kind.plural]) || objectCounter(kind)
  );
}

/** The resource that a name in a quota counts, in the words of discovery. */
export function countedBy(name: string): CountedKind | undefined {
  if (name.startsWith('count/')) {
    const [plural = '', ...group] = name.slice('count/'.length).split('.');
    return { group: group.join('.'), plural };
  }
  for (const plural of Object.keys(evaluators)) if (evaluators[plural]!.counts(name)) return { group: '', plural };
  return aliased.includes(name) ? { group: '', plural: name } : undefined;
}

export function selectorsOf({ spec }: ResourceQuota): ScopedResourceSelectorRequirement[] {
  const scopes = (spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' as const }));
  return [...scopes, ...(spec.scopeSelector?.matchExpressions ?? [])];
}

/** Whether the object is in all scopes of the quota. */
export function isInScope(evaluator: Evaluator, quota: ResourceQuota, object: unknown): boolean {
  return selectorsOf(quota).every((expression) => evaluator.matches(expression, object));
}

// Pods.

const computeNames = ['cpu', 'memory', 'ephemeral-storage'];
const podNames = new Set([
  'pods',
  'count/pods',
  ...computeNames.flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);

/** `requests.example.com/gpu`; devices cannot be limited otherwise. */
function isQuotaOfDevices(name: string): boolean {
  return name.startsWith('requests.') && name.includes('/') && !name.includes('kubernetes.io/');
}

/** Amounts by the names that quotas have for them. */
function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const used: ResourceList = {};
  for (const name of computeNames) {
    const [request, limit] = [requests[name], limits[name]];
    if (request !== undefined) Object.assign(used, { [name]: request, [`requests.${name}`]: request });
    if (limit !== undefined) used[`limits.${name}`] = limit;
  }
  for (const [name, request] of Object.entries(requests)) {
    if (name.startsWith('hugepages-')) used[name] = request;
    if (name.startsWith('hugepages-') || isExtendedResource(name)) used[`requests.${name}`] = request;
  }
  return used;
}

/** Ended pods take nothing but their place in storage, nor do those that should have been gone long ago. */
function isAlive({ status, metadata }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (!deletionTimestamp || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

function podUsage(pod: Pod, nowMs: number): ResourceList {
  if (!isAlive(pod, nowMs)) return { 'count/pods': '1' };
  const spec = heldSpec(pod);
  return { 'count/pods': '1', pods: '1', ...computeUsage(podRequests(spec), podLimits(spec)) };
}

// What every container must say where a quota limits it. A mistake of old that upstream cannot take back.
const demanded = ['cpu', 'memory'].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]);

/** `requests.cpu for: a,b; limits.cpu for: a`: what containers must say under these limits and do not; or ''. */
export function missingResources(kind: CountedKind, limited: readonly string[], pod: Pod): string {
  if (evaluatorOf(kind) !== evaluators.pods) return '';
  const { containers = [], initContainers = [], resources = {} } = pod.spec;
  const ofPod = computeUsage(resources.requests ?? {}, resources.limits ?? {});
  const said = [...(containers ?? []), ...(initContainers ?? [])].map((container) => ({
    name: container.name,
    has: computeUsage(container.resources?.requests ?? {}, container.resources?.limits ?? {}),
  }));
  return demanded
    .filter((name) => limited.includes(name) && !Object.hasOwn(ofPod, name))
    .sort()
    .flatMap((name) => {
      const silent = said.filter(({ has }) => !Object.hasOwn(has, name)).map((container) => container.name);
      return silent.length > 0 ? [`${name} for: ${[...new Set(silent)].sort().join(',')}`] : [];
    })
    .join('; ');
}

// Services.

function serviceUsage({ spec }: Service): ResourceList {
  const ports = spec.ports ?? [];
  const one = { 'count/services': '1', services: '1' };
  if (spec.type === 'NodePort') return { ...one, 'services.nodeports': String(ports.length) };
  if (spec.type !== 'LoadBalancer') return one;
  // The ports are not there yet, only the wish for them.
  const asked = spec.allocateLoadBalancerNodePorts === false ? ports.filter(({ nodePort }) => nodePort) : ports;
  return { ...one, 'services.loadbalancers': '1', 'services.nodeports': String(asked.length) };
}

// Claims.

const claimResources = ['persistentvolumeclaims', 'requests.storage'];
const classSuffix = '.storageclass.storage.k8s.io/';

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): ResourceList {
  const used: ResourceList = { 'count/persistentvolumeclaims': '1', persistentvolumeclaims: '1' };
  const asked = spec.resources?.requests?.storage;
  const allocated = status?.allocatedResources?.storage;
  if (asked !== undefined) {
    const size = allocated !== undefined && compareQuantities(allocated, asked) > 0 ? allocated : asked;
    // Quotas count whole bytes.
    used['requests.storage'] = isWholeQuantity(size) ? size : String(quantityValue(size));
  }
  const className = metadata.annotations?.[betaStorageClassAnnotation] ?? spec.storageClassName ?? '';
  if (className === '') return used;
  for (const name of claimResources) {
    if (used[name] !== undefined) used[`${className}${classSuffix}${name}`] = used[name];
  }
  return used;
}

/** Adds `more` to `total`, which it changes; names that `total` has not are left out. */
export function addKnown(total: ResourceList, more: ResourceList): void {
  for (const name of Object.keys(more)) {
    if (Object.hasOwn(total, name)) total[name] = addQuantities(total[name], more[name]);
  }
}
