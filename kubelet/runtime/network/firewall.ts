// The runtime's own nftables table: masquerading for what leaves the pod network, and hostPorts. Services are the
// proxy's, in a table of its own.
import type { PortMapping } from '../../../proto/cri.gen.ts';
import { linkPrefix } from './link.ts';

const tableName = 'k8ts-runtime';

/**
 * Marks a connection from a pod to a hostPort, which must be masqueraded so that the answer comes
 * back the same way.
 */
const hairpinMark = '0x8000';

export interface HostPort {
  protocol: 'tcp' | 'udp' | 'sctp';
  hostIp: string;
  hostPort: number;
  podIp: string;
  podPort: number;
}

export function hostPortsOf(mappings: readonly PortMapping[], podIp: string): HostPort[] {
  return mappings
    .filter((m) => m.host_port > 0)
    .map((m) => ({
      protocol: m.protocol.toLowerCase() as HostPort['protocol'],
      hostIp: m.host_ip === '0.0.0.0' || m.host_ip === '::' ? '' : m.host_ip,
      hostPort: m.host_port,
      podIp,
      podPort: m.container_port,
    }));
}

const keyOf = (p: HostPort) => `${p.hostIp ? `${p.hostIp} . ` : ''}${p.protocol} . ${p.hostPort}`;
const mapOf = (p: HostPort) => (p.hostIp ? 'hostports-by-ip' : 'hostports');
const elementOf = (p: HostPort) => `${keyOf(p)} : ${p.podIp} . ${p.podPort}`;

/** A transaction that (re)builds the whole table: idempotent, so it also repairs it after a restart. */
export function renderTable(
  podCidr: string,
  nonMasqueradeCidrs: readonly string[],
  ports: readonly HostPort[],
): string {
  const elements = (map: string) => {
    const own = ports.filter((p) => mapOf(p) === map).map(elementOf);
    return own.length > 0 ? `elements = { ${own.join(', ')} };` : '';
  };
  return `add table ip ${tableName}
delete table ip ${tableName}
table ip ${tableName} {
  map hostports {
    type inet_proto . inet_service : ipv4_addr . inet_service;
    ${elements('hostports')}
  }
  map hostports-by-ip {
    type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service;
    ${elements('hostports-by-ip')}
  }
  chain to-hostport {
    ip saddr ${podCidr} meta mark set meta mark or ${hairpinMark};
    dnat ip to ip daddr . meta l4proto . th dport map @hostports-by-ip;
    dnat ip to meta l4proto . th dport map @hostports;
  }
  chain raw {
    type filter hook prerouting priority -300; policy accept;
    iifname != "lo" ip daddr 127.0.0.0/8 drop;
  }
  chain prerouting {
    type nat hook prerouting priority -101; policy accept;
    fib daddr type local meta l4proto { tcp, udp, sctp } jump to-hostport;
  }
  chain output {
    type nat hook output priority -101; policy accept;
    fib daddr type local meta l4proto { tcp, udp, sctp } jump to-hostport;
  }
  chain postrouting {
    type nat hook postrouting priority 99; policy accept;
    ip saddr 127.0.0.0/8 oifname "${linkPrefix}*" masquerade;
    ct status dnat meta mark and ${hairpinMark} == ${hairpinMark} masquerade;
    oifname "${linkPrefix}*" accept;
    ip saddr ${podCidr} ip daddr != { ${nonMasqueradeCidrs.join(', ')} } oifname != "lo" masquerade;
  }
}
`;
}

/** Commands that add or remove the hostPorts of one pod. Adding fails, for all, if a port belongs to another pod. */
export function renderPorts(verb: 'create' | 'delete', ports: readonly HostPort[]): string {
  return ports.map((p) => `${verb} element ip ${tableName} ${mapOf(p)} { ${elementOf(p)} }\n`).join('');
}

/** A hostPort of `wanted` that another pod has. */
export function findTakenPort(wanted: readonly HostPort[], taken: readonly HostPort[]): HostPort | undefined {
  const overlaps = (a: HostPort, b: HostPort) =>
    a.protocol === b.protocol && a.hostPort === b.hostPort && (a.hostIp === b.hostIp || !a.hostIp || !b.hostIp);
  return wanted.find((a) => taken.some((b) => overlaps(a, b)));
}
