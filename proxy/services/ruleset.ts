// From the model to nftables: the whole desired content of the proxy's table, as chains and map elements by name. Pure; apply.ts sends differences.
//
//   prerouting, output ── ip daddr . proto . port ──> service-... ──> endpoint-...  (dnat)
//                      └─ local address . proto . port (node ports) ──> external-... ──> endpoint-...
//   a VIP or node port without endpoints is in a `no-endpoints` set and rejected before
import { createHash } from 'node:crypto';
import type { Backend, ServicePortModel } from './model.ts';

export const tableName = 'k8ts-proxy';

/** Marks a connection that must leave under the node's address, so that the answer comes back here. */
const masqueradeMark = '0x4000';

export interface Ruleset {
  /** Rules by chain. */
  chains: Map<string, string[]>;
  /** Dynamic sets that remember clients, with their timeout, by name. */
  affinitySets: Map<string, number>;
  /** Elements by map or set: key to verdict ('' in sets). */
  elements: Record<ElementSet, Map<string, string>>;
}

export const elementSets = ['service-ips', 'node-ports', 'no-endpoint-ips', 'no-endpoint-ports'] as const;
export type ElementSet = (typeof elementSets)[number];

export interface NodeFacts {
  podCidr: string;
  serviceCidr: string;
}

const short = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

/** Computes everything but the fixed frame of the table. */
export function computeRuleset(ports: readonly ServicePortModel[]): Ruleset {
  const rules: Ruleset = {
    chains: new Map(),
    affinitySets: new Map(),
    elements: {
      'service-ips': new Map(),
      'node-ports': new Map(),
      'no-endpoint-ips': new Map(),
      'no-endpoint-ports': new Map(),
    },
  };
  for (const port of ports) addPort(rules, port);
  return rules;
}

function addPort(rules: Ruleset, port: ServicePortModel): void {
  const { elements } = rules;
  const at = (ip: string) => `${ip} . ${port.protocol} . ${port.port}`;
  if (port.internal.length === 0) elements['no-endpoint-ips'].set(at(port.clusterIp), '');
  else elements['service-ips'].set(at(port.clusterIp), `goto ${serviceChain(rules, port, 'service')}`);
  if (port.nodePort === undefined && port.externalIps.length === 0) return;
  const nodeKey = `${port.protocol} . ${port.nodePort}`;
  if (port.external.length === 0) {
    for (const ip of port.externalIps) elements['no-endpoint-ips'].set(at(ip), '');
    if (port.nodePort !== undefined) elements['no-endpoint-ports'].set(nodeKey, '');
    return;
  }
  const chain = serviceChain(rules, port, 'external');
  for (const ip of port.externalIps) elements['service-ips'].set(at(ip), `goto ${chain}`);
  if (port.nodePort !== undefined) elements['node-ports'].set(nodeKey, `goto ${chain}`);
}

/** The chain that picks an endpoint, for traffic from within (`service`) or from outside (`external`). */
function serviceChain(rules: Ruleset, port: ServicePortModel, side: 'service' | 'external'): string {
  const name = `${side}-${short(port.id)}`;
  const backends = side === 'service' ? port.internal : port.external;
  const out: string[] = [];
  if (side === 'external' && !port.keepsSource) out.push(`meta mark set meta mark or ${masqueradeMark}`);
  const chains = backends.map((backend) => endpointChain(rules, port, backend));
  if (port.affinitySeconds !== undefined) {
    for (const chain of chains) out.push(`ip saddr @${affinitySetOf(chain)} goto ${chain}`);
  }
  if (chains.length === 1) out.push(`goto ${chains[0]}`);
  else out.push(`numgen random mod ${chains.length} vmap { ${chains.map((c, i) => `${i} : goto ${c}`).join(', ')} }`);
  rules.chains.set(name, out);
  return name;
}

const affinitySetOf = (endpointChainName: string) => `clients-${endpointChainName.slice('endpoint-'.length)}`;

function endpointChain(rules: Ruleset, port: ServicePortModel, backend: Backend): string {
  const name = `endpoint-${short(`${port.id} ${backend.address} ${backend.port}`)}`;
  if (rules.chains.has(name)) return name;
  // A pod that reaches itself through its service must see an answer from the service's address.
  const out = [`ip saddr ${backend.address} meta mark set meta mark or ${masqueradeMark}`];
  if (port.affinitySeconds !== undefined) {
    const set = affinitySetOf(name);
    rules.affinitySets.set(set, port.affinitySeconds);
    out.push(`update @${set} { ip saddr }`);
  }
  out.push(`meta l4proto ${port.protocol} dnat to ${backend.address}:${backend.port}`);
  rules.chains.set(name, out);
  return name;
}

/** The part of the table that never changes, without elements. */
export function renderFrame({ serviceCidr }: NodeFacts): string {
  const vip = 'ip daddr . meta l4proto . th dport';
  const local = 'fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport';
  return `table ip ${tableName} {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  set no-endpoint-ips { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ports { type inet_proto . inet_service; }
  chain services {
    ${vip} vmap @service-ips
    ${local} vmap @node-ports
  }
  chain refuse {
    ct state new ${vip} @no-endpoint-ips reject
    ct state new ${local} @no-endpoint-ports reject
  }
  chain nat-prerouting { type nat hook prerouting priority dstnat; policy accept; jump services; }
  chain nat-output { type nat hook output priority -100; policy accept; jump services; }
  chain nat-postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ct status dnat meta mark and ${masqueradeMark} == ${masqueradeMark} masquerade
  }
  chain filter-prerouting { type filter hook prerouting priority -110; policy accept; jump refuse; }
  chain filter-output { type filter hook output priority -110; policy accept; jump refuse; }
  chain filter-forward {
    type filter hook forward priority 0; policy accept;
    ct state new ip daddr ${serviceCidr} reject
  }
}
`;
}
