// What a pod as a whole asks for and may use: containers added up, init containers as they overlap,
// pod-level resources and overhead on top. The scheduler and the kubelet count by this. Upstream:
// component-helpers/resource.
import { jsonEqual } from '../../../machinery/json.ts';
import { addQuantities, compareQuantities, quantityMilliValue, quantityValue } from '../../../machinery/quantity.ts';
import type { Pod } from '../pod.ts';
import type { Container } from './container.ts';
import type { ContainerStatus } from './container-status.ts';
import type { PodSpec } from './pod-spec.ts';

export type ResourceList = Record<string, string>;
type Held = Pick<ContainerStatus, 'resources' | 'allocatedResources'>;
type Side = 'requests' | 'limits';

/** Resources that may be asked for at the level of the pod. */
export function isPodLevelResource(name: string): boolean {
  return name === 'cpu' || name === 'memory' || isHugePagesResource(name);
}

export const isHugePagesResource = (name: string) => name.startsWith('hugepages-');

/** An amount as it is counted and told: cpu in thousandths. */
export const inUnits = (name: string, amount: string | undefined) =>
  name === 'cpu' ? quantityMilliValue(amount) : quantityValue(amount);

/** Whether an init container stays as a sidecar. */
export const isSidecar = (container: Container) => container.restartPolicy === 'Always';

/** Adds `more` to `total`, which it changes. */
function addResources(total: ResourceList, more: ResourceList | undefined): void {
  for (const [name, amount] of Object.entries(more ?? {})) {
    total[name] = Object.hasOwn(total, name) ? addQuantities(total[name], amount) : amount;
  }
}

/** Raises amounts to those of another list, where these are more. */
function raiseResources(total: ResourceList, other: ResourceList): void {
  for (const [name, amount] of Object.entries(other)) {
    if (!Object.hasOwn(total, name) || compareQuantities(amount, total[name]) > 0) total[name] = amount;
  }
}

/**
 * The sum over the containers, or what the init phase needs where that is more. Sidecars run beside
 * everything after them, so they count in both.
 */
export function sumContainerResources(spec: PodSpec, side: Side): ResourceList {
  const total: ResourceList = {};
  for (const container of spec.containers ?? []) addResources(total, container.resources?.[side]);
  const sidecars: ResourceList = {};
  const initPeak: ResourceList = {};
  for (const container of spec.initContainers ?? []) {
    const own = container.resources?.[side];
    if (isSidecar(container)) {
      addResources(total, own);
      addResources(sidecars, own);
      raiseResources(initPeak, sidecars);
    } else {
      const during = { ...sidecars };
      addResources(during, own);
      raiseResources(initPeak, during);
    }
  }
  raiseResources(total, initPeak);
  return total;
}

/**
 * The spec with what it and its containers hold while they are resized: what was and what will be, whichever is more. Upstream:
 * UseStatusResources of component-helpers/resource.
 */
export function heldSpec({ spec, status }: Pod): PodSpec {
  const { containerStatuses = [], initContainerStatuses = [], conditions = [] } = status ?? {};
  const statuses = [...containerStatuses, ...initContainerStatuses];
  if (!statuses.some(({ resources }) => resources)) return spec;
  const byName = new Map(statuses.toReversed().map((one) => [one.name, one]));
  const isInfeasible = conditions.some((c) => c.type === 'PodResizePending' && c.reason === 'Infeasible');
  const held = <T extends Pick<Container, 'resources'>>(holder: T, given: Held = {}): T => {
    const { resources, allocatedResources: allocated } = given;
    const asked = holder.resources ?? {};
    if (!resources || (jsonEqual(resources, asked) && jsonEqual(allocated ?? {}, asked.requests ?? {}))) return holder;
    const most = (side: Side, ...lists: (ResourceList | undefined)[]) => {
      const total = isInfeasible ? {} : { ...asked[side] };
      for (const list of lists) raiseResources(total, list ?? {});
      return total;
    };
    const requests = most('requests', resources.requests, allocated);
    return { ...holder, resources: { ...asked, requests, limits: most('limits', resources.limits) } };
  };
  const ofContainer = (container: Container) => held(container, byName.get(container.name));
  const initContainers = spec.initContainers?.map(ofContainer);
  // The status of a pod counts its overhead in.
  const whole = spec.resources && !spec.overhead ? held(spec, status) : spec;
  return { ...whole, containers: spec.containers.map(ofContainer), ...(initContainers && { initContainers }) };
}

/** What the pod asks for: pod-level values win over the containers' sum, overhead is added. */
export function podRequests(spec: PodSpec): ResourceList {
  const total = withPodLevel(spec, 'requests');
  addResources(total, spec.overhead);
  return total;
}

/** What the pod may use. Overhead is added only where there is a limit at all. */
export function podLimits(spec: PodSpec): ResourceList {
  const total = withPodLevel(spec, 'limits');
  for (const [name, amount] of Object.entries(spec.overhead ?? {})) {
    if (Object.hasOwn(total, name)) total[name] = addQuantities(total[name], amount);
  }
  return total;
}

/** The containers' sum, with pod-level values in its place where there are any; without overhead. */
export function withPodLevel(spec: PodSpec, side: Side): ResourceList {
  const total = sumContainerResources(spec, side);
  for (const [name, amount] of Object.entries(spec.resources?.[side] ?? {})) {
    if (isPodLevelResource(name)) total[name] = amount;
  }
  return total;
}
