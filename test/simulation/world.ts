// A cluster in one process that owns its time and its chance: the API server's verbs over an etcd in memory.

import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { keyPrefixOf } from '../../apiserver/storage/stored-object.ts';
import type { Kind } from '../../machinery/kind.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { type MemoryApi, startMemoryApi } from '../builders/memory-api.ts';
import type { Draw } from '../environment/fuzz.ts';

/** The longest step of time: what polls looks so often. */
const maxHopMs = 100;

/** Lets everything run that waits for no time. */
export const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

export class World {
  readonly api: MemoryApi;
  readonly draw: Draw;
  /** Faults come while this is true. */
  isRough = true;
  /** Called after every write, whoever made it. */
  readonly onWrite: (() => void)[] = [];
  /** What happened, to be read when something is wrong. */
  readonly trace: string[] = [];
  #failure: unknown;

  constructor(api: MemoryApi, draw: Draw) {
    this.api = api;
    this.draw = draw;
  }

  get clock() {
    return this.api.clock;
  }

  get nowMs(): number {
    return this.api.clock.now();
  }

  note(text: string): void {
    this.trace.push(`${((this.nowMs - startMs) / 1000).toFixed(3)} ${text}`);
  }

  /** Everything of a kind, as it is now. */
  all<T extends KubeObject>(kind: Kind<T>): T[] {
    return [...this.api.context.store.resource(kind).list(keyPrefixOf(kind))].map((stored) => stored.object as T);
  }

  /** A write has been carried out: the rules are looked at. The first that is broken ends the run. */
  written(): void {
    if (this.#failure) return;
    try {
      for (const look of this.onWrite) look();
    } catch (err) {
      this.#failure = err;
    }
  }

  /** Lets time pass, `each` in steps; throws what was found. */
  async pass(ms: number, each: () => Promise<void> | void): Promise<void> {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      await settle();
      const next = Math.max(0, this.clock.nextInMs() ?? maxHopMs);
      await this.clock.advance(Math.min(next, maxHopMs, untilMs - this.nowMs));
      await settle();
      await each();
      if (this.#failure) throw this.#failure;
    }
  }
}

const startMs = Date.parse('2026-01-01T00:00:00Z');

/** Uids by chance of ours: some things are put in order by them, and a run is to be repeated. */
function drawUids(draw: Draw): void {
  crypto.randomUUID = () => {
    const hex = draw.bytes(16).toString('hex');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
  };
  syncBuiltinESMExports();
}

export async function startWorld(draw: Draw): Promise<World> {
  drawUids(draw.fork());
  return new World(await startMemoryApi(), draw);
}
