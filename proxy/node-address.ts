// What the node itself needs so that service addresses work from its own processes (kubelet, hostNetwork pods).

import { readdirSync, writeFileSync } from 'node:fs';
import { ifThereSync } from '../host/if-there.ts';
import type { RunProgram } from './run-program.ts';

export interface NodeAddressOptions {
  dnsAddress: string;
  serviceCidr: string;
  nodeIp: string;
}

/**
 * Puts the cluster's DNS address on the node. Scope host: the kernel never chooses it as a source
 * address by itself, as it otherwise would for masqueraded connections to pods, whose links have no
 * address on the node. Idempotent.
 */
export function addDnsAddress({ dnsAddress }: NodeAddressOptions, run: RunProgram): Promise<string> {
  return run('ip', ['address', 'replace', `${dnsAddress}/32`, 'dev', 'lo', 'scope', 'host'], '');
}

/**
 * Gives the service range a route, in place of the `unreachable` one that the node boots with. The
 * kernel looks for a route before it applies the rules that rewrite the destination; without one,
 * connections of the node's own processes would fail there. Nothing travels on it: what no rule
 * rewrites is refused in the output hook. So the rules must be there first.
 */
export function addServiceRoute({ serviceCidr, nodeIp }: NodeAddressOptions, run: RunProgram): Promise<string> {
  return run('ip', ['route', 'replace', serviceCidr, 'dev', 'lo', 'src', nodeIp], '');
}

const interfaceSettings = '/proc/sys/net/ipv4/conf';

/**
 * A pod that reaches itself through a service would be told, packet by packet, that there is a
 * shorter way. There is none, and the kernel counts these messages against the refusals that it may
 * send to the pod.
 */
export function stopRedirects(): void {
  for (const name of readdirSync(interfaceSettings)) {
    // That of a pod may just have gone with it.
    ifThereSync(() => writeFileSync(`${interfaceSettings}/${name}/send_redirects`, '0'));
  }
}
