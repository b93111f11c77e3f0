// The pod network of this node: set up once when the pod CIDR is known, then a link per pod. The namespace of a pod is
// held by its pause process alone, so nothing of it can be left behind.
import { readFileSync, writeFileSync } from 'node:fs';
import { CommandError } from '../../../host/command.ts';
import type { Logger } from '../../../machinery/log.ts';
import { formatSubnet } from '../../../machinery/subnet.ts';
import { failedPrecondition } from '../errors.ts';
import { runCommand } from '../process/command.ts';
import { nextFreeIp, parseCidr } from './address.ts';
import { findTakenPort, type HostPort, renderPorts, renderTable } from './firewall.ts';
import { nodeEndBatch, podEndBatch } from './link.ts';

export interface NodeNetworkOptions {
  /** Destinations that pods reach with their own address, beside the pod CIDR. */
  nonMasqueradeCidrs: readonly string[];
  /** A process in the node's network namespace: ourselves. */
  nodePid: number;
  log: Logger;
}

const nodeSysctls: readonly (readonly [string, string])[] = [
  ['net/ipv4/ip_forward', '1'],
  // Lets 127.0.0.1:hostPort leave by a pod's link; the table drops what pods send to loopback addresses.
  ['net/ipv4/conf/all/route_localnet', '1'],
  ['net/ipv4/conf/default/route_localnet', '1'],
];

export class NodeNetwork {
  #options: NodeNetworkOptions;
  #podCidr: string | undefined;
  #ports = new Map<string, HostPort[]>();
  #taken = new Map<string, string>();
  #lastIp: string | undefined;

  constructor(options: NodeNetworkOptions) {
    this.#options = options;
  }

  get podCidr(): string | undefined {
    return this.#podCidr;
  }

  /** Remembers what a sandbox has, found on disk. Sandboxes come oldest first. */
  adopt(sandboxId: string, ip: string, ports: HostPort[]): void {
    this.#taken.set(ip, sandboxId);
    this.#lastIp = ip;
    if (ports.length > 0) this.#ports.set(sandboxId, ports);
  }

  /** Prepares the node for a pod CIDR. Idempotent; another CIDR than the one in use is refused. */
  async setUp(podCidr: string): Promise<void> {
    const cidr = formatSubnet(parseCidr(podCidr));
    if (this.#podCidr === cidr) return;
    if (this.#podCidr !== undefined) throw new Error(`the pod CIDR is ${this.#podCidr} and cannot become ${cidr}`);
    for (const [name, value] of nodeSysctls) writeFileSync(`/proc/sys/${name}`, value);
    // Addresses of no pod answer at once instead of leaving the node by its default route.
    await runCommand('ip', ['route', 'replace', 'unreachable', cidr]);
    const direct = [...new Set([cidr, ...this.#options.nonMasqueradeCidrs])];
    await runCommand('nft', ['-f', '-'], { input: renderTable(cidr, direct, [...this.#ports.values()].flat()) });
    this.#podCidr = cidr;
    this.#options.log.info({ podCidr: cidr }, 'pod network ready');
  }

  /** Reserves an address for a sandbox. Throws an Error when there is none, or no pod CIDR yet. */
  allocateIp(sandboxId: string): string {
    if (this.#podCidr === undefined) throw new Error('the node has no pod CIDR yet');
    const ip = nextFreeIp(parseCidr(this.#podCidr), new Set(this.#taken.keys()), this.#lastIp);
    if (ip === null) throw new Error(`no IP addresses available in ${this.#podCidr}`);
    this.#taken.set(ip, sandboxId);
    this.#lastIp = ip;
    return ip;
  }

  releaseIp(sandboxId: string, ip: string): void {
    if (this.#taken.get(ip) === sandboxId) this.#taken.delete(ip);
  }

  /** Connects the network namespace of the pause process. */
  async attach(pausePid: number, link: { name: string; ip: string }): Promise<void> {
    // A pod whose former sandbox was not taken down would still hold the name.
    if (linkExists(link.name)) await this.detach(link.name);
    const podLink = { ...link, nodePid: this.#options.nodePid };
    await runCommand('ip', ['-batch', '-'], { input: podEndBatch(podLink), netns: `/proc/${pausePid}/ns/net` });
    await runCommand('ip', ['-batch', '-'], { input: nodeEndBatch(podLink) });
  }

  /** Removes a pod's link; its other end and routes go with it. */
  async detach(linkName: string): Promise<void> {
    if (!linkExists(linkName)) return;
    try {
      await runCommand('ip', ['link', 'delete', linkName]);
    } catch (err) {
      // It may vanish by itself at this very moment, when the last process of the pod ends.
      if (!(err instanceof CommandError) || linkExists(linkName)) throw err;
    }
  }

  async openPorts(sandboxId: string, ports: HostPort[]): Promise<void> {
    if (ports.length === 0) return;
    const taken = findTakenPort(ports, [...this.#ports.values()].flat());
    if (taken) throw failedPrecondition(`host port ${taken.hostPort}/${taken.protocol} is in use by another pod`);
    this.#ports.set(sandboxId, ports);
    try {
      await runCommand('nft', ['-f', '-'], { input: renderPorts('create', ports) });
    } catch (err) {
      // None was added, so there is none to close: that would fail, and keep the rest of the sandbox from being freed.
      this.#ports.delete(sandboxId);
      throw err;
    }
  }

  async closePorts(sandboxId: string): Promise<void> {
    const ports = this.#ports.get(sandboxId);
    if (!ports) return;
    await runCommand('nft', ['-f', '-'], { input: renderPorts('delete', ports) });
    this.#ports.delete(sandboxId);
  }
}

/** Whether the node has a link. /proc follows our network namespace; /sys would show that of its mount. */
function linkExists(name: string): boolean {
  return new RegExp(`^\\s*${name}:`, 'm').test(readFileSync('/proc/self/net/dev', 'latin1'));
}
