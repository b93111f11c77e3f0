// Gives a Service its node ports. A number is one Service's, whatever the protocol.
// https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport
// Upstream: initNodePorts and updateNodePorts in pkg/registry/core/service/storage.
import { needsHealthPort } from '../../api/core/service/allocated-fields.ts';
import { internalError } from '../../machinery/errors.ts';
import { invalid } from '../../machinery/field-error.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import type { AdmissionDeps, AdmissionRequest } from '../admission/plugin.ts';
import type { Holding } from './holding.ts';
import { lockOfPort } from './locks.ts';
import { reservedPorts, shuffled } from './ranges.ts';
import { refuseService } from './refusal.ts';

interface ServicePort {
  port: number;
  protocol?: string;
  nodePort?: number;
}

/** Fills in the draft of the request. */
export async function allocateNodePorts(
  { object, oldObject }: AdmissionRequest,
  deps: AdmissionDeps,
  holding: Holding,
): Promise<void> {
  const service = object!;
  const { spec } = service;
  if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') return;
  const isAutomatic = spec.type === 'NodePort' || spec.allocateLoadBalancerNodePorts !== false;
  const ports: ServicePort[] = spec.ports ?? [];
  const own = new Set((oldObject?.spec.ports ?? []).map((port: ServicePort) => port.nodePort));
  const asked = new Set(ports.map((port) => port.nodePort));
  /** Of a new Service, the node port of each port: its protocols share one. */
  const shared = new Map<number, number>();
  for (const port of oldObject ? [] : ports) {
    if (port.nodePort && !shared.has(port.port)) shared.set(port.port, port.nodePort);
  }
  for (const [i, port] of ports.entries()) {
    if (!port.nodePort && !isAutomatic) continue;
    const given = port.nodePort || shared.get(port.port);
    if (!given) {
      port.nodePort = await takeAnyPort(deps, holding, asked);
      if (!oldObject) shared.set(port.port, port.nodePort);
    } else {
      port.nodePort = given;
      if (!own.has(given)) await takePort(service, `spec.ports[${i}].nodePort`, given, deps, holding);
    }
    own.add(port.nodePort);
  }
}

async function takePort(
  service: KubeObject,
  field: string,
  port: number,
  deps: AdmissionDeps,
  holding: Holding,
): Promise<void> {
  const { first, last } = deps.serviceNodePortRange;
  if (port < first || port > last) {
    const why = `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    refuseService(service, invalid(field, port, why));
  }
  if (!(await holding.take(lockOfPort(port)))) {
    refuseService(service, invalid(field, port, 'provided port is already allocated'));
  }
}

async function takeAnyPort(
  { random, serviceNodePortRange: { first, last } }: AdmissionDeps,
  holding: Holding,
  except: ReadonlySet<number | undefined>,
): Promise<number> {
  const size = last - first + 1;
  function* candidates() {
    for (const n of shuffled(size, reservedPorts(size), random)) {
      if (!except.has(first + n)) yield lockOfPort(first + n);
    }
  }
  const lock = await holding.takeOneOf(candidates);
  if (!lock) throw internalError('failed to allocate a nodePort: range is full');
  return Number(lock.name);
}

/** The port on which nodes tell load balancers whether they have endpoints. */
export async function allocateHealthPort(
  { object, oldObject }: AdmissionRequest,
  deps: AdmissionDeps,
  holding: Holding,
): Promise<void> {
  const { spec } = object!;
  // One that it has stays, and is put back where an update leaves it out.
  if (!needsHealthPort(spec) || oldObject?.spec.healthCheckNodePort) return;
  const asked: number | undefined = spec.healthCheckNodePort || undefined;
  const { first, last } = deps.serviceNodePortRange;
  const refuse = (why: string) => internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${why}`);
  if (asked === undefined) {
    spec.healthCheckNodePort = await takeAnyPort(deps, holding, new Set());
    return;
  }
  if (asked < first || asked > last) throw refuse(`the range of valid ports is ${first}-${last}`);
  if (!(await holding.take(lockOfPort(asked)))) throw refuse('provided port is already allocated');
}
