// Defaults of pods that depend on other fields; the unconditional ones stand in the schemas.
// Those of the spec apply to templates as well, those of the pod only to pods: a workload keeps what its author wrote.
// Upstream: pkg/apis/core/v1/defaults.go.

import type { Pod } from '../pod.ts';
import type { Container } from './container.ts';
import { containersOf } from './containers.ts';
import { defaultPullPolicy } from './image-name.ts';
import type { PodSpec } from './pod-spec.ts';
import {
  isHugePagesResource,
  isPodLevelResource,
  type ResourceList,
  sumContainerResources,
} from './resource-totals.ts';
import type { Volume } from './volume.ts';

/** Changes the spec of a pod or of a template. */
export function setPodSpecDefaults(spec: PodSpec): void {
  for (const volume of spec.volumes ?? []) setVolumeDefaults(volume);
  for (const container of containersOf(spec)) container.imagePullPolicy ??= defaultPullPolicy(container.image ?? '');
  syncServiceAccount(spec);
}

/** Changes the template. */
export function setTemplateDefaults(template: { spec?: PodSpec } | undefined): void {
  if (template?.spec) setPodSpecDefaults(template.spec);
}

/** `serviceAccount` is the old name of `serviceAccountName`; readers of either find both. */
export function syncServiceAccount(spec: PodSpec): void {
  if (spec.serviceAccountName) spec.serviceAccount = spec.serviceAccountName;
  else if (spec.serviceAccount) spec.serviceAccountName = spec.serviceAccount;
}

function setVolumeDefaults(volume: Volume): void {
  const hasSource = Object.entries(volume).some(([key, value]) => key !== 'name' && value !== undefined);
  if (!hasSource) volume.emptyDir = {};
  if (volume.image) volume.image.pullPolicy ??= defaultPullPolicy(volume.image.reference ?? '');
}

/** Changes the pod. */
export function setPodDefaults(pod: Pod): void {
  const { spec } = pod;
  setPodSpecDefaults(spec);
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const container of containers) requestLimits(container);
  setHugePagesLimits(spec);
  setPodRequests(spec);
  setPodLimits(spec);
  spec.enableServiceLinks ??= true;
  if (!spec.hostNetwork) return;
  for (const port of containers.flatMap((c) => c.ports ?? [])) port.hostPort ||= port.containerPort;
}

function requestLimits(container: Container): void {
  const { resources } = container;
  if (!resources?.limits) return;
  resources.requests = { ...resources.limits, ...resources.requests };
}

const isSet = (resources: ResourceList | undefined) => resources !== undefined && Object.keys(resources).length > 0;

function setHugePagesLimits({ resources, ...spec }: PodSpec): void {
  if (!resources || (!isSet(resources.limits) && !isSet(resources.requests))) return;
  for (const [name, amount] of Object.entries(sumContainerResources(spec as PodSpec, 'limits'))) {
    if (!isHugePagesResource(name) || resources.requests?.[name] !== undefined) continue;
    resources.limits = { [name]: amount, ...resources.limits };
  }
}

// Pod-level requests follow the containers where those ask for something, else the pod-level limits.
function setPodRequests({ resources, ...spec }: PodSpec): void {
  if (!resources?.limits || !isSet(resources.limits)) return;
  const requests: ResourceList = { ...resources.requests };
  for (const [name, amount] of Object.entries(sumContainerResources(spec as PodSpec, 'requests'))) {
    if (isPodLevelResource(name) && !isHugePagesResource(name)) requests[name] ??= amount;
  }
  for (const [name, amount] of Object.entries(resources.limits)) {
    if (isPodLevelResource(name)) requests[name] ??= amount;
  }
  if (isSet(requests)) resources.requests = requests;
}

// Pod-level limits follow the containers only where every one of them has a limit.
function setPodLimits({ resources, ...spec }: PodSpec): void {
  if (!resources || isSet(resources.limits) || !isSet(resources.requests)) return;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  const limits: ResourceList = {};
  for (const [name, amount] of Object.entries(sumContainerResources(spec as PodSpec, 'limits'))) {
    const everyone = containers.every((c) => c.resources?.limits?.[name] !== undefined);
    if (everyone && isPodLevelResource(name) && !isHugePagesResource(name)) limits[name] = amount;
  }
  if (isSet(limits)) resources.limits = limits;
}
