// Gives Services their cluster addresses and node ports, and keeps two Services from having the same one.
// https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/

import { needsHealthPort } from '../../api/core/service/allocated-fields.ts';
import { internalError, invalidError } from '../../machinery/errors.ts';
import { type FieldError, invalid } from '../../machinery/field-error.ts';
import { jsonEqual } from '../../machinery/json.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { formatAddress, parseAddress } from '../../machinery/subnet.ts';
import { keyPrefixOf } from '../storage/stored-object.ts';
import { parseRange } from './address-range.ts';
import type { AdmissionDeps, AdmissionPlugin, AdmissionRequest } from './plugin.ts';

// What requests under way hold before their Service is in the cache, by what they hold.
const reserved = new WeakMap<object, Set<string>>();
// Where etcd cannot be asked how far the cache is.
const releaseDelayMs = 5_000;

interface ServicePort {
  port: number;
  protocol?: string;
  nodePort?: number;
}

export const serviceAddresses: AdmissionPlugin = {
  name: 'ServiceAddresses',
  handles: ({ operation, kind, subresource }) =>
    (operation === 'CREATE' || operation === 'UPDATE') &&
    kind.plural === 'services' &&
    kind.group === '' &&
    subresource === '',
  complete(request, deps) {
    const service = request.object!;
    const taken = takenBy(deps, service);
    const hold = reservations(deps);
    const mine: string[] = [];
    const take = (key: string) => {
      mine.push(key);
      hold.add(key);
    };
    allocateClusterIp(request, deps, { taken, hold, take });
    allocateNodePorts(request, deps, { taken, hold, take });
    allocateHealthPort(request, deps, { taken, hold, take });
    const release = () => {
      for (const key of mine) hold.delete(key);
    };
    // What is stored stays held until the cache has seen it, and no longer: a Service made anew may
    // want its address back.
    request.onEnd((stored) => {
      if (stored) deps.store.cache.waitConsistent().then(release, () => deps.clock.after(releaseDelayMs, release));
      else release();
    });
  },
};

interface Allocation {
  taken: Set<string>;
  hold: Set<string>;
  take(key: string): void;
}

const ipKey = (address: string) => `ip ${address}`;
const portKey = (port: { nodePort?: number; protocol?: string }) => `port ${port.protocol ?? 'TCP'} ${port.nodePort}`;

function reservations(deps: AdmissionDeps): Set<string> {
  let set = reserved.get(deps.store);
  if (!set) {
    set = new Set();
    reserved.set(deps.store, set);
  }
  return set;
}

/** Addresses and ports of all other Services. */
function takenBy(deps: AdmissionDeps, except: KubeObject): Set<string> {
  const kind = deps.kinds.kind('', 'Service');
  const taken = new Set<string>();
  for (const { object } of deps.store.resource(kind).list(keyPrefixOf(kind))) {
    const { name, namespace } = object.metadata;
    if (name === except.metadata.name && namespace === except.metadata.namespace) continue;
    for (const ip of object.spec.clusterIPs ?? []) taken.add(ipKey(ip));
    for (const port of object.spec.ports ?? []) if (port.nodePort) taken.add(portKey(port));
    if (object.spec.healthCheckNodePort) taken.add(portKey({ nodePort: object.spec.healthCheckNodePort }));
  }
  return taken;
}

function refuse(service: KubeObject, error: FieldError): never {
  throw invalidError({ group: '', kind: 'Service' }, service.metadata.name ?? '', [error]);
}

function allocateClusterIp(request: AdmissionRequest, deps: AdmissionDeps, { taken, hold, take }: Allocation): void {
  const service = request.object!;
  const { spec } = service;
  const before = request.oldObject?.spec;
  if (spec.type === 'ExternalName') return;
  const hadAddress = Boolean(before?.clusterIP) && before.type !== 'ExternalName';
  if (hadAddress && !spec.clusterIP) {
    // An update that does not mention the address keeps it.
    spec.clusterIP = before.clusterIP;
    spec.clusterIPs = before.clusterIPs;
  }
  spec.clusterIP ||= spec.clusterIPs?.[0] ?? '';
  // An address is for life: validation says so, whatever the new one is.
  if (hadAddress && spec.clusterIP !== before.clusterIP) return;
  if (spec.clusterIP === 'None') {
    spec.clusterIPs = ['None'];
    if (spec.selector) refuseOtherFamilies(service);
    familiesOf(spec);
    return;
  }
  refuseOtherFamilies(service);
  const range = parseRange(deps.serviceClusterIpRange);
  if (spec.clusterIP === '') {
    spec.clusterIP = freeAddress(range, deps, (ip) => taken.has(ipKey(ip)) || hold.has(ipKey(ip)));
  } else if (before?.clusterIP !== spec.clusterIP) {
    const address = parseAddress(spec.clusterIP);
    const inRange = address !== undefined && address >= range.first && address <= range.last;
    if (address !== undefined && !inRange) {
      const why = `failed to allocate IP ${spec.clusterIP}: the provided IP (${spec.clusterIP}) is not in the valid range. The range of valid IPs is ${deps.serviceClusterIpRange}`;
      refuse(service, invalid('spec.clusterIPs', [spec.clusterIP], why));
    }
    if (inRange && (taken.has(ipKey(spec.clusterIP)) || hold.has(ipKey(spec.clusterIP)))) {
      const why = `failed to allocate IP ${spec.clusterIP}: provided IP is already allocated`;
      refuse(service, invalid('spec.clusterIPs', [spec.clusterIP], why));
    }
  }
  take(ipKey(spec.clusterIP));
  // What was given beside it is for validation to judge.
  const isKept = jsonEqual(spec.clusterIPs ?? [], before?.clusterIPs ?? []);
  if (isKept || !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
  familiesOf(spec);
}

/** Addresses are IPv4 here, one for each Service. */
function refuseOtherFamilies(service: KubeObject): void {
  const { ipFamilies = [], ipFamilyPolicy, clusterIPs = [] } = service.spec;
  const oneStack = 'this cluster is not configured for dual-stack services';
  if (ipFamilyPolicy === 'RequireDualStack') refuse(service, invalid('spec.ipFamilyPolicy', ipFamilyPolicy, oneStack));
  const other = ipFamilies.indexOf('IPv6');
  if (other >= 0) refuse(service, invalid(`spec.ipFamilies[${other}]`, 'IPv6', 'not configured on this cluster'));
  if (clusterIPs.length > 1) refuse(service, invalid('spec.clusterIPs', clusterIPs, oneStack));
}

function familiesOf(spec: KubeObject): void {
  // Without a selector a headless Service is whatever its endpoints are.
  const isOpen = spec.clusterIP === 'None' && !spec.selector;
  spec.ipFamilies ??= isOpen ? ['IPv4', 'IPv6'] : ['IPv4'];
  spec.ipFamilyPolicy ??= isOpen ? 'RequireDualStack' : 'SingleStack';
}

/**
 * A random free address; the lower part of the range is kept for addresses asked for by name as
 * long as there are others.
 */
function freeAddress(
  range: { first: number; last: number },
  deps: AdmissionDeps,
  isTaken: (address: string) => boolean,
): string {
  const size = range.last - range.first + 1;
  const kept = Math.min(Math.max(16, Math.floor(size / 16)), 256, Math.floor(size / 2));
  for (const [from, count] of [
    [range.first + kept, size - kept],
    [range.first, kept],
  ] as const) {
    const start = Math.floor(deps.random.next() * count);
    for (let i = 0; i < count; i++) {
      const address = formatAddress(from + ((start + i) % count));
      if (!isTaken(address)) return address;
    }
  }
  throw internalError('failed to allocate a serviceIP: range is full');
}

function allocateNodePorts(request: AdmissionRequest, deps: AdmissionDeps, { taken, hold, take }: Allocation): void {
  const service = request.object!;
  const { spec } = service;
  const ports: ServicePort[] = spec.ports ?? [];
  const wants =
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  if (!wants) return;
  const { first, last } = deps.serviceNodePortRange;
  const before: ServicePort[] = request.oldObject?.spec.ports ?? [];
  const own = new Set(before.filter((p) => p.nodePort).map(portKey));
  ports.forEach((port, i) => {
    const old = before.find((p) => p.port === port.port && p.protocol === port.protocol && p.nodePort);
    if (!port.nodePort && old && !ports.some((p) => p.nodePort === old.nodePort)) port.nodePort = old.nodePort!;
    const isTaken = (key: string) => taken.has(key) || (hold.has(key) && !own.has(key));
    const field = `spec.ports[${i}].nodePort`;
    if (!port.nodePort) {
      port.nodePort = freePort(first, last, deps, (n) => isTaken(portKey({ ...port, nodePort: n })));
    } else if (!own.has(portKey(port))) {
      if (port.nodePort < first || port.nodePort > last) {
        refuse(
          service,
          invalid(
            field,
            port.nodePort,
            `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
          ),
        );
      }
      if (isTaken(portKey(port))) refuse(service, invalid(field, port.nodePort, 'provided port is already allocated'));
    }
    take(portKey(port));
    own.delete(portKey(port));
  });
}

/** The port on which nodes tell load balancers whether they have endpoints. */
function allocateHealthPort(request: AdmissionRequest, deps: AdmissionDeps, { taken, hold, take }: Allocation): void {
  const { spec } = request.object!;
  if (!needsHealthPort(spec)) return;
  const { first, last } = deps.serviceNodePortRange;
  const isTaken = (nodePort: number) => taken.has(portKey({ nodePort })) || hold.has(portKey({ nodePort }));
  const before: number | undefined = request.oldObject?.spec.healthCheckNodePort;
  if (before) return; // it stays, and is put back where an update leaves it out
  const asked: number | undefined = spec.healthCheckNodePort;
  if (asked && (asked < first || asked > last || isTaken(asked))) {
    const why = isTaken(asked) ? 'provided port is already allocated' : `the range of valid ports is ${first}-${last}`;
    throw internalError(`failed to allocate requested HealthCheck NodePort ${asked}: ${why}`);
  }
  spec.healthCheckNodePort = asked || freePort(first, last, deps, isTaken);
  take(portKey({ nodePort: spec.healthCheckNodePort }));
}

function freePort(first: number, last: number, deps: AdmissionDeps, isTaken: (port: number) => boolean): number {
  const count = last - first + 1;
  const start = Math.floor(deps.random.next() * count);
  for (let i = 0; i < count; i++) {
    const port = first + ((start + i) % count);
    if (!isTaken(port)) return port;
  }
  throw internalError('failed to allocate a nodePort: range is full');
}
