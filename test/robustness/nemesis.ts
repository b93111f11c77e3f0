// What goes wrong: API servers and members of etcd are killed and stopped, the ways between them are cut, held up and
// slowed down, history is compacted, the leader moves. One thing at a time, or two, drawn from the seed.
import { realClock } from '../../machinery/clock.ts';
import type { TestControlPlane } from '../environment/control-plane.ts';
import type { EtcdCluster } from '../environment/etcd-cluster.ts';
import type { Draw } from '../environment/fuzz.ts';
import type { TcpLink } from '../environment/tcp-link.ts';
import type { EtcdRecorder } from './etcd-recorder.ts';
import type { Disturbance, History } from './history.ts';

export interface Place {
  etcd: EtcdCluster;
  recorder: EtcdRecorder;
  servers: readonly TestControlPlane[];
  /** API server by API server, its ways to the members of etcd. */
  links: readonly (readonly TcpLink[])[];
}

interface Fault {
  what: string;
  servers?: number[];
  late?: number[];
  compacted?: number;
  run(): Promise<void>;
}

/** Between two faults of the same hand: most of the time things are well enough for requests to be answered. */
const maxRestMs = 2_500;
const maxEndMs = 5_000;

export class Nemesis {
  readonly #place: Place;
  readonly #history: History;
  readonly #draw: Draw;
  /** Servers and members that are not well now. */
  readonly #victims = new Set<string>();

  constructor(place: Place, history: History, draw: Draw) {
    this.#place = place;
    this.#history = history;
    this.#draw = draw;
  }

  get #all(): number[] {
    return this.#place.servers.map((_, i) => i);
  }

  /** Does harm until the signal comes, and mends everything. */
  async run(signal: AbortSignal): Promise<void> {
    const hands = [this.#harm(this.#draw.fork(), signal), this.#harm(this.#draw.fork(), signal)];
    await Promise.all(hands);
  }

  async #harm(draw: Draw, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await realClock.sleep(draw.below(maxRestMs));
      const [victim, fault] = this.#choose(draw);
      if (signal.aborted || this.#victims.has(victim)) continue;
      this.#victims.add(victim);
      try {
        const { run, ...what } = fault;
        await this.#history.disturb(what as Pick<Disturbance, 'what'>, run);
      } finally {
        this.#victims.delete(victim);
      }
    }
  }

  #choose(draw: Draw): [victim: string, fault: Fault] {
    const { etcd, servers } = this.#place;
    const server = draw.below(servers.length);
    const member = draw.below(etcd.servers.length);
    const pick = draw.below(100);
    if (pick < 14) return [`server ${server}`, this.#endServer(server, draw)];
    if (pick < 28) return [`server ${server}`, this.#stopServer(server, draw)];
    // Of etcd's members one at a time: two of three are enough for a quorum.
    if (pick < 40) return ['etcd', this.#killMember(member, draw)];
    if (pick < 52) return ['etcd', this.#stopMember(member, draw)];
    if (pick < 82) return [`link ${server}`, this.#harmLinks(server, draw)];
    if (pick < 93 || etcd.servers.length === 1) return ['compaction', this.#compact(draw)];
    return ['etcd', this.#moveLeader(draw)];
  }

  #endServer(server: number, draw: Draw): Fault {
    const plane = this.#place.servers[server]!;
    const isAsked = draw.chance(0.3);
    const run = async () => {
      // One that is asked to end has some seconds for it.
      if (isAsked) await Promise.race([plane.stopApiServer(), realClock.sleep(maxEndMs)]);
      await plane.killApiServer();
      await realClock.sleep(draw.below(500));
      await plane.startApiServer();
    };
    return { what: `API server ${server} ${isAsked ? 'ended' : 'killed'}`, servers: [server], run };
  }

  #stopServer(server: number, draw: Draw): Fault {
    const plane = this.#place.servers[server]!;
    const run = async () => {
      plane.signalApiServer('SIGSTOP');
      await realClock.sleep(200 + draw.below(3_000));
      plane.signalApiServer('SIGCONT');
    };
    return { what: `API server ${server} stopped`, late: [server], run };
  }

  #killMember(index: number, draw: Draw): Fault {
    const { etcd } = this.#place;
    const run = async () => {
      await etcd.signal(index, 'SIGKILL');
      await realClock.sleep(draw.below(1_500));
      etcd.start(index);
      await etcd.ready(index);
    };
    return { what: `etcd ${index} killed`, late: this.#all, run };
  }

  #stopMember(index: number, draw: Draw): Fault {
    const { etcd } = this.#place;
    const run = async () => {
      await etcd.signal(index, 'SIGSTOP');
      await realClock.sleep(200 + draw.below(4_000));
      await etcd.signal(index, 'SIGCONT');
      await etcd.ready(index);
    };
    return { what: `etcd ${index} stopped`, late: this.#all, run };
  }

  /** The ways of one API server to all members, or to one of them. */
  #harmLinks(server: number, draw: Draw): Fault {
    const all = this.#place.links[server]!;
    const links = draw.chance(0.4) ? [draw.of(all)] : all;
    const how = draw.of(['cut', 'stalled', 'slow'] as const);
    const delayMs = 20 + draw.below(200);
    const run = async () => {
      for (const link of links) {
        if (how === 'cut') link.cut();
        else if (how === 'stalled') link.stall();
        else link.delay(delayMs);
      }
      await realClock.sleep(draw.chance(0.5) ? draw.below(200) : draw.below(3_500));
      for (const link of links) link.heal();
    };
    const what = `${links.length} of ${all.length} ways from API server ${server} to etcd ${how}`;
    return { what, late: [server], run };
  }

  /** Not beyond what the recorder has written down. */
  #compact(draw: Draw): Fault {
    const { etcd, recorder } = this.#place;
    const compacted = Math.max(1, recorder.revision - draw.below(100));
    const member = draw.of(etcd.gateways);
    // Somebody may have compacted that, and etcd may not be well: both are as good.
    const run = () => member.compact(compacted).catch(() => undefined);
    return { what: `compacted at ${compacted}`, compacted, run };
  }

  #moveLeader(draw: Draw): Fault {
    const run = () => this.#place.etcd.moveLeader((others) => draw.below(others)).catch(() => undefined);
    return { what: 'leader moved', run };
  }
}
