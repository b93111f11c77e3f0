// Writes the endpoint slices of each service with a selector. Upstream: pkg/controller/endpointslice.
import { NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { ServiceKind } from '../../api/core/service.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { hasManagedEndpoints, podsOfService, servicesOfPod, TriggerTimes } from './service-pods.ts';
import { managerName, planSlices } from './slice-plan.ts';
import { ownSlices, slicesOf } from './slice-writes.ts';

function createDeps(context: ControllerContext) {
  return {
    services: context.informer(ServiceKind).lister,
    pods: context.informer(PodKind).lister,
    nodes: context.informer(NodeKind).lister,
    own: ownSlices(context, managerName),
    times: new TriggerTimes(),
  };
}

export const endpointSliceController = defineController({
  name: 'endpointslice-controller',
  kind: ServiceKind,
  related: [{ kind: PodKind, keys: (pod, old, deps) => servicesOfPod(deps.services, pod, old) }, slicesOf(managerName)],
  concurrency: 5,
  deps: createDeps,
  async reconcile(service, deps) {
    const key = keyOf(service);
    if (service.metadata.deletionTimestamp || !hasManagedEndpoints(service)) return undefined;
    const awaitedMs = deps.own.awaitedMs(key);
    if (awaitedMs > 0) return { requeueAfterMs: awaitedMs };
    const pods = podsOfService(deps.pods, service);
    const plan = planSlices({
      service,
      pods,
      nodeOf: (name) => deps.nodes.get(name),
      present: deps.own.of(key),
      triggerTime: deps.times.next(service, pods),
    });
    await deps.own.write(plan, key);
    return undefined;
  },
  forget(key, { own, times }) {
    own.forget(key);
    times.forget(key);
  },
});
