// The host's firewalls. A packet must be accepted by every chain that hooks where it passes, so no rule of ours alone
// lets anything through where somebody else's chain drops it: the cluster's rules go to the head of each of those, and
// out again on `down`. They accept what a cluster lives by and no more (docs/adr/011-firewalls.md).
import { CommandError } from '../../host/command.ts';
import { messageOf } from '../../machinery/errors.ts';
import type { Layout } from '../layout.ts';
import { readIfExists } from './files.ts';
import { machineLock, withLock } from './lock.ts';
import { isInstalled } from './programs.ts';
import { run } from './run.ts';

type Hook = 'input' | 'forward';

/** Something to let through, in the words of both languages. */
export interface Opening {
  hook: Hook;
  comment: string;
  iptables: readonly string[];
  nft: string;
}

/** A chain of somebody else, and what of ours is to be in it. */
export interface Place {
  /** For people: `chain INPUT of table ip filter`. */
  name: string;
  hook: Hook;
  /** `nft` itself, a command that speaks for iptables, or firewalld, which lets nobody else into its table. */
  by: 'nft' | 'iptables-nft' | 'iptables-legacy' | 'firewall-cmd';
  family: string;
  table: string;
  chain: string;
  /** Handles of rules by their comment, as far as nft can tell. */
  handles: ReadonlyMap<string, readonly number[]>;
}

/** What `nft -j list ruleset` prints. */
export interface Ruleset {
  nftables: readonly {
    table?: { family: string; name: string; flags?: string | string[] };
    chain?: { family: string; table: string; name: string; type?: string; hook?: string };
    rule?: { family: string; table: string; chain: string; handle: number; comment?: string };
  }[];
}

/** What a cluster needs: its nodes and pods reach the API server, pods open connections, and get their answers. */
export function openingsOf(layout: Layout): Opening[] {
  const { bridge, hostAddress, ports, spec } = layout;
  const comment = (what: string) => `k8ts ${layout.name}: ${what}`;
  const toApi: Opening = {
    hook: 'input',
    comment: comment('to the API server'),
    iptables: ['-i', bridge, '-d', hostAddress, '-p', 'tcp', '--dport', String(ports.api)],
    nft: `iifname "${bridge}" ip daddr ${hostAddress} tcp dport ${ports.api}`,
  };
  if (!spec.egress) return [toApi];
  return [
    toApi,
    { hook: 'forward', comment: comment('out of pods'), iptables: ['-i', bridge], nft: `iifname "${bridge}"` },
    {
      hook: 'forward',
      comment: comment('answers to pods'),
      iptables: ['-o', bridge, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED'],
      nft: `oifname "${bridge}" ct state established,related`,
    },
  ];
}

/**
 * Every chain that may drop what the cluster sends. The rules of iptables are left to iptables, where it is there: it
 * refuses to work on a table with an expression in it that it would have written otherwise.
 */
export function placesOf(ruleset: Ruleset, has: (command: string) => boolean): Place[] {
  const owned = new Set(
    ruleset.nftables.flatMap(({ table }) =>
      table?.flags?.includes('owner') === true ? [`${table.family} ${table.name}`] : [],
    ),
  );
  return ruleset.nftables.flatMap(({ chain }) => {
    if (chain?.type !== 'filter' || !['ip', 'inet'].includes(chain.family)) return [];
    if (chain.hook !== 'input' && chain.hook !== 'forward') return [];
    const { family, table, name } = chain;
    const handles = new Map<string, number[]>();
    for (const { rule } of ruleset.nftables) {
      if (rule?.comment === undefined || rule.family !== family) continue;
      if (rule.table !== table || rule.chain !== name) continue;
      handles.set(rule.comment, [...(handles.get(rule.comment) ?? []), rule.handle]);
    }
    const isIptables = family === 'ip' && table === 'filter' && name === chain.hook.toUpperCase();
    let by: Place['by'] = isIptables && has('iptables-nft') ? 'iptables-nft' : 'nft';
    if (table === 'firewalld' && owned.has(`${family} ${table}`) && has('firewall-cmd')) by = 'firewall-cmd';
    return [
      { name: `chain ${name} of table ${family} ${table}`, hook: chain.hook, by, family, table, chain: name, handles },
    ];
  });
}

const legacyTables = '/proc/net/ip_tables_names'; // is there once the kernel has had a rule of iptables-legacy

/** The same for rules that the kernel keeps outside nftables, of which nft knows nothing. */
export function legacyPlaces(tables: string, has: (command: string) => boolean): Place[] {
  if (!tables.split('\n').includes('filter') || !has('iptables-legacy')) return [];
  return (['input', 'forward'] as const).map((hook) => {
    const chain = hook.toUpperCase();
    const name = `chain ${chain} of iptables-legacy`;
    return { name, hook, by: 'iptables-legacy', family: 'ip', table: 'filter', chain, handles: new Map() };
  });
}

async function findPlaces(): Promise<Place[]> {
  const ruleset = JSON.parse(await run('nft', ['-j', '-t', '-a', 'list', 'ruleset'])) as Ruleset;
  return [...placesOf(ruleset, isInstalled), ...legacyPlaces(readIfExists(legacyTables) ?? '', isInstalled)];
}

const iptablesRule = ({ iptables, comment }: Opening) => [
  ...iptables,
  '-m',
  'comment',
  '--comment',
  comment,
  '-j',
  'ACCEPT',
];

async function succeeds(command: string, args: readonly string[]): Promise<boolean> {
  try {
    await run(command, args);
    return true;
  } catch (err) {
    if (err instanceof CommandError) return false;
    throw err;
  }
}

const trusted = ['--quiet', '--zone=trusted'];

async function isOpen(place: Place, opening: Opening, bridge: string): Promise<boolean> {
  if (place.by === 'nft') return place.handles.has(opening.comment);
  if (place.by === 'firewall-cmd') return succeeds(place.by, [...trusted, `--query-interface=${bridge}`]);
  return succeeds(place.by, ['-w', '-C', place.chain, ...iptablesRule(opening)]);
}

async function open(place: Place, opening: Opening, bridge: string): Promise<void> {
  const { by, family, table, chain } = place;
  if (by === 'firewall-cmd') await run(by, [...trusted, `--change-interface=${bridge}`]);
  else if (by !== 'nft') await run(by, ['-w', '-I', chain, ...iptablesRule(opening)]);
  else {
    const rule = `${opening.nft} counter accept comment "${opening.comment}"`;
    await run('nft', ['-f', '-'], { input: `insert rule ${family} ${table} ${chain} ${rule}\n` });
  }
}

async function close(place: Place, opening: Opening, bridge: string): Promise<void> {
  const { by, family, table, chain } = place;
  for (const handle of place.handles.get(opening.comment) ?? []) {
    await succeeds('nft', ['delete', 'rule', family, table, chain, 'handle', String(handle)]);
  }
  if (by === 'firewall-cmd') await succeeds(by, [...trusted, `--remove-interface=${bridge}`]);
  if (by.startsWith('iptables')) while (await succeeds(by, ['-w', '-D', chain, ...iptablesRule(opening)]));
}

/** A place where the cluster does not get through. */
export interface Closed {
  place: string;
  hook: Hook;
  /** Why it could not be opened. */
  reason?: string;
}

type Visit = (place: Place, opening: Opening) => Promise<void>;

async function visit(layout: Layout, places: readonly Place[], what: Visit): Promise<void> {
  for (const place of places) {
    for (const opening of openingsOf(layout)) if (opening.hook === place.hook) await what(place, opening);
  }
}

/** Lets the cluster through every firewall of the host. Idempotent. Resolves to where that was not to be had. */
export function openFirewalls(layout: Layout): Promise<Closed[]> {
  return withLock(machineLock, 30_000, async () => {
    const closed: Closed[] = [];
    await visit(layout, await findPlaces(), async (place, opening) => {
      if (await isOpen(place, opening, layout.bridge)) return;
      try {
        await open(place, opening, layout.bridge);
      } catch (err) {
        closed.push({ place: place.name, hook: place.hook, reason: messageOf(err) });
      }
    });
    return closed;
  });
}

/** Where the cluster does not get through at the moment; changes nothing. */
export async function closedFirewalls(layout: Layout): Promise<Closed[]> {
  const closed = new Map<string, Closed>();
  await visit(layout, await findPlaces(), async (place, opening) => {
    if (await isOpen(place, opening, layout.bridge)) return;
    closed.set(place.name, { place: place.name, hook: place.hook });
  });
  return [...closed.values()];
}

/** Takes the cluster's rules out of every firewall. */
export function closeFirewalls(layout: Layout): Promise<void> {
  return withLock(machineLock, 30_000, async () => {
    await visit(layout, await findPlaces(), (place, opening) => close(place, opening, layout.bridge));
  });
}
