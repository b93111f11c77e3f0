// Writes the endpoint slices of each service with a selector. Upstream: pkg/controller/endpointslice.
import { NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { ServiceKind } from '../../api/core/service.ts';
import { type EndpointSlice, EndpointSliceKind } from '../../api/discovery/endpointslice.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { Expectations } from '../../client/expectations.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { isNamespaceTerminating } from '../pods/pod-control.ts';
import { hasManagedEndpoints, podsOfService, servicesOfPod, TriggerTimes } from './service-pods.ts';
import { managedByLabel, managerName, planSlices, type SlicePlan, serviceNameLabel } from './slice-plan.ts';

const byService = 'service';

const serviceKeyOf = (slice: EndpointSlice) =>
  `${slice.metadata.namespace}/${slice.metadata.labels?.[serviceNameLabel] ?? ''}`;
const isOurs = (slice: EndpointSlice) => slice.metadata.labels?.[managedByLabel] === managerName;

function createDeps(context: ControllerContext) {
  const slices = context.informer(EndpointSliceKind);
  const expectations = new Expectations(context.clock);
  slices.addIndex(byService, (slice) => (isOurs(slice) ? [serviceKeyOf(slice)] : []));
  // Names are generated: until a new slice has been seen, another look would make it again.
  slices.onChange((slice, old) => {
    if (slice && !old && isOurs(slice)) expectations.creationObserved(serviceKeyOf(slice));
  });
  return {
    services: context.informer(ServiceKind).lister,
    pods: context.informer(PodKind).lister,
    nodes: context.informer(NodeKind).lister,
    slices: slices.lister,
    client: context.resource(EndpointSliceKind),
    expectations,
    times: new TriggerTimes(),
  };
}
type Deps = ReturnType<typeof createDeps>;

async function apply(plan: SlicePlan, key: string, { client, expectations }: Deps): Promise<void> {
  if (plan.create.length > 0) expectations.expectCreations(key, plan.create.length);
  const creations = plan.create.map(async (slice) => {
    try {
      await client.create(slice);
    } catch (err) {
      expectations.creationObserved(key);
      if (!isNamespaceTerminating(err)) throw err;
    }
  });
  const updates = plan.update.map((slice) => client.update(slice));
  const deletions = plan.delete.map(async ({ metadata: { namespace = '', name = '', uid } }) => {
    try {
      await client.delete({ namespace, name }, uid ? { uid } : {});
    } catch (err) {
      if (!isNotFound(err)) throw err; // gone is what was wanted
    }
  });
  const results = await Promise.allSettled([...creations, ...updates, ...deletions]);
  const failed = results.find((r) => r.status === 'rejected');
  if (failed) throw failed.reason;
}

export const endpointSliceController = defineController({
  name: 'endpointslice-controller',
  kind: ServiceKind,
  related: [
    { kind: PodKind, keys: (pod, old, deps) => servicesOfPod(deps.services, pod, old) },
    {
      kind: EndpointSliceKind,
      keys: (slice, old) => new Set([slice, old].filter((s) => s && isOurs(s)).map(serviceKeyOf)),
    },
  ],
  concurrency: 5,
  deps: createDeps,
  async reconcile(service, deps) {
    const key = keyOf(service);
    if (service.metadata.deletionTimestamp || !hasManagedEndpoints(service)) return undefined;
    const awaitedMs = deps.expectations.leftMs(key);
    if (awaitedMs > 0) return { requeueAfterMs: awaitedMs };
    const pods = podsOfService(deps.pods, service);
    const plan = planSlices({
      service,
      pods,
      nodeOf: (name) => deps.nodes.get(name),
      present: deps.slices.byIndex(byService, key),
      triggerTime: deps.times.next(service, pods),
    });
    await apply(plan, key, deps);
    return undefined;
  },
  forget(key, { expectations, times }) {
    expectations.forget(key);
    times.forget(key);
  },
});
