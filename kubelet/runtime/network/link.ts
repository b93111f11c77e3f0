// The link of a pod: a veth pair, one end in the pod as eth0, the other on the node, with routes and permanent
// neighbour entries instead of a bridge. Built as text for `ip -batch`.
import { createHash } from 'node:crypto';
import { macOf } from './address.ts';

/** The pod's default gateway: link-local, the same in every pod, answered for by nobody (its MAC is known). */
const gatewayIp = '169.254.1.1';
const nodeEndMac = 'ee:ee:ee:ee:ee:ee';

/** All names of links on the node begin so; firewall rules match on it. */
export const linkPrefix = 'pod';

/**
 * The node's end of a pod's link: `pod` and the first twelve hex digits of its uid (of the uid's
 * hash when it is no UUID).
 */
export function linkNameOf(podUid: string): string {
  const hex = podUid.replaceAll('-', '').toLowerCase();
  const digits = /^[0-9a-f]{32}$/.test(hex) ? hex : createHash('sha256').update(podUid).digest('hex');
  return linkPrefix + digits.slice(0, 12);
}

export interface PodLink {
  name: string;
  ip: string;
  /** Any process in the node's network namespace; the node's end goes there. */
  nodePid: number;
}

/** Commands in the pod's namespace: the pair, the address and the routes. */
export function podEndBatch({ name, ip, nodePid }: PodLink): string {
  return [
    'link set lo up',
    `link add eth0 address ${macOf(ip)} type veth peer name ${name} address ${nodeEndMac} netns ${nodePid}`,
    `addr add ${ip}/32 dev eth0`,
    'link set eth0 up',
    `route add ${gatewayIp} dev eth0 scope link`,
    `route add default via ${gatewayIp} dev eth0`,
    `neigh replace ${gatewayIp} lladdr ${nodeEndMac} dev eth0 nud permanent`,
    '',
  ].join('\n');
}

/** Commands on the node, once the pair is there. */
export function nodeEndBatch({ name, ip }: PodLink): string {
  return [
    `link set ${name} up`,
    `neigh replace ${ip} lladdr ${macOf(ip)} dev ${name} nud permanent`,
    `route replace ${ip}/32 dev ${name} scope link`,
    '',
  ].join('\n');
}
