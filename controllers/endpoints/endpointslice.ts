// Writes the endpoint slices of each service with a selector. Upstream: pkg/controller/endpointslice.
import { type Node, NodeKind } from '../../api/core/node.ts';
import { PodKind } from '../../api/core/pod.ts';
import { type Service, ServiceKind } from '../../api/core/service.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { hasManagedEndpoints, podsOfService, servicesOfPod, TriggerTimes } from './service-pods.ts';
import { type HintProblems, isOnLostNode, managerName, planSlices } from './slice-plan.ts';
import { ownSlices, slicesOf } from './slice-writes.ts';
import { capacityOf, isAuto, zoneShares } from './topology-hints.ts';

function createDeps(context: ControllerContext) {
  return {
    services: context.informer(ServiceKind).lister,
    pods: context.informer(PodKind).lister,
    nodes: context.informer(NodeKind).lister,
    own: ownSlices(context, managerName),
    times: new TriggerTimes(),
    /** Services with hints by zone. */
    hinted: new Set<string>(),
    say: sayingOf(ServiceKind, context.recorder('endpoint-slice-controller')),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Services whose hints a node's change may move. */
function servicesOfZones(node: Node | undefined, old: Node | undefined, { services }: Deps): string[] {
  const [now, before] = [capacityOf(node), capacityOf(old)];
  if (now?.zone === before?.zone && now?.nanos === before?.nanos) return [];
  return services.list().filter(isAuto).map(keyOf);
}

/** Tells of hints that begin, end, or cannot be given. */
function tellHints(service: Service, hints: HintProblems, { hinted, say }: Deps): void {
  const key = keyOf(service);
  const disable = (family: string, why: string) =>
    say(service, 'Warning', 'TopologyAwareHintsDisabled', `${why}, addressType: ${family}`);
  for (const [family, problem] of hints) {
    if (problem !== undefined) {
      hinted.delete(key);
      disable(family, problem);
    } else if (!hinted.has(key)) {
      hinted.add(key);
      const text = `Topology Aware Hints has been enabled, addressType: ${family}`;
      say(service, 'Normal', 'TopologyAwareHintsEnabled', text);
    }
  }
  if (hints.size > 0 || !hinted.delete(key)) return;
  for (const family of service.spec.ipFamilies ?? ['IPv4']) disable(family, 'Topology Aware Hints has been disabled');
}

export const endpointSliceController = defineController({
  name: 'endpointslice-controller',
  kind: ServiceKind,
  related: [
    { kind: PodKind, keys: (pod, old, deps) => servicesOfPod(deps.services, pod, old) },
    { kind: NodeKind, keys: servicesOfZones },
    slicesOf(managerName),
  ],
  concurrency: 5,
  deps: createDeps,
  async reconcile(service, deps) {
    const key = keyOf(service);
    if (service.metadata.deletionTimestamp || !hasManagedEndpoints(service)) return undefined;
    const awaitedMs = deps.own.awaitedMs(key);
    if (awaitedMs > 0) return { requeueAfterMs: awaitedMs };
    const pods = podsOfService(deps.pods, service);
    const nodeOf = (name: string) => deps.nodes.get(name);
    const plan = planSlices({
      service,
      pods,
      nodeOf,
      shares: isAuto(service) ? zoneShares(deps.nodes.list()) : undefined,
      present: deps.own.of(key),
      triggerTime: deps.times.next(service, pods),
    });
    await deps.own.write(plan, key);
    tellHints(service, plan.hints, deps);
    const lost = pods.find((pod) => isOnLostNode({ service, nodeOf }, pod));
    // Looked at again: the node may only not have been seen yet.
    if (lost)
      throw new Error(`skipping Pod ${lost.metadata.name} for Service ${key}: Node ${lost.spec.nodeName} Not Found`);
  },
  forget(key, { own, times, hinted }) {
    hinted.delete(key);
    own.forget(key);
    times.forget(key);
  },
});
