// How fast pods are taken from lost nodes, zone by zone: where much is lost at a time it is more likely that the nodes
// cannot be heard than that they are gone, and pods that are well would be ended. Upstream: pkg/controller/nodelifecycle
// (handleDisruption, ComputeZoneState) with its RateLimitedTimedQueue.
// https://kubernetes.io/docs/concepts/architecture/nodes/#rate-limits-on-eviction
import type { Node } from '../../api/core/node.ts';
import type { Clock } from '../../machinery/clock.ts';
import { readinessOf } from './health.ts';

export interface EvictionLimits {
  /** Nodes a second of a zone that is well. */
  rate: number;
  /** The same where many are lost; none in a zone that is not large. */
  secondaryRate: number;
  /** The share of lost nodes from which they are many; three at least. */
  unhealthyShare: number;
  /** Nodes of a zone above which it is large. */
  largeSize: number;
}

type ZoneState = 'Normal' | 'PartialDisruption' | 'FullDisruption';

interface Zone {
  /** As metrics call it: its region and its zone, nothing where there are none. */
  name: string;
  ready: number;
  lost: number;
  rate: number;
  /** When the next node may be told to let its pods go. */
  nextMs: number;
  /** Nodes that wait, in their order. */
  waiting: Set<string>;
}

export interface ZoneEvents {
  /** Look at the node again. */
  wake(node: string): void;
  /** Every zone is lost as a whole, or it is so no longer. */
  allLost(are: boolean): void;
  /** A node of the zone may let its pods go. */
  evicts?(zone: string): void;
}

/** The state of a zone by its nodes. Pure. */
export function zoneStateOf({ ready, lost }: Pick<Zone, 'ready' | 'lost'>, unhealthyShare: number): ZoneState {
  if (ready === 0 && lost > 0) return 'FullDisruption';
  return lost > 2 && lost / (lost + ready) >= unhealthyShare ? 'PartialDisruption' : 'Normal';
}

const excludeLabel = 'node.kubernetes.io/exclude-disruption';

function zoneOf({ metadata: { labels = {} } }: Node): string {
  const label = (name: string) => labels[`topology.kubernetes.io/${name}`] ?? '';
  return `${label('region')}:${label('zone')}`;
}

const countsIn = (node: Node) => (node.metadata.labels?.[excludeLabel] === undefined ? 1 : 0);

export class EvictionZones {
  readonly #limits: EvictionLimits;
  readonly #clock: Clock;
  readonly #events: ZoneEvents;
  readonly #zones = new Map<string, Zone>();
  readonly #zoneOfNode = new Map<string, Zone>();
  /** Nodes that were let go and do not show it yet. */
  readonly #granted = new Set<string>();
  #areAllLost = false;
  /** The node with which the last zone was lost, if its turn had come. */
  #last: string | undefined;
  #isStarted = false;

  constructor(limits: EvictionLimits, clock: Clock, events: ZoneEvents) {
    this.#limits = limits;
    this.#clock = clock;
    this.#events = events;
  }

  /** Notes a change of a node. */
  change(node: Node | undefined, old: Node | undefined): void {
    const name = (node ?? old)?.metadata.name ?? '';
    const [from, to] = [old && this.#zone(zoneOf(old)), node && this.#zone(zoneOf(node))];
    if (old && from) this.#count(from, old, -1);
    if (node && to) this.#count(to, node, 1);
    if (from !== to) this.leave(name);
    if (to) this.#zoneOfNode.set(name, to);
    else this.#zoneOfNode.delete(name);
    if (this.#isStarted) this.#judge(name);
  }

  /** The zones that have nodes, as they are now. */
  list(): Pick<Zone, 'name' | 'ready' | 'lost'>[] {
    return [...this.#zones.values()].filter(({ ready, lost }) => ready + lost > 0);
  }

  #zone(key: string): Zone {
    return this.#zones.getOrInsertComputed(key, () => ({
      name: key === ':' ? '' : key.replace(':', ':\0:'),
      ready: 0,
      lost: 0,
      rate: this.#limits.rate,
      nextMs: 0,
      waiting: new Set(),
    }));
  }

  #count(zone: Zone, node: Node, by: 1 | -1): void {
    zone[readinessOf(node) === 'True' ? 'ready' : 'lost'] += by * countsIn(node);
  }

  /** Whether all zones are lost as a whole: nobody is evicted then. All nodes must have been noted before. */
  areAllLost(): boolean {
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#judge();
    }
    return this.#areAllLost;
  }

  /**
   * Upstream sees that all are lost only after it has taken up the node with which the last zone went, so that this
   * one is told to let its pods go: in a cluster of one node, that one.
   */
  letsGoAlthoughAllAreLost(name: string): boolean {
    return this.#last === name;
  }

  #judge(cause?: string): void {
    const { rate, secondaryRate, unhealthyShare, largeSize } = this.#limits;
    const were = this.#areAllLost;
    const states = [...this.#zones.values()].map((zone) => [zone, zoneStateOf(zone, unhealthyShare)] as const);
    const counted = states.filter(([zone]) => zone.ready + zone.lost > 0);
    this.#areAllLost = counted.length > 0 && counted.every(([, state]) => state === 'FullDisruption');
    const zoneOfCause = cause === undefined ? undefined : this.#zoneOfNode.get(cause);
    const hasTurn = zoneOfCause && zoneOfCause.rate > 0 && zoneOfCause.nextMs <= this.#clock.monotonicMs();
    if (!this.#areAllLost) this.#last = undefined;
    else if (!were && hasTurn) this.#last = cause;
    for (const [zone, state] of states) {
      const reduced = zone.ready + zone.lost > largeSize ? secondaryRate : 0;
      this.#setRate(zone, this.#areAllLost ? 0 : state === 'PartialDisruption' ? reduced : rate);
    }
    if (this.#areAllLost !== were) this.#events.allLost(this.#areAllLost);
  }

  #setRate(zone: Zone, rate: number): void {
    if (zone.rate === rate) return;
    const nowMs = this.#clock.monotonicMs();
    // Whoever waits goes on waiting: a new rate is no reason to let one go at once.
    if (rate > 0 && (zone.rate === 0 || zone.nextMs > nowMs)) zone.nextMs = nowMs + 1_000 / rate;
    zone.rate = rate;
    this.#wakeFirst(zone);
  }

  #wakeFirst({ waiting }: Zone): void {
    const [first] = waiting;
    if (first !== undefined) this.#events.wake(first);
  }

  /** Milliseconds until the lost node may let its pods go: 0 now, Infinity until it is woken. */
  waitMs(name: string): number {
    const zone = this.#zoneOfNode.get(name);
    if (!zone || this.#granted.has(name)) return 0;
    zone.waiting.add(name);
    const [first] = zone.waiting;
    if (zone.rate === 0 || first !== name) return Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.monotonicMs();
    if (zone.nextMs > nowMs) return zone.nextMs - nowMs;
    zone.nextMs = nowMs + 1_000 / zone.rate;
    zone.waiting.delete(name);
    this.#granted.add(name);
    this.#events.evicts?.(zone.name);
    this.#wakeFirst(zone);
    return 0;
  }

  /** The node waits no longer: it is well again, has let go, or is gone. */
  leave(name: string): void {
    this.#granted.delete(name);
    const zone = this.#zoneOfNode.get(name);
    if (zone?.waiting.delete(name)) this.#wakeFirst(zone);
  }
}
