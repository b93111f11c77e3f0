// What becomes of an event before it is written, so that one noisy object does not fill the store:
// events about one object that differ only in their message are combined from the tenth on, and
// each part of an object has a budget of 25 that grows by one every five minutes. Upstream:
// client-go/tools/record's EventAggregator and EventSourceObjectSpamFilter, with their defaults;
// but there a pod of many containers shares one budget and its start alone may use it up.
import { LRUCache } from 'lru-cache';
import type { Clock } from '../machinery/clock.ts';

/** An event about one part of one object. */
export interface CandidateEvent {
  /** Identifies the object. */
  object: string;
  fieldPath: string;
  type: string;
  reason: string;
  message: string;
}

export interface CorrelatedEvent {
  /** Events of the same key are one event that counts. */
  key: string;
  message: string;
}

const maxKnown = 4096;
const combineWithinMs = 10 * 60_000;
const maxDistinctMessages = 10;
const burst = 25;
const refillMs = 5 * 60_000;

interface Similar {
  messages: Set<string>;
  lastMs: number;
}

interface Budget {
  left: number;
  atMs: number;
}

export class EventCorrelator {
  readonly #clock: Clock;
  readonly #similar = new LRUCache<string, Similar>({ max: maxKnown });
  readonly #budgets = new LRUCache<string, Budget>({ max: maxKnown });

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What to write for an event, or undefined when too much has been said of that part of the object. */
  correlate(event: CandidateEvent): CorrelatedEvent | undefined {
    const combined = this.#combine(event);
    return this.#spend(`${event.object}\n${event.fieldPath}`) ? combined : undefined;
  }

  #combine({ object, fieldPath, type, reason, message }: CandidateEvent): CorrelatedEvent {
    const nowMs = this.#clock.now();
    const group = [object, type, reason].join('\n');
    let similar = this.#similar.get(group);
    if (!similar || nowMs - similar.lastMs > combineWithinMs) similar = { messages: new Set(), lastMs: nowMs };
    similar.lastMs = nowMs;
    similar.messages.add(message);
    this.#similar.set(group, similar);
    if (similar.messages.size < maxDistinctMessages) return { key: [group, fieldPath, message].join('\n'), message };
    const [oldest] = similar.messages;
    similar.messages.delete(oldest!);
    return { key: group, message: `(combined from similar events): ${message}` };
  }

  #spend(part: string): boolean {
    const nowMs = this.#clock.now();
    const before = this.#budgets.get(part) ?? { left: burst, atMs: nowMs };
    const left = Math.min(burst, before.left + (nowMs - before.atMs) / refillMs);
    this.#budgets.set(part, { left: left < 1 ? left : left - 1, atMs: nowMs });
    return left >= 1;
  }
}
