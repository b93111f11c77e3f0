// Where a service's requests go: one of its ready endpoints, as the caches know them.
import { isIP } from 'node:net';
import { badRequestError, unavailableError } from '../machinery/errors.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import type { Random } from '../machinery/random.ts';
import type { KindTable } from './registry/kind-table.ts';
import type { ObjectStore } from './storage/object-store.ts';
import { keyPrefixOf } from './storage/stored-object.ts';

export interface EndpointFinder {
  store: ObjectStore;
  kinds: KindTable;
  random: Random;
}

/** Refuses addresses that mean this machine: a status may not lead to what only the server itself can reach. */
export function reachable(address: string): string {
  if (/^(127\.|169\.254\.|0\.|22[4-9]\.|23\d\.)/.test(address) || !isIP(address) || /^(::|f[ef])/i.test(address))
    throw badRequestError('address not allowed');
  return address;
}

/** An endpoint behind the port of a service; 503 when there is none. */
export function findEndpoint(
  { store, kinds, random }: EndpointFinder,
  service: { namespace: string; name: string },
  portName: string,
): { host: string; port: number } {
  const sliceKind = kinds.kind('discovery.k8s.io', 'EndpointSlice');
  for (const { object: slice } of store.resource(sliceKind).list(`${keyPrefixOf(sliceKind)}${service.namespace}/`)) {
    if (slice.metadata.labels?.['kubernetes.io/service-name'] !== service.name) continue;
    const slicePort = (slice.ports ?? []).find((p: { name?: string }) => (p.name ?? '') === portName);
    const ready = (slice.endpoints ?? []).filter((e: KubeObject) => e.conditions?.ready !== false);
    if (!slicePort?.port || ready.length === 0) continue;
    const endpoint = ready[Math.floor(random.next() * ready.length)];
    return { host: reachable(endpoint.addresses[0]), port: slicePort.port };
  }
  throw unavailableError(`no endpoints available for service ${JSON.stringify(service.name)}`);
}

/** Where requests for a service go: one of its endpoints, or the host it stands for. Throws 503 when there is none. */
export function locate(
  deps: EndpointFinder,
  { namespace, name, port }: { namespace: string; name: string; port: number },
): { host: string; port: number } {
  const service = deps.store.peek(deps.kinds.kind('', 'Service'), namespace, name)?.object;
  if (!service) throw unavailableError(`service ${JSON.stringify(name)} not found`);
  if (service.spec.type === 'ExternalName') return { host: service.spec.externalName, port };
  const found = (service.spec.ports ?? []).find((p: { port: number }) => p.port === port);
  if (!found) throw unavailableError(`no service port ${port} found for service ${JSON.stringify(name)}`);
  return findEndpoint(deps, { namespace, name }, found.name ?? '');
}
