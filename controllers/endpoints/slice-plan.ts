// Which endpoint slices a service should have: endpoints of equal ports together, at most a hundred
// to a slice, with as few writes as possible. Pure. Upstream: staging/endpointslice's reconciler.
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { Service } from '../../api/core/service.ts';
import { ServiceKind } from '../../api/core/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/endpointslice.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { controllerOf } from '../../machinery/metadata.ts';
import { controllerRef } from '../pods/claim.ts';
import {
  addressOf,
  endpointConditions,
  headlessLabel,
  hostnameIn,
  type IPFamily,
  isHeadless,
  podReference,
  portNumberIn,
  triggerTimeAnnotation,
} from './service-pods.ts';
import { addZoneHints, isAuto, zoneLabel } from './topology-hints.ts';

export const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managerName = 'endpointslice-controller.k8s.io';
const maxEndpointsPerSlice = 100;

export interface SlicePlan {
  create: EndpointSlice[];
  update: EndpointSlice[];
  delete: EndpointSlice[];
}

export interface SliceInput {
  service: Service;
  pods: readonly Pod[];
  nodeOf(name: string): Node | undefined;
  /** Each zone's share of all cpu, for a service that wants hints by it. */
  shares?: ReadonlyMap<string, number> | undefined;
  /** The service's slices that the controller manages. */
  present: readonly EndpointSlice[];
  triggerTime: string | undefined;
}

interface PortGroup {
  ports: EndpointPort[];
  endpoints: Endpoint[];
}

function portsFor(service: Service, pod: Pod): EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((servicePort) => {
    const port = portNumberIn(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol ? { appProtocol } : {}) }];
  });
}

function hintsFor(service: Service, endpoint: { zone?: string; nodeName?: string }): Endpoint['hints'] {
  // The annotation wins.
  const trafficDistribution = isAuto(service) ? undefined : service.spec.trafficDistribution;
  const { zone, nodeName } = endpoint;
  const forZones = zone && trafficDistribution ? [{ name: zone }] : undefined;
  const forNodes = nodeName && trafficDistribution === 'PreferSameNode' ? [{ name: nodeName }] : undefined;
  if (!forZones && !forNodes) return undefined;
  return { ...(forNodes ? { forNodes } : {}), ...(forZones ? { forZones } : {}) };
}

function endpointFor({ service, nodeOf }: SliceInput, pod: Pod, address: string): Endpoint {
  const { nodeName } = pod.spec;
  const zone = nodeName ? nodeOf(nodeName)?.metadata.labels?.[zoneLabel] : undefined;
  const place = { ...(nodeName ? { nodeName } : {}), ...(zone ? { zone } : {}) };
  const hostname = hostnameIn(pod, service);
  const conditions = endpointConditions(pod, service);
  const hints = conditions.ready ? hintsFor(service, place) : undefined;
  return {
    addresses: [address],
    conditions,
    ...(hostname ? { hostname } : {}),
    targetRef: podReference(pod),
    ...place,
    ...(hints ? { hints } : {}),
  };
}

/** Whether a pod's node is not there (any more): what runs on it cannot be reached, whatever the pod says. */
export function isOnLostNode({ service, nodeOf }: Pick<SliceInput, 'service' | 'nodeOf'>, { spec }: Pod): boolean {
  return !service.spec.publishNotReadyAddresses && nodeOf(spec.nodeName ?? '') === undefined;
}

/** The wanted endpoints of one family, by the ports they share. */
function groupByPorts(input: SliceInput, family: IPFamily): Map<string, PortGroup> {
  const groups = new Map<string, PortGroup>();
  for (const pod of input.pods) {
    const address = addressOf(pod, family);
    if (address === undefined || isOnLostNode(input, pod)) continue;
    const ports = portsFor(input.service, pod);
    const key = portsKey(ports);
    groups.getOrInsert(key, { ports, endpoints: [] }).endpoints.push(endpointFor(input, pod, address));
  }
  return groups;
}

export const portsKey = (ports: readonly EndpointPort[] | undefined) =>
  JSON.stringify((ports ?? []).map((p) => [p.name ?? '', p.protocol, p.port, p.appProtocol]).sort());

const endpointKey = ({ addresses, targetRef }: Endpoint) => `${addresses?.[0]} ${targetRef?.uid}`;

/** The labels of every slice of the service. */
function labelsFor(service: Service): Record<string, string> {
  const { metadata } = service;
  const { [headlessLabel]: _reserved, ...own } = metadata.labels ?? {};
  return {
    ...own,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
    [managedByLabel]: managerName,
    [serviceNameLabel]: metadata.name ?? '',
  };
}

/** By address type: why no endpoint says who should use it, or undefined when they do. Of mode Auto alone. */
export type HintProblems = ReadonlyMap<string, string | undefined>;

/** Slices to write so that they hold exactly the wanted endpoints. */
export function planSlices(input: SliceInput): SlicePlan & { hints: HintProblems } {
  const hints = new Map<string, string | undefined>();
  const plan = { create: [], update: [], delete: [], hints } as SlicePlan & { hints: typeof hints };
  const families = (input.service.spec.ipFamilies ?? ['IPv4']) as IPFamily[];
  for (const family of families) planFamily(plan, input, family);
  plan.delete.push(...input.present.filter((slice) => !families.includes(slice.addressType as IPFamily)));
  return plan;
}

function planFamily(
  plan: SlicePlan & { hints: Map<string, string | undefined> },
  input: SliceInput,
  family: IPFamily,
): void {
  const present = input.present.filter((slice) => slice.addressType === family);
  const groups = groupByPorts(input, family);
  if (isAuto(input.service)) {
    const endpoints = [...groups.values()].flatMap((group) => group.endpoints);
    plan.hints.set(family, addZoneHints(endpoints, input.shares));
  }
  const work: FamilyPlan = { wanted: [], surplus: present.filter((slice) => !groups.has(portsKey(slice.ports))) };
  for (const [key, group] of groups) {
    const slices = present.filter((slice) => portsKey(slice.ports) === key);
    plan.update.push(...planGroup(work, input, { group, slices }));
  }
  // A service without endpoints has one empty slice, so that watchers can tell it from one nobody has looked at.
  if (work.wanted.length === 0 && work.surplus.length === present.length)
    work.wanted.push({ ports: [], endpoints: [] });
  for (const { ports, endpoints } of work.wanted) {
    // One that nobody needs is used again, and keeps its name.
    const slice = work.surplus.find(({ metadata }) => controllerOf({ metadata })?.uid === input.service.metadata.uid);
    work.surplus = work.surplus.filter((one) => one !== slice);
    const reused = slice && withContent(slice, input, endpoints, ports);
    if (reused) plan.update.push(reused);
    else if (!slice) plan.create.push(newSlice(input, { family, ports }, endpoints));
  }
  plan.delete.push(...work.surplus);
}

/** What slices of a family are to hold beyond those that stay, and slices that lose all they held. */
interface FamilyPlan {
  wanted: PortGroup[];
  surplus: EndpointSlice[];
}

/** The slices of a group that are written with what they keep and take. */
function planGroup(
  work: FamilyPlan,
  input: SliceInput,
  { group, slices }: { group: PortGroup; slices: readonly EndpointSlice[] },
): EndpointSlice[] {
  const { contents, leftovers } = keepPresent(group, slices);
  const isLost = ({ slice, endpoints }: Content) => endpoints.length === 0 && (slice.endpoints ?? []).length > 0;
  const kept = contents.filter((content) => !isLost(content));
  work.surplus.push(...contents.filter(isLost).map(({ slice }) => slice));
  const roomIn = ({ endpoints }: Content) => maxEndpointsPerSlice - endpoints.length;
  const fill = (content: Content) => content.endpoints.push(...leftovers.splice(0, roomIn(content)));
  // New endpoints go to slices that are written anyway, the fullest first; then to one with room for all that are left;
  // then to new ones.
  const isWritten = ({ slice, endpoints }: Content) => withContent(slice, input, endpoints) !== undefined;
  const byRoom = (a: Content, b: Content) => roomIn(a) - roomIn(b);
  const written = kept.filter(isWritten);
  const unwritten = kept.filter((content) => !written.includes(content));
  for (const content of written.sort(byRoom)) fill(content);
  while (leftovers.length > 0) {
    const roomy = unwritten.filter((content) => roomIn(content) >= leftovers.length).sort(byRoom)[0];
    if (roomy && leftovers.length < maxEndpointsPerSlice) fill(roomy);
    else work.wanted.push({ ports: group.ports, endpoints: leftovers.splice(0, maxEndpointsPerSlice) });
  }
  return kept.flatMap(({ slice, endpoints }) => withContent(slice, input, endpoints) ?? []);
}

interface Content {
  slice: EndpointSlice;
  endpoints: Endpoint[];
}

/** Present slices with what they keep, in their order, and the endpoints that are in none. */
function keepPresent(
  group: PortGroup,
  slices: readonly EndpointSlice[],
): { contents: Content[]; leftovers: Endpoint[] } {
  const left = new Map(group.endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]));
  const contents = slices.map((slice): Content => {
    const endpoints: Endpoint[] = [];
    for (const present of slice.endpoints ?? []) {
      const next = left.get(endpointKey(present));
      if (!next) continue;
      endpoints.push(next);
      left.delete(endpointKey(present));
    }
    return { slice, endpoints };
  });
  return { contents, leftovers: [...left.values()] };
}

/** The slice with other endpoints, labels or ports, or undefined when nothing changes. */
function withContent(
  slice: EndpointSlice,
  input: SliceInput,
  endpoints: Endpoint[],
  ports = slice.ports ?? [],
): EndpointSlice | undefined {
  const labels = labelsFor(input.service);
  const isSame = jsonEqual([slice.endpoints ?? [], slice.metadata.labels], [endpoints, labels]);
  if (isSame && portsKey(slice.ports) === portsKey(ports)) return undefined;
  const { annotations: present, ...metadata } = slice.metadata;
  const { [triggerTimeAnnotation]: _time, ...others } = present ?? {};
  const annotations = { ...others, ...triggerAnnotation(input) };
  const isAnnotated = Object.keys(annotations).length > 0;
  return { ...slice, metadata: { ...metadata, labels, ...(isAnnotated ? { annotations } : {}) }, endpoints, ports };
}

const triggerAnnotation = ({ triggerTime }: SliceInput): Record<string, string> =>
  triggerTime ? { [triggerTimeAnnotation]: triggerTime } : {};

function newSlice(
  input: SliceInput,
  { family, ports }: { family: IPFamily; ports: EndpointPort[] },
  endpoints: Endpoint[],
): EndpointSlice {
  const { service } = input;
  const annotations = triggerAnnotation(input);
  return {
    metadata: {
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace ?? '',
      labels: labelsFor(service),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
      ownerReferences: [controllerRef(ServiceKind, service)],
    },
    addressType: family,
    endpoints,
    ports,
  };
}
