// A pod with what the plugins ask of it again and again, worked out once.

import type { PodAffinityTerm } from '../../api/core/pod/affinity.ts';
import type { Container } from '../../api/core/pod/container.ts';
import { type HostPort, hostPortsOf } from '../../api/core/pod/host-ports.ts';
import { heldSpec, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts';

export interface Resources {
  cpuMillis: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  /** Everything else by name: extended resources, huge pages. */
  scalars: ReadonlyMap<string, number>;
}

/** A preference; the weight of one against is negative. */
export interface WeightedTerm {
  term: PodAffinityTerm;
  weight: number;
}

/** A claim that a pod's volume names, or that is made for it. */
export interface PodClaim {
  key: string;
  name: string;
  isEphemeral: boolean;
}

export interface PodInfo {
  pod: Pod;
  uid: string;
  requests: Resources;
  /** Requests as scoring counts them: a container without any still weighs something. */
  scoreRequests: { cpuMillis: number; memoryBytes: number };
  hostPorts: HostPort[];
  claims: readonly PodClaim[];
  requiredAffinity: PodAffinityTerm[];
  requiredAntiAffinity: PodAffinityTerm[];
  preferredAffinity: WeightedTerm[];
}

/** A pod without a priority has 0. */
export const priorityOf = ({ pod }: PodInfo): number => pod.spec.priority ?? 0;

/** What scoring assumes of a container that does not say. */
const assumed = { cpu: '100m', memory: `${200 * 1024 * 1024}` };

function assume(container: Container): Container {
  return {
    ...container,
    resources: { ...container.resources, requests: { ...assumed, ...container.resources?.requests } },
  };
}

const isSaid = ({ resources }: Container) =>
  resources?.requests?.cpu !== undefined && resources.requests.memory !== undefined;

/** A resource list as numbers. */
export function resourcesOf(list: Record<string, string> | undefined): Resources {
  const scalars = new Map<string, number>();
  const out = { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0, scalars };
  for (const [name, amount] of Object.entries(list ?? {})) {
    if (name === 'cpu') out.cpuMillis = quantityMilliValue(amount);
    else if (name === 'memory') out.memoryBytes = quantityValue(amount);
    else if (name === 'ephemeral-storage') out.ephemeralStorageBytes = quantityValue(amount);
    else if (name !== 'pods') scalars.set(name, quantityValue(amount));
  }
  return out;
}

export function podInfoOf(pod: Pod): PodInfo {
  const spec = heldSpec(pod);
  const affinity = spec.affinity;
  const { containers, initContainers = [] } = spec;
  const requests = resourcesOf(podRequests(spec));
  const isAllSaid = containers.every(isSaid) && initContainers.every(isSaid);
  return {
    pod,
    uid: pod.metadata.uid ?? '',
    requests,
    scoreRequests: isAllSaid
      ? requests
      : resourcesOf(
          podRequests({ ...spec, containers: containers.map(assume), initContainers: initContainers.map(assume) }),
        ),
    hostPorts: hostPortsOf(spec),
    claims: claimsOf(pod),
    requiredAffinity: affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    requiredAntiAffinity: affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
    preferredAffinity: preferredTermsOf(pod),
  };
}

function preferredTermsOf(pod: Pod): WeightedTerm[] {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  const near = podAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  const far = podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  return [
    ...near.map((w) => ({ term: w.podAffinityTerm, weight: w.weight })),
    ...far.map((w) => ({ term: w.podAffinityTerm, weight: -w.weight })),
  ];
}

const noClaims: readonly PodClaim[] = [];

function claimsOf({ metadata, spec }: Pod): readonly PodClaim[] {
  let claims: PodClaim[] | undefined;
  for (const { name: volume, persistentVolumeClaim, ephemeral } of spec.volumes ?? []) {
    if (!persistentVolumeClaim && !ephemeral) continue;
    const name = persistentVolumeClaim?.claimName ?? `${metadata.name}-${volume}`;
    claims ??= [];
    if (claims.some((claim) => claim.name === name)) continue; // two volumes of one claim
    claims.push({ key: `${metadata.namespace}/${name}`, name, isEphemeral: !persistentVolumeClaim });
  }
  return claims ?? noClaims;
}
