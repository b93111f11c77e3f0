// Endpoints that somebody writes for a service without a selector become endpoint slices, which is what proxies read.
// Upstream: pkg/controller/endpointslicemirroring.
// https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#endpointslice-mirroring

import { type Subset, SubsetPacker } from '../../api/core/endpoints/subsets.ts';
import { type EndpointAddress, type Endpoints, EndpointsKind } from '../../api/core/endpoints.ts';
import { type Service, ServiceKind } from '../../api/core/service.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/discovery/endpointslice.ts';
import { ipFamilyOf } from '../../api/meta/addresses.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { formatIP, parseIP } from '../../machinery/ip.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { controllerRef } from '../pods/claim.ts';
import { triggerTimeAnnotation } from './service-pods.ts';
import { managedByLabel, portsKey, type SlicePlan, serviceNameLabel } from './slice-plan.ts';
import { ownSlices, slicesOf } from './slice-writes.ts';

const manager = 'endpointslicemirroring-controller.k8s.io';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';
const maxPerSubset = 1000;

/** Whether slices are made of the endpoints: of those that people write for a service that selects nothing. */
export function isMirrored({ metadata }: Endpoints, service: Service | undefined): boolean {
  if (metadata.labels?.[skipLabel] === 'true' || metadata.annotations?.[leaderAnnotation] !== undefined) return false;
  return service !== undefined && service.spec.selector === undefined;
}

function repack(subsets: readonly Subset[]): Subset[] {
  const packer = new SubsetPacker();
  for (const { ports = [], addresses = [], notReadyAddresses = [] } of subsets) {
    for (const port of ports.length > 0 ? ports : [undefined]) {
      for (const address of addresses) packer.add(port, address, true);
      for (const address of notReadyAddresses) packer.add(port, address, false);
    }
  }
  return packer.subsets();
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  const parsed = parseIP(ip);
  return {
    addresses: [parsed ? formatIP(parsed) : ip],
    conditions: { ready },
    ...(hostname ? { hostname } : {}),
    ...(targetRef ? { targetRef } : {}),
    ...(nodeName ? { nodeName } : {}),
  };
}

type Content = Pick<EndpointSlice, 'addressType' | 'endpoints' | 'ports'>;

/** What slices are to hold, one for the ports and family of addresses; and how many addresses there is no room for. */
function contentsOf(endpoints: Endpoints): { contents: Content[]; skipped: number } {
  let skipped = 0;
  const contents = repack(endpoints.subsets ?? []).flatMap((subset): Content[] => {
    const ports = (subset.ports ?? []).map(({ name = '', ...port }): EndpointPort => ({ name, ...port }));
    const all = [
      ...(subset.addresses ?? []).map((address) => endpointOf(address, true)),
      ...(subset.notReadyAddresses ?? []).map((address) => endpointOf(address, false)),
    ];
    skipped += Math.max(0, all.length - maxPerSubset);
    const mirrored = all.slice(0, maxPerSubset);
    const families = ([4, 6] as const).map((family): Content => {
      const ofFamily = mirrored.filter(({ addresses }) => ipFamilyOf(addresses?.[0] ?? '') === family);
      return { addressType: `IPv${family}`, endpoints: ofFamily, ports };
    });
    return families.filter((content) => (content.endpoints ?? []).length > 0);
  });
  return { contents, skipped };
}

/** Annotations that slices have too. */
function annotationsOf({ metadata }: Endpoints): Record<string, string> {
  const { [triggerTimeAnnotation]: _time, [lastAppliedAnnotation]: _applied, ...others } = metadata.annotations ?? {};
  return others;
}

/** The slices to write; those that lose their content are used for other content of their family. Pure. */
export function planMirror(
  endpoints: Endpoints,
  present: readonly EndpointSlice[],
): { plan: SlicePlan; skipped: number } {
  const { contents, skipped } = contentsOf(endpoints);
  const { name = '', namespace = '' } = endpoints.metadata;
  const labels = { ...endpoints.metadata.labels, [managedByLabel]: manager, [serviceNameLabel]: name };
  const annotations = annotationsOf(endpoints);
  const spare = new Set(present);
  const take = (suits: (slice: EndpointSlice) => boolean) => {
    const slice = [...spare].find(suits);
    if (slice) spare.delete(slice);
    return slice;
  };
  const isFor = (content: Content) => (slice: EndpointSlice) =>
    slice.addressType === content.addressType && portsKey(slice.ports) === portsKey(content.ports);
  const own = new Map(contents.map((content) => [content, take(isFor(content))]));
  const plan: SlicePlan = { create: [], update: [], delete: [] };
  for (const content of contents) {
    const slice = own.get(content) ?? take(({ addressType }) => addressType === content.addressType);
    const base = slice?.metadata ?? {
      generateName: `${name}-`,
      namespace,
      ownerReferences: [controllerRef(EndpointsKind, endpoints)],
    };
    const { annotations: before, ...metadata } = base as EndpointSlice['metadata'];
    const isAnnotated = Object.keys(annotations).length > 0;
    const next = { ...slice, ...content, metadata: { ...metadata, labels, ...(isAnnotated ? { annotations } : {}) } };
    const isSame = (now: EndpointSlice) =>
      jsonEqual([now.endpoints ?? [], now.ports ?? []], [content.endpoints, content.ports]) &&
      jsonEqual([now.metadata.labels, before ?? {}], [labels, annotations]);
    if (!slice) plan.create.push(next);
    else if (!isSame(slice)) plan.update.push(next);
  }
  plan.delete.push(...spare);
  return { plan, skipped };
}

function createDeps(context: ControllerContext) {
  return {
    services: context.informer(ServiceKind).lister,
    own: ownSlices(context, manager),
    say: sayingOf(EndpointsKind, context.recorder('endpoint-slice-mirroring-controller')),
  };
}
type Deps = ReturnType<typeof createDeps>;

const removeAll = (key: string, { own }: Deps) => own.write({ create: [], update: [], delete: own.of(key) }, key);

export const endpointSliceMirroringController = defineController({
  name: 'endpointslice-mirroring-controller',
  kind: EndpointsKind,
  related: [{ kind: ServiceKind, keys: (service, old) => [keyOf(service ?? old)] }, slicesOf(manager)],
  concurrency: 5,
  deps: createDeps,
  async reconcile(endpoints, deps) {
    const key = keyOf(endpoints);
    if (!isMirrored(endpoints, deps.services.get(key))) {
      await removeAll(key, deps);
      return undefined;
    }
    const awaitedMs = deps.own.awaitedMs(key);
    if (awaitedMs > 0) return { requeueAfterMs: awaitedMs };
    const { plan, skipped } = planMirror(endpoints, deps.own.of(key));
    if (skipped > 0) {
      const most = `A max of ${maxPerSubset} addresses can be mirrored to EndpointSlices per Endpoints subset.`;
      deps.say(endpoints, 'Warning', 'TooManyAddressesToMirror', `${most} ${skipped} addresses were skipped`);
    }
    // One that is going makes nothing new; its slices go with it.
    const create = endpoints.metadata.deletionTimestamp ? [] : plan.create;
    await deps.own.write({ ...plan, create }, key);
  },
  async forget(key, deps) {
    deps.own.forget(key);
    await removeAll(key, deps);
  },
});
