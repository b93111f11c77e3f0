// The clusters of this machine: one cluster.json each, and the choice of a free slot for a new one.

import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { ifThereSync } from '../host/if-there.ts';
import { overlap, parseSubnet, type Subnet } from '../machinery/subnet.ts';
import { makePrivate, readIfExists, temporaryOf, writeFileAtomic } from './host/files.ts';
import { machineLock, withLock } from './host/lock.ts';
import { run } from './host/run.ts';
import {
  bridgeName,
  type ClusterSpec,
  type Layout,
  layoutOf,
  type Roots,
  slotCount,
  slotSubnets,
  specFileOf,
} from './layout.ts';
import { errnoOf, UserError } from './user-error.ts';

/** The names of all clusters with state, sorted. */
export function listClusters(roots: Roots): string[] {
  try {
    return readdirSync(roots.state)
      .filter((name) => readIfExists(specFileOf(name, roots)) !== undefined)
      .sort();
  } catch (err) {
    if (errnoOf(err) === 'ENOENT' || errnoOf(err) === 'ENOTDIR') return [];
    if (errnoOf(err) === 'EACCES')
      throw new UserError(`cannot read ${roots.state}`, { hint: 'Run as root.', cause: err });
    throw err;
  }
}

export function loadCluster(name: string, roots: Roots): Layout | undefined {
  const text = readIfExists(specFileOf(name, roots));
  if (text === undefined) return undefined;
  try {
    return layoutOf(JSON.parse(text) as ClusterSpec, roots);
  } catch (err) {
    throw new UserError(`${specFileOf(name, roots)} is damaged`, {
      hint: 'Restore it, or delete the folder it is in.',
      cause: err,
    });
  }
}

/** A range of addresses that is in use, and by whom: what a clash is reported with. */
export interface TakenSubnet {
  subnet: Subnet;
  owner: string;
}

/** Why this spec cannot be used beside what is taken, or undefined when it can. */
function findClash(layout: Layout, taken: readonly TakenSubnet[]): string | undefined {
  const own = { 'node network': layout.nodeSubnet, pods: layout.podSubnet, services: layout.serviceSubnet };
  for (const [what, text] of Object.entries(own)) {
    const subnet = parseSubnet(text);
    const clash = taken.find((t) => overlap(t.subnet, subnet));
    if (clash) return `${text} (${what}) overlaps ${clash.owner}`;
  }
  if (overlap(parseSubnet(layout.podSubnet), parseSubnet(layout.serviceSubnet))) {
    return `${layout.podSubnet} (pods) overlaps ${layout.serviceSubnet} (services)`;
  }
  return undefined;
}

/** The first slot that neither another cluster nor the host's own network uses. */
export function chooseSlot(
  wanted: Omit<ClusterSpec, 'slot'>,
  world: { others: readonly Layout[]; hostSubnets: readonly TakenSubnet[]; links: readonly string[] },
): ClusterSpec {
  const taken = [
    ...world.hostSubnets,
    ...world.others.flatMap((other) =>
      [other.nodeSubnet, other.podSubnet, other.serviceSubnet].map((s) => ({
        subnet: parseSubnet(s),
        owner: `cluster ${other.name}`,
      })),
    ),
  ];
  const otherSlots = new Set(world.others.map((other) => other.spec.slot));
  let firstClash: string | undefined;
  for (let slot = 0; slot < slotCount; slot++) {
    if (otherSlots.has(slot) || world.links.includes(bridgeName(slot))) continue;
    const spec = { ...wanted, slot };
    const clash = findClash(layoutOf(spec), taken);
    if (clash === undefined) return spec;
    firstClash ??= clash;
  }
  throw new UserError(`no free addresses for cluster ${wanted.name}: ${firstClash ?? 'every slot is taken'}`, {
    hint: `A range can be chosen: --pod-subnet, --service-subnet. Nodes are in ${slotSubnets(0).nodes} and those after it.`,
  });
}

/** Gives a new cluster its slot and remembers it. One command at a time on the whole machine. */
export async function registerCluster(wanted: Omit<ClusterSpec, 'slot'>, roots: Roots): Promise<Layout> {
  return withLock(machineLock, 30_000, async () => {
    const others = listClusters(roots).map((name) => loadCluster(name, roots)!);
    const [hostSubnets, links] = await Promise.all([readHostSubnets(), readLinks()]);
    const layout = layoutOf(chooseSlot(wanted, { others, hostSubnets, links }), roots);
    makePrivate(roots.state, layout.stateDir);
    writeFileAtomic(layout.specFile, `${JSON.stringify(layout.spec, null, 2)}\n`);
    return layout;
  });
}

/**
 * Removes the last of a cluster's state: what says that it exists, then its folder, unless
 * something of the user's is in or on it. Also what a registration that was killed left.
 */
export function unregisterCluster(name: string, roots: Roots): void {
  const specFile = specFileOf(name, roots);
  for (const file of [specFile, temporaryOf(specFile)]) if (existsSync(file)) rmSync(file);
  for (const dir of [dirname(specFile), roots.state]) {
    if (existsSync(dir)) ifThereSync(() => rmdirSync(dir), 'EBUSY', 'ENOTEMPTY', 'ENOTDIR');
  }
}

interface RouteRow {
  dst: string;
  dev?: string;
  type?: string;
}

async function readHostSubnets(): Promise<TakenSubnet[]> {
  return subnetsOfRoutes(await run('ip', ['-json', '-4', 'route', 'show', 'table', 'all']));
}

/** No network is wider than 10.0.0.0/8: routes that are, are the default one, perhaps in parts, as VPNs have it. */
const widestNetwork = 8;

/** The ranges that some network has, from what `ip -json route` prints. */
export function subnetsOfRoutes(text: string): TakenSubnet[] {
  return (JSON.parse(text || '[]') as RouteRow[])
    .filter((row) => row.dst !== 'default')
    .map((row) => ({ subnet: parseSubnet(row.dst), owner: `the route to ${row.dst} (${row.dev ?? row.type})` }))
    .filter(({ subnet }) => subnet.prefixLength >= widestNetwork);
}

async function readLinks(): Promise<string[]> {
  const rows = JSON.parse((await run('ip', ['-json', 'link', 'show'])) || '[]') as { ifname: string }[];
  return rows.map((row) => row.ifname);
}
