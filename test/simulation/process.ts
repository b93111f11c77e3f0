// A process of the control plane: it elects, works while it leads, and is killed at any write, cut off, and started again.
import { LeaseKind } from '../../api/coordination/lease.ts';
import { kinds as servedKinds } from '../../api/index.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { InformerFactory } from '../../client/informer-factory.ts';
import { LeaderElector } from '../../client/leader-election.ts';
import { KubeClient } from '../../client/rest.ts';
import { type HttpRequest, type HttpResponse, TransportError } from '../../client/transport.ts';
import { internalError, modifiedError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { Draw } from '../environment/fuzz.ts';
import { type Fate, MemoryTransport } from './memory-transport.ts';
import type { World } from './world.ts';

const never = () => new Promise<never>(() => undefined);
const election = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

/** What a process does once it leads. */
export type Work = (context: ControllerContext) => void;

export class Process implements Fate {
  readonly #world: World;
  readonly #draw: Draw;
  readonly #name: string;
  #isAlive = true;
  #cutUntilMs = 0;
  readonly #end = new AbortController();
  readonly #died: () => void;

  constructor(world: World, draw: Draw, name: string, lease: string, work: Work, died: () => void) {
    this.#world = world;
    this.#draw = draw;
    this.#name = name;
    this.#died = died;
    const { clock, api } = world;
    const random = { next: () => draw.below(1e9) / 1e9 };
    const signal = this.#end.signal;
    const client = new KubeClient(new MemoryTransport(api, this), { userAgent: name, clock });
    const deps = { clock, random, log: silentLogger };
    const elector = new LeaderElector(
      { namespace: 'kube-system', name: lease, identity: name, ...election },
      { leases: client.resource(LeaseKind), ...deps, event: () => undefined },
    );
    const lead = async () => {
      await elector.acquire(signal);
      world.note(`${name} leads`);
      const informers = new InformerFactory(client, deps, signal);
      work({
        ...deps,
        client,
        signal,
        informer: (kind, options) => informers.informer(kind, options),
        resource: (kind) => client.resource(kind),
        dropInformers: () => undefined,
        kinds: { current: servedKinds, onChange: () => undefined, synced: async () => undefined },
        recorder: () => ({ event: () => undefined }),
      });
      const loss = await elector.hold(signal);
      if (loss) this.kill(`its lease is lost: ${loss}`);
    };
    lead().catch((err) => {
      if (!signal.aborted) throw err;
    });
  }

  /** Ends without a word: nothing of it happens any more. */
  kill(why: string): void {
    if (!this.#isAlive) return;
    this.#world.note(`${this.#name} ends: ${why}`);
    this.#isAlive = false;
    this.#end.abort();
    this.#died();
  }

  /** Ends for good. */
  stop(): void {
    this.#isAlive = false;
    this.#end.abort();
  }

  /** Reaches nobody for a while. */
  cut(ms: number): void {
    this.#cutUntilMs = this.#world.nowMs + ms;
  }

  async call(request: HttpRequest, serve: () => Promise<HttpResponse>): Promise<HttpResponse> {
    const { clock } = this.#world;
    const fault = this.#world.isRough ? this.#draw.below(200) : 200;
    await clock.sleep(this.#latencyMs());
    if (!this.#isAlive) return never();
    if (this.#world.nowMs < this.#cutUntilMs || fault < 3) throw new TransportError('not reached');
    if (fault === 3) return refusal(internalError('etcdserver: request timed out'));
    const isWrite = request.method !== 'GET';
    if (fault === 4 && request.method === 'PUT') return refusal(modifiedError({ group: '', resource: 'x' }, 'x'));
    const answer = await serve();
    if (isWrite) {
      const path = request.path.replace(/^.*namespaces\//, '');
      const size = /"replicas":\d+/.exec(request.body ?? '')?.[0] ?? '';
      const created = request.method === 'POST' ? (/"name":"([^"]*)"/.exec(request.body ?? '')?.[1] ?? '') : '';
      if (!path.includes('/leases/')) {
        this.#world.note(`${this.#name}: ${request.method} ${path} ${created}${size} ${answer.status}`);
      }
      this.#world.written();
    }
    if (isWrite && this.#world.isRough && this.#draw.below(150) === 0) {
      this.kill(`after ${request.method} ${request.path}`);
      return never();
    }
    if (fault < 8) throw new TransportError('the answer is lost');
    await clock.sleep(this.#latencyMs());
    return this.#isAlive ? answer : never();
  }

  #latencyMs(): number {
    if (!this.#world.isRough) return 1;
    return this.#draw.below(40) === 0 ? this.#draw.below(3_000) : 1 + this.#draw.below(10);
  }

  event(): number | 'breaks' | 'expires' {
    if (!this.#isAlive) return 'breaks';
    if (!this.#world.isRough) return 1;
    const chance = this.#draw.below(300);
    if (chance < 3) return 'breaks';
    if (chance < 5) return 'expires';
    return chance < 15 ? this.#draw.below(4_000) : this.#draw.below(20);
  }
}

const refusal = (err: ReturnType<typeof internalError>): HttpResponse => ({
  status: err.code,
  body: JSON.stringify(err.toStatus()),
});

/** Keeps a process running, as its keeper does: killed, it is back after a moment under its own name. */
export class Kept {
  #current: Process;
  readonly #start: () => Process;

  constructor(world: World, name: string, lease: string, work: Work) {
    const draw = world.draw.fork();
    this.#start = () =>
      new Process(world, draw, name, lease, work, () => {
        world.clock.after(draw.below(2_000), () => {
          this.#current = this.#start();
        });
      });
    this.#current = this.#start();
  }

  kill(): void {
    this.#current.kill('by chance');
  }

  cut(ms: number): void {
    this.#current.cut(ms);
  }

  stop(): void {
    this.#current.stop();
  }
}
