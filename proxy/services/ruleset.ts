// From the model to nftables: the whole desired content of the proxy's table, as chains and map elements by name. Pure;
// diff.ts makes scripts of it. Upstream counterpart: kube-proxy's nftables mode.
//
//   prerouting, output ── address . protocol . port ──> service-* / external-*  (dnat to a random endpoint)
//                      └─ local address: protocol . port (node ports) ──> external-*
//   With session affinity every endpoint has a chain and a set of its own, which remembers its clients.
//   What has no endpoint is in a `no-endpoint` set and refused before; whatever is still addressed to the service
//   range after that belongs to no service and is refused as well: nothing leaves the node under a service address.
import { createHash } from 'node:crypto';
import { containsIP, parseCIDR, parseIP } from '../../machinery/ip.ts';
import type { Backend, ServicePortModel } from './model.ts';

export const tableName = 'k8ts-proxy';

/** Marks a connection that must leave under the node's address, so that the answer comes back here. */
const masqueradeMark = '0x4000';
const setMark = `meta mark set meta mark or ${masqueradeMark}`;

export const elementSets = ['service-ips', 'node-ports', 'no-endpoint-ips', 'no-endpoint-ports', 'hairpins'] as const;
export type ElementSet = (typeof elementSets)[number];

export interface Ruleset {
  /** Rules by chain. */
  chains: Map<string, readonly string[]>;
  /** Dynamic sets that remember clients, with their timeout in seconds, by name. */
  affinitySets: Map<string, number>;
  /** Elements by map or set: key to verdict ('' in sets). */
  elements: Record<ElementSet, Map<string, string>>;
}

export interface NodeFacts {
  podCidr: string;
  serviceCidr: string;
  /** Where the cluster's DNS is answered on this node. */
  dnsAddress: string;
}

export function emptyRuleset(): Ruleset {
  const elements = Object.fromEntries(elementSets.map((set) => [set, new Map()])) as Ruleset['elements'];
  return { chains: new Map(), affinitySets: new Map(), elements };
}

/** Computes everything but the fixed frame of the table. */
export function computeRuleset(ports: readonly ServicePortModel[], facts: NodeFacts): Ruleset {
  const rules = emptyRuleset();
  for (const port of ports) addPort(rules, port, facts);
  return rules;
}

/**
 * Adds up the rules of several services. An address and port that two of them claim belongs to the
 * first that has endpoints.
 */
export function mergeRulesets(parts: Iterable<Ruleset>): Ruleset {
  const whole = emptyRuleset();
  for (const part of parts) {
    for (const [name, rules] of part.chains) whole.chains.set(name, rules);
    for (const [name, seconds] of part.affinitySets) whole.affinitySets.set(name, seconds);
    for (const set of elementSets) {
      const target = whole.elements[set];
      for (const [key, value] of part.elements[set]) if (!target.has(key)) target.set(key, value);
    }
  }
  // What one can serve is not refused because another one that claims it cannot: refusals come first.
  for (const key of whole.elements['service-ips'].keys()) whole.elements['no-endpoint-ips'].delete(key);
  return whole;
}

const shortHash = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 12);

function addPort(rules: Ruleset, port: ServicePortModel, facts: NodeFacts): void {
  const { elements } = rules;
  const at = (ip: string) => `${ip} . ${port.protocol} . ${port.port}`;
  const hash = shortHash(port.id);
  const chainOf = (name: string, lines: string[]) => {
    rules.chains.set(name, lines);
    return `goto ${name}`;
  };
  if (port.internal.length === 0) elements['no-endpoint-ips'].set(at(port.clusterIp), '');
  else {
    elements['service-ips'].set(
      at(port.clusterIp),
      chainOf(`service-${hash}`, renderChoice(rules, port, port.internal)),
    );
  }
  // What lies in the service range is the address of a service or of the cluster's DNS, whoever else claims it.
  const range = parseCIDR(facts.serviceCidr)!;
  const [externalIps = [], balancerIps = []] = [port.externalIps, port.balancerIps].map((ips) =>
    ips.filter((ip) => !containsIP(range, parseIP(ip)!)),
  );
  const publicIps = [...externalIps, ...balancerIps];
  if (port.nodePort === undefined && publicIps.length === 0) return;
  const nodeKey = `${port.protocol} . ${port.nodePort}`;
  if (port.all.length === 0) {
    for (const ip of publicIps) elements['no-endpoint-ips'].set(at(ip), '');
    if (port.nodePort !== undefined) elements['no-endpoint-ports'].set(nodeKey, '');
    return;
  }
  const external = chainOf(`external-${hash}`, renderExternal(rules, port, facts));
  for (const ip of externalIps) elements['service-ips'].set(at(ip), external);
  if (port.nodePort !== undefined) elements['node-ports'].set(nodeKey, external);
  if (balancerIps.length === 0) return;
  const guarded =
    port.sourceRanges.length === 0
      ? external
      : chainOf(`balancer-${hash}`, [...port.sourceRanges.map((range) => `ip saddr ${range} ${external}`), 'drop']);
  for (const ip of balancerIps) elements['service-ips'].set(at(ip), guarded);
}

/** Rules for traffic from outside. Under the Local policy only that keeps to this node, not what comes from within. */
function renderExternal(rules: Ruleset, port: ServicePortModel, { podCidr }: NodeFacts): string[] {
  if (!port.keepsSource) return [setMark, ...renderChoice(rules, port, port.external)];
  const within = `within-${shortHash(port.id)}`;
  rules.chains.set(within, renderChoice(rules, port, port.all));
  return [
    `ip saddr ${podCidr} goto ${within}`,
    `fib saddr type local ${setMark} goto ${within}`,
    // Dropped, not refused: a load balancer then tries another node.
    ...(port.external.length === 0 ? ['drop'] : renderChoice(rules, port, port.external)),
  ];
}

/** Rules that pick one of the endpoints: the one that the client had before, else any. */
function renderChoice(rules: Ruleset, port: ServicePortModel, backends: readonly Backend[]): string[] {
  // A pod that reaches itself through its service must see an answer from the service's address, so it gets another's.
  for (const { address } of backends) rules.elements.hairpins.set(`${address} . ${address}`, '');
  if (port.affinitySeconds !== undefined) return renderStickyChoice(rules, port, backends);
  const dnat = `meta l4proto ${port.protocol} dnat to`;
  const [only, second] = backends;
  if (!second) return [`${dnat} ${only!.address}:${only!.port}`];
  const choices = backends.map((backend, i) => `${i} : ${backend.address} . ${backend.port}`);
  return [`${dnat} numgen random mod ${backends.length} map { ${choices.join(', ')} }`];
}

function renderStickyChoice(rules: Ruleset, port: ServicePortModel, backends: readonly Backend[]): string[] {
  const chains = backends.map((backend) => addStickyEndpoint(rules, port, backend));
  const choices = chains.map((chain, i) => `${i} : goto ${chain}`);
  return [
    ...chains.map((chain) => `ip saddr @${clientsOf(chain)} goto ${chain}`),
    `numgen random mod ${chains.length} vmap { ${choices.join(', ')} }`,
  ];
}

const clientsOf = (endpointChain: string) => endpointChain.replace('endpoint-', 'clients-');

function addStickyEndpoint(rules: Ruleset, port: ServicePortModel, { address, port: targetPort }: Backend): string {
  // The timeout is part of the name: a set cannot change its own.
  const name = `endpoint-${shortHash(`${port.id} ${address} ${targetPort} ${port.affinitySeconds}`)}`;
  rules.affinitySets.set(clientsOf(name), port.affinitySeconds!);
  rules.chains.set(name, [
    `update @${clientsOf(name)} { ip saddr }`,
    `meta l4proto ${port.protocol} dnat to ${address}:${targetPort}`,
  ]);
  return name;
}

/** The part of the table that never changes, without elements. */
export function renderFrame({ serviceCidr, dnsAddress }: NodeFacts): string {
  const vip = 'ip daddr . meta l4proto . th dport';
  const local = `fib daddr type local ip daddr != { 127.0.0.0/8, ${serviceCidr} } meta l4proto . th dport`;
  return `table ip ${tableName} {
  map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; }
  map node-ports { type inet_proto . inet_service : verdict; }
  set no-endpoint-ips { type ipv4_addr . inet_proto . inet_service; }
  set no-endpoint-ports { type inet_proto . inet_service; }
  set hairpins { type ipv4_addr . ipv4_addr; }
  chain services {
    ${vip} vmap @service-ips
    ${local} vmap @node-ports
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject
  }
  chain refuse-without-endpoint {
    ct state new ${vip} @no-endpoint-ips goto refuse
    ct state new ${local} @no-endpoint-ports goto refuse
  }
  chain refuse-unknown {
    ip daddr ${serviceCidr} fib daddr type != local goto refuse
  }
  chain filter-prerouting-early { type filter hook prerouting priority -110; policy accept; jump refuse-without-endpoint; }
  chain nat-prerouting { type nat hook prerouting priority -100; policy accept; jump services; }
  chain filter-prerouting-late { type filter hook prerouting priority -90; policy accept; jump refuse-unknown; }
  chain filter-output-early { type filter hook output priority -110; policy accept; jump refuse-without-endpoint; }
  chain nat-output { type nat hook output priority -100; policy accept; jump services; }
  chain filter-output-late {
    type filter hook output priority -90; policy accept;
    # While nobody listens (the proxy starts anew), DNS clients wait and ask again instead of failing at once.
    ip saddr ${dnsAddress} icmp type destination-unreachable drop
    jump refuse-unknown
  }
  chain filter-forward {
    type filter hook forward priority 0; policy accept;
    # Answers that the kernel cannot place would arrive under the address of the endpoint, and be answered with a reset.
    ct state invalid drop
  }
  chain nat-postrouting {
    type nat hook postrouting priority 100; policy accept;
    ct status dnat meta mark and ${masqueradeMark} == ${masqueradeMark} masquerade
    ct status dnat oifname != "lo" ip saddr . ip daddr @hairpins masquerade
  }
}
`;
}
