// The annotation topology-mode: Auto of a service gives each zone as many of its endpoints as the zone has of all cpu, its
// own first. Pure. Upstream: staging/endpointslice/topologycache.
// https://kubernetes.io/docs/concepts/services-networking/topology-aware-routing/
import type { Node } from '../../api/core/node.ts';
import { topologyHints, topologyMode } from '../../api/core/service/validation.ts';
import type { Service } from '../../api/core/service.ts';
import type { Endpoint } from '../../api/discovery/endpointslice.ts';
import { parseQuantity } from '../../machinery/quantity.ts';
import { readinessOf } from '../node/health.ts';

export const zoneLabel = 'topology.kubernetes.io/zone';
/** Nodes that run the cluster and no pods of users. */
const excludedLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master'];
/** So much more than its share an endpoint may be asked to do. */
const overload = 0.2;

const noNodeInfo = 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes';
const noZone = 'One or more endpoints do not have a zone specified';
const tooFew = 'Insufficient number of endpoints';
const tooUneven = 'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold';

/** Whether a service asks for it. */
export function isAuto({ metadata: { annotations } }: Service): boolean {
  return ['Auto', 'auto'].includes(annotations?.[topologyHints] ?? annotations?.[topologyMode] ?? '');
}

/** What of a node the shares come from; undefined for one that does not count. */
export function capacityOf(node: Node | undefined): { zone: string; nanos: bigint } | undefined {
  const labels = node?.metadata.labels ?? {};
  if (!node || readinessOf(node) !== 'True' || excludedLabels.some((label) => label in labels)) return undefined;
  return { zone: labels[zoneLabel] ?? '', nanos: parseQuantity(node.status?.allocatable?.cpu ?? '0')?.nanos ?? 0n };
}

/** Each zone's share of all cpu; undefined when a node says too little, or there is one zone alone. */
export function zoneShares(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const byZone = new Map<string, bigint>();
  let total = 0n;
  for (const node of nodes) {
    const capacity = capacityOf(node);
    if (!capacity) continue;
    const { zone, nanos } = capacity;
    if (zone === '' || nanos <= 0n) return undefined;
    byZone.set(zone, (byZone.get(zone) ?? 0n) + nanos);
    total += nanos;
  }
  if (byZone.size < 2) return undefined;
  return new Map([...byZone].sort().map(([zone, nanos]) => [zone, Number(nanos) / Number(total)]));
}

/** How many endpoints each zone should have, or why there is no good answer. */
function wantedByZone(shares: ReadonlyMap<string, number>, count: number): ReadonlyMap<string, number> | string {
  const numbers = `(${count} endpoints, ${shares.size} zones)`;
  if (shares.size > count) return `${tooFew} ${numbers}`;
  const least = (share: number) => Math.ceil((share * count) / (1 + overload));
  const sum = [...shares.values()].reduce((all, share) => all + least(share), 0);
  if (sum > count) return `${tooUneven} ${numbers}`;
  return new Map([...shares].map(([zone, share]) => [zone, Math.max(share * count, least(share))]));
}

/** Takes one endpoint after the other from the zone with the most to give for the one that lacks most. */
function movesBetween(have: ReadonlyMap<string, number>, wanted: ReadonlyMap<string, number>) {
  const surplus = new Map([...wanted].map(([zone, target]) => [zone, (have.get(zone) ?? 0) - target]));
  const moves: { from: string; to: string }[] = [];
  for (;;) {
    const sorted = [...surplus].sort(([, a], [, b]) => b - a);
    const [from = '', most = 0] = sorted[0] ?? [];
    const [to = '', least = 0] = sorted.at(-1) ?? [];
    if ((most < 1 && -least < 1) || most < 0.5 || -least < 0.5) return moves;
    moves.push({ from, to });
    surplus.set(from, most - 1);
    surplus.set(to, least + 1);
  }
}

/** Writes into each endpoint that is ready who should use it. Returns why nobody is told, when that is so. */
export function addZoneHints(
  endpoints: readonly Endpoint[],
  shares: ReadonlyMap<string, number> | undefined,
): string | undefined {
  // By address, so that the order in which pods changed says nothing.
  const ready = endpoints.filter(({ conditions }) => conditions?.ready);
  ready.sort((a, b) => ((a.addresses?.[0] ?? '') < (b.addresses?.[0] ?? '') ? -1 : 1));
  const wanted = shares ? wantedByZone(shares, ready.length) : noNodeInfo;
  if (typeof wanted === 'string') return wanted;
  if (ready.some(({ zone }) => !zone)) return noZone;
  const have = new Map<string, number>();
  for (const { zone = '' } of ready) have.set(zone, (have.get(zone) ?? 0) + 1);
  const moves = movesBetween(have, wanted);
  for (const endpoint of ready) {
    const at = moves.findIndex(({ from }) => from === endpoint.zone);
    const name = (at < 0 ? undefined : moves.splice(at, 1)[0]?.to) ?? endpoint.zone ?? '';
    endpoint.hints = { forZones: [{ name }] };
  }
  return undefined;
}
