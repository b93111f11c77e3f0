// What all recorders of events do: events that may come again are remembered, and what is written of one is written in
// turn. While the server is away events wait.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../machinery/clock.ts';
import { isAlreadyExists, isNotFound } from '../machinery/errors.ts';
import type { Logger } from '../machinery/log.ts';
import type { EventTarget } from './events.ts';
import { TransportError } from './transport.ts';

/** An event that was written. */
export interface KnownEvent {
  name: string;
  namespace: string;
  count: number;
  /** Where the write of the last count is up to. */
  work: Promise<void>;
}

const maxKnown = 4096;
const maxPending = 1000;
const maxTries = 12;
const retryMs = 10_000;

/** How events refer to what they are about. */
export const referenceTo = ({ kind, apiVersion, object: { metadata }, fieldPath }: EventTarget) => ({
  kind,
  apiVersion,
  ...(metadata.namespace ? { namespace: metadata.namespace } : {}),
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
  ...(metadata.resourceVersion ? { resourceVersion: metadata.resourceVersion } : {}),
  ...(fieldPath ? { fieldPath } : {}),
});

export class EventWrites {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #known: LRUCache<string, KnownEvent>;
  #pending = 0;

  /** The same event within `repeatWindowMs` is the first one again. */
  constructor({ clock, log }: { clock: Clock; log: Logger }, repeatWindowMs: number) {
    this.#clock = clock;
    this.#log = log;
    const perf = { now: () => clock.now() };
    this.#known = new LRUCache({ max: maxKnown, ttl: repeatWindowMs, ttlResolution: 0, perf });
  }

  /** Writes an event about the target by `create`, or by `recount` when the one of this key comes again. */
  write(
    key: string,
    { object: { metadata } }: EventTarget,
    how: {
      suffix(): string;
      create(event: KnownEvent): Promise<unknown>;
      recount(event: KnownEvent): Promise<unknown>;
    },
  ): void {
    const seen = this.#known.get(key);
    if (seen) {
      seen.count++;
      this.#submit(key, seen, () => how.recount(seen));
      return;
    }
    const name = `${metadata.name}.${how.suffix()}`;
    const event = { name, namespace: metadata.namespace || 'default', count: 1, work: Promise.resolve() };
    this.#known.set(key, event);
    this.#submit(key, event, () => how.create(event));
  }

  #submit(key: string, event: KnownEvent, write: () => Promise<unknown>): void {
    if (this.#pending >= maxPending) return;
    this.#pending++;
    event.work = event.work
      .then(() => this.#whenReached(write))
      .catch((err) => {
        // A namespace that is going away takes no events.
        this.#known.delete(key);
        if (!isNotFound(err)) this.#log.debug({ err }, 'event not recorded');
      });
    void event.work.finally(() => this.#pending--);
  }

  /** Writes as soon as there is a server to write to. One that answers is believed. */
  async #whenReached(write: () => Promise<unknown>): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await write();
        return;
      } catch (err) {
        if (tries > 1 && isAlreadyExists(err)) return; // only the answer to the try before was lost
        if (!(err instanceof TransportError) || tries === maxTries) throw err;
      }
      await this.#clock.sleep(retryMs);
    }
  }
}
