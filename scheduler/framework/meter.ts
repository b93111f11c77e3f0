// How long the extension points of cycles take, and in some of the cycles each plugin.
import type { Plugin } from './plugin.ts';
import type { Status } from './status.ts';

/** As metrics call them. */
export type TimedPoint = 'PreFilter' | 'Filter' | 'PostFilter' | 'PreScore' | 'Score' | 'Reserve' | 'PreBind' | 'Bind';

export type TimedStatus = Status['code'] | 'Error';

/** In one of so many cycles the plugins are looked at, too. */
const sampledCycles = 10;

export class Meter {
  readonly #nowMs: () => number;
  readonly #record: (point: TimedPoint, status: TimedStatus, ms: number, plugin?: Plugin) => void;
  #cycles = 0;

  constructor(
    nowMs: () => number,
    record: (point: TimedPoint, status: TimedStatus, ms: number, plugin?: Plugin) => void,
  ) {
    this.#nowMs = nowMs;
    this.#record = record;
  }

  beginCycle(): void {
    this.#cycles++;
  }

  /** Whether this is a cycle in which plugins are timed. */
  get samples(): boolean {
    return this.#cycles % sampledCycles === 1;
  }

  /** Begins a point; what is answered ends it. */
  start(point: TimedPoint, plugin?: Plugin): (status?: TimedStatus) => void {
    const startMs = this.#nowMs();
    return (status = 'Success') => this.#record(point, status, this.#nowMs() - startMs, plugin);
  }

  /** Asks a plugin for its status. */
  ask(point: TimedPoint, plugin: Plugin, act: () => Status): Status {
    if (!this.samples) return act();
    const end = this.start(point, plugin);
    const status = act();
    end(status.code);
    return status;
  }
}

/** Tells nobody. */
export const silentMeter = new Meter(
  () => 0,
  () => undefined,
);
