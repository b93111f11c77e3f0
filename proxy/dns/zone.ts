// The names of the cluster: which records a name has, from Services and EndpointSlices as they are now. Pure.
// https://github.com/kubernetes/dns/blob/master/docs/specification.md
//
//   <domain>                                   SOA, NS          dns-version.<domain>     TXT
//   <service>.<namespace>.svc.<domain>         A: cluster IP, or every ready endpoint of a headless one; CNAME: ExternalName
//   <endpoint>.<service>.<namespace>.svc...    A: its host name, or its address with dashes
//   _<port>._<protocol>.<service>...           SRV
//   <a-b-c-d>.<namespace>.pod.<domain>         A: a.b.c.d, whether or not there is such a pod (it is only a way to write it)
import { isIPv4 } from 'node:net';
import type { Service, ServicePort } from '../../api/core/service.ts';
import type { Endpoint, EndpointSlice } from '../../api/discovery/endpointslice.ts';
import type { RecordData } from './message.ts';

/** What the zone is made of. */
export interface ClusterView {
  service(namespace: string, name: string): Service | undefined;
  slicesOf(namespace: string, service: string): EndpointSlice[];
  servicesAt(clusterIp: string): Service[];
  slicesAt(address: string): EndpointSlice[];
  /** Whether a namespace has names. */
  hasServices(namespace: string): boolean;
  /** Grows with every change. */
  serial(): number;
}

export interface ZoneOptions {
  domain: string;
  dnsAddress: string;
}

export type ZoneRecord = RecordData & { ttl: number };

const specificationVersion = '1.1.0';
const serviceTtlSeconds = 30;
const endpointTtlSeconds = 5;
const negativeTtlSeconds = 5;

/** Of ports times endpoints; an answer has room for fewer, and whoever makes a service may give it thousands of both. */
const maxServers = 8192;

/** One address of an endpoint. */
interface Target {
  host: string;
  address: string;
}

const isHeadless = (service: Service) => !service.spec.clusterIP || service.spec.clusterIP === 'None';
const dashed = (address: string) => address.replaceAll('.', '-');

export class ClusterZone {
  readonly domain: string;
  readonly #view: ClusterView;
  readonly #dnsAddress: string;

  constructor(view: ClusterView, { domain, dnsAddress }: ZoneOptions) {
    this.domain = domain.toLowerCase();
    this.#view = view;
    this.#dnsAddress = dnsAddress;
  }

  contains(name: string): boolean {
    return name === this.domain || name.endsWith(`.${this.domain}`);
  }

  soa(): ZoneRecord {
    const { domain } = this;
    const names = { primary: `ns.dns.${domain}`, mailbox: `hostmaster.${domain}` };
    return {
      type: 'SOA',
      ...names,
      serial: this.#view.serial(),
      minimumSeconds: negativeTtlSeconds,
      ttl: negativeTtlSeconds,
    };
  }

  /**
   * All records of a name of this zone, in small letters. Undefined when there is no such name; an
   * empty list when names below it exist. `withServers`: a service's own name has those of all its ports.
   */
  lookup(name: string, withServers = true): ZoneRecord[] | undefined {
    const labels = name === this.domain ? [] : name.slice(0, -this.domain.length - 1).split('.');
    const kind = labels.pop();
    switch (kind) {
      case undefined:
        return [this.soa(), { type: 'NS', target: `ns.dns.${this.domain}`, ttl: serviceTtlSeconds }];
      case 'dns-version':
        return labels.length > 0 ? undefined : [{ type: 'TXT', text: specificationVersion, ttl: serviceTtlSeconds }];
      case 'dns':
        if (labels.length === 0) return [];
        return labels.join('.') === 'ns' ? [addressRecord(this.#dnsAddress, serviceTtlSeconds)] : undefined;
      case 'pod':
        return this.#lookupPod(labels);
      case 'svc':
        return this.#lookupService(labels, withServers);
      default:
        return undefined;
    }
  }

  /** Names of an address: of services, and of endpoints of headless services. Undefined when it has none. */
  reverse(address: string): ZoneRecord[] | undefined {
    const names = this.#view.servicesAt(address).map((service) => this.#nameOf(service));
    for (const slice of this.#view.slicesAt(address)) {
      const service = this.#view.service(slice.metadata.namespace ?? '', serviceNameOf(slice));
      if (!service || !isHeadless(service)) continue;
      const own = this.#targetsOf(service).filter((t) => t.address === address);
      for (const { host } of own) names.push(`${host}.${this.#nameOf(service)}`);
    }
    if (names.length === 0) return undefined;
    return [...new Set(names)].map((target) => ({ type: 'PTR', target, ttl: endpointTtlSeconds }));
  }

  #lookupPod(labels: string[]): ZoneRecord[] | undefined {
    const [host, namespace] = labels.length === 2 ? (labels as [string, string]) : ['', labels[0]];
    if (labels.length === 0) return [];
    if (labels.length > 2 || !namespace) return undefined;
    if (host === '') return this.#view.hasServices(namespace) ? [] : undefined;
    const address = host.replaceAll('-', '.');
    return isIPv4(address) ? [addressRecord(address, endpointTtlSeconds)] : undefined;
  }

  #lookupService(labels: string[], withServers: boolean): ZoneRecord[] | undefined {
    const namespace = labels.pop();
    if (namespace === undefined) return [];
    const name = labels.pop();
    if (name === undefined) return this.#view.hasServices(namespace) ? [] : undefined;
    const service = this.#view.service(namespace, name);
    if (!service) return undefined;
    if (service.spec.type === 'ExternalName') {
      const target = (service.spec.externalName ?? '').replace(/\.$/, '');
      return labels.length === 0 ? [{ type: 'CNAME', target, ttl: serviceTtlSeconds }] : undefined;
    }
    const [first, second, ...more] = labels.reverse();
    if (more.length > 0) return undefined;
    if (first === undefined) return this.#recordsOf(service, withServers);
    if (first.startsWith('_')) return this.#portRecords(service, first.slice(1), second);
    if (second !== undefined) return undefined;
    const addresses = this.#targetsOf(service).flatMap((t) => (t.host === first ? [t.address] : []));
    return addresses.length === 0 ? undefined : addressRecords(addresses, endpointTtlSeconds);
  }

  #recordsOf(service: Service, withServers: boolean): ZoneRecord[] | undefined {
    const ports = withServers ? this.#servers(service) : [];
    if (!isHeadless(service)) return [...addressRecords(clusterIpsOf(service), serviceTtlSeconds), ...ports];
    const targets = this.#targetsOf(service);
    if (targets.length === 0) return undefined; // so the specification wants it
    return [
      ...addressRecords(
        targets.map((t) => t.address),
        endpointTtlSeconds,
      ),
      ...ports,
    ];
  }

  /** `_protocol` alone is a name with names below it; `_port._protocol` has the servers of that port. */
  #portRecords(service: Service, protocol: string, port: string | undefined): ZoneRecord[] | undefined {
    const wanted = (p: { name: string; protocol: string }) =>
      p.protocol === protocol && p.name !== '' && (port === undefined || `_${p.name}` === port);
    const servers = this.#servers(service, wanted);
    if (servers.length === 0) return undefined;
    return port === undefined ? [] : servers;
  }

  #servers(service: Service, wanted: (port: { name: string; protocol: string }) => boolean = () => true): ZoneRecord[] {
    const own = this.#nameOf(service);
    const isWanted = (p: Pick<ServicePort, 'name' | 'protocol'>) =>
      wanted({ name: p.name ?? '', protocol: protocolOf(p) });
    const servers = new Map<string, { port: number; target: string; address: string }>();
    const add = (port: number, target: string, address: string) =>
      servers.set(`${port} ${target} ${address}`, { port, target, address });
    if (!isHeadless(service)) {
      const address = clusterIpsOf(service)[0] ?? '';
      for (const { port } of (service.spec.ports ?? []).filter(isWanted).slice(0, maxServers)) add(port, own, address);
    } else {
      for (const { ports, endpoints } of this.#groupsOf(service)) {
        const found = ports.filter((p) => (p.port ?? 0) > 0 && isWanted(p));
        for (const { host, address } of found.length > 0 ? endpoints : []) {
          if (servers.size >= maxServers) break;
          for (const { port } of found.slice(0, maxServers - servers.size)) add(port!, `${host}.${own}`, address);
        }
      }
    }
    const weight = Math.max(1, Math.floor(100 / Math.max(1, servers.size)));
    const ttl = isHeadless(service) ? endpointTtlSeconds : serviceTtlSeconds;
    return [...servers.values()].map((server) => ({ type: 'SRV', priority: 0, weight, ...server, ttl }));
  }

  /** What answers for a service, whatever the port. */
  #targetsOf(service: Service): Target[] {
    return this.#groupsOf(service).flatMap(({ endpoints }) => endpoints);
  }

  /** The same with its ports, which endpoints of one slice share. */
  #groupsOf(service: Service): { ports: NonNullable<EndpointSlice['ports']>; endpoints: Target[] }[] {
    const { namespace = '', name = '' } = service.metadata;
    const isUsable = (endpoint: Endpoint) =>
      service.spec.publishNotReadyAddresses === true || endpoint.conditions?.ready !== false;
    return this.#view
      .slicesOf(namespace, name)
      .filter(({ addressType }) => addressType === 'IPv4')
      .map(({ ports, endpoints = [] }) => ({
        ports: ports ?? [],
        endpoints: endpoints.filter(isUsable).map(({ addresses: [address = ''], hostname }) => ({
          host: (hostname || dashed(address)).toLowerCase(),
          address,
        })),
      }));
  }

  #nameOf(service: Service): string {
    return `${service.metadata.name}.${service.metadata.namespace}.svc.${this.domain}`;
  }
}

const protocolOf = (port: Pick<ServicePort, 'protocol'>) => (port.protocol ?? 'TCP').toLowerCase();

export function clusterIpsOf(service: Service): string[] {
  return [service.spec.clusterIP ?? '', ...(service.spec.clusterIPs ?? [])].filter((ip) => isIPv4(ip));
}

export function serviceNameOf(slice: EndpointSlice): string {
  return slice.metadata.labels?.['kubernetes.io/service-name'] ?? '';
}

const addressRecord = (address: string, ttl: number): ZoneRecord => ({ type: 'A', address, ttl });

function addressRecords(addresses: readonly string[], ttl: number): ZoneRecord[] {
  return [...new Set(addresses)].map((address) => addressRecord(address, ttl));
}
