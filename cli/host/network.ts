// The host's side of a cluster's network: the bridge, the routes to pods and services, and the way out for pods.
// Nothing addressed to a pod or service can leave the machine: `unreachable` routes with a worse metric back the
// real ones, and are there before them.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError } from '../../host/command.ts';
import { ifThereSync } from '../../host/if-there.ts';
import { messageOf } from '../../machinery/errors.ts';
import { addressAt, parseSubnet } from '../../machinery/subnet.ts';
import type { Layout } from '../layout.ts';
import { readIfExists, writeFileAtomic } from './files.ts';
import { closeFirewalls } from './firewall.ts';
import { machineLock, withLock } from './lock.ts';
import { run } from './run.ts';

const lastResortMetric = 4_278_198_272; // the metric the kernel's users give to routes of last resort

/** Makes bridge, addresses and routes. Idempotent. */
export async function makeNetwork(layout: Layout): Promise<void> {
  const { bridge } = layout;
  const lines = [
    `route replace unreachable ${layout.podSubnet} metric ${lastResortMetric}`,
    `route replace unreachable ${layout.serviceSubnet} metric ${lastResortMetric}`,
    ...(linkExists(bridge) ? [] : [`link add ${bridge} type bridge`]),
    `link set ${bridge} up`,
    `address replace ${layout.hostAddress}/24 dev ${bridge}`,
    ...layout.nodes.map((node) => `route replace ${node.podSubnet} via ${node.address} dev ${bridge}`),
    `route replace ${layout.serviceSubnet} via ${layout.nodes[0]!.address} dev ${bridge}`,
  ];
  await run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
  if (layout.spec.egress) await openEgress(layout);
}

/**
 * What of the cluster's the host does not send over its bridge, or undefined. A rule of policy routing, as VPNs make
 * them, may come before all our routes.
 */
export async function findStrayRoute({ bridge, nodes, clusterDns }: Layout): Promise<string | undefined> {
  const pods = nodes.map((node) => addressAt(parseSubnet(node.podSubnet), 2));
  for (const address of [...nodes.map((node) => node.address), ...pods, clusterDns]) {
    const route = await run('ip', ['route', 'get', address]).catch(messageOf);
    const device = / dev (\S+)/.exec(route)?.[1];
    if (device !== bridge)
      return `${address} goes ${device === undefined ? 'nowhere' : `to ${device}`}, not to ${bridge}`;
  }
  return undefined;
}

/** Removes what makeNetwork made, whatever of it is there. Returns whether there was anything. */
export async function removeNetwork(layout: Layout): Promise<void> {
  await closeFirewalls(layout);
  await closeEgress(layout);
  if (linkExists(layout.bridge)) await run('ip', ['link', 'delete', layout.bridge]);
  for (const subnet of [layout.podSubnet, layout.serviceSubnet]) {
    await ignoring(
      /No such process/,
      run('ip', ['route', 'delete', 'unreachable', subnet, 'metric', String(lastResortMetric)]),
    );
  }
}

/** True when this network namespace has such a link; what is mounted at /sys may show another namespace's. */
export function linkExists(name: string): boolean {
  return readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .some((line) => line.trimStart().startsWith(`${name}:`));
}

async function ignoring(pattern: RegExp, command: Promise<string>): Promise<void> {
  try {
    await command;
  } catch (err) {
    if (!(err instanceof CommandError && pattern.test(err.stderr))) throw err;
  }
}

// Forwarding is one switch of the whole host: the first cluster notes how it stood, the last one puts it back.
const forwardingFile = '/proc/sys/net/ipv4/ip_forward';
const egressDir = (layout: Layout) => join(layout.roots.run, '.egress');

async function openEgress(layout: Layout): Promise<void> {
  await withLock(machineLock, 30_000, async () => {
    const dir = egressDir(layout);
    mkdirSync(dir, { recursive: true });
    if (readIfExists(join(dir, 'before')) === undefined) {
      writeFileAtomic(join(dir, 'before'), readIfExists(forwardingFile) ?? '0');
    }
    writeFileAtomic(join(dir, `cluster-${layout.name}`), '');
    writeFileSync(forwardingFile, '1');
  });
  await run('nft', ['-f', '-'], { input: renderEgressTable(layout) });
}

/** Gives pods the host's address on their way out again, where somebody has flushed all rules to load their own. */
export async function restoreEgress(layout: Layout): Promise<void> {
  if (!layout.spec.egress) return;
  const tables = await run('nft', ['list', 'tables', 'ip']);
  if (tables.split('\n').includes(`table ip ${layout.nftTable}`)) return;
  await run('nft', ['-f', '-'], { input: renderEgressTable(layout) });
}

/** The cluster's table: what leaves by anything but its own bridge gets the host's address. */
function renderEgressTable(layout: Layout): string {
  const { nftTable: table, bridge, nodeSubnet, podSubnet } = layout;
  return `table ip ${table}
delete table ip ${table}
table ip ${table} {
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr { ${nodeSubnet}, ${podSubnet} } oifname != "${bridge}" masquerade
  }
}
`;
}

async function closeEgress(layout: Layout): Promise<void> {
  await ignoring(/No such file or directory/, run('nft', ['delete', 'table', 'ip', layout.nftTable]));
  await withLock(machineLock, 30_000, async () => {
    const dir = egressDir(layout);
    if (!existsSync(dir)) return;
    rmSync(join(dir, `cluster-${layout.name}`), { force: true });
    if (readdirSync(dir).some((name) => name.startsWith('cluster-'))) return;
    const before = readIfExists(join(dir, 'before'));
    if (before !== undefined) writeFileSync(forwardingFile, before.trim());
    rmSync(dir, { recursive: true });
  });
}

/** Removes the folder that all clusters share once it is empty. */
export function removeSharedRunDir(layout: Layout): void {
  ifThereSync(() => rmdirSync(layout.roots.run), 'ENOTEMPTY', 'EBUSY');
}
