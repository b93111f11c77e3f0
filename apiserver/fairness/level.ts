// A priority level: so many requests are worked on at a time; others wait in queues, and the queue that has had least
// goes first. A flow is spread over a few of the queues, so that one that sends much is seldom in all those of another.
// Upstream: queueset, with shuffle sharding and fair queuing.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../machinery/clock.ts';

export interface LevelConfig {
  /** Requests at a time; Infinity where none ever waits. */
  seats: number;
  /** How many more it may have while others leave theirs. */
  borrowable: number;
  /** How many of its own others may have while it leaves them. */
  lendable: number;
  /** Absent: what is too much is refused at once. */
  queuing?: { queues: number; handSize: number; queueLengthLimit: number };
}

export type Refusal = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';
/** What became of a wish for a seat. `end` gives the seat back. */
export type Turn = { end(): void } | { refused: Refusal };

export interface Wish {
  /** Seats that it takes; one without it. */
  width?: number;
  /** Of which flow: all of one take the same queues. */
  flow: string;
  waitMs: number;
  signal?: AbortSignal;
}

interface Waiter {
  width: number;
  start(): void;
}

interface Queue {
  waiting: Waiter[];
  /** Seats. */
  executing: number;
  /** Virtual time at which its next request would start: grows with what its requests have taken. */
  startAt: number;
}

/** What a request is taken for until it has ended. */
const guessMs = 3;
const maxKnownFlows = 1_000;

/** All levels of a server: what one leaves, another may have. */
export interface Pool {
  /** Whether so many seats of others are free to be lent. */
  hasIdle(except: Level, count: number): boolean;
  /** A seat has become free. */
  freed(): void;
}

export class Level {
  readonly #clock: Clock;
  readonly #pool: Pool;
  #config: LevelConfig;
  #queues: Queue[] = [];
  readonly #hands = new LRUCache<string, number[]>({ max: maxKnownFlows });
  #executing = 0;
  #waiting = 0;
  #virtualMs = 0;
  /** The queue after which the next is looked for, so that equals take turns. */
  #last = 0;

  constructor(config: LevelConfig, clock: Clock, pool: Pool) {
    this.#clock = clock;
    this.#pool = pool;
    this.#config = config;
    this.configure(config);
  }

  /** Seats in use. */
  get executing(): number {
    return this.#executing;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get config(): LevelConfig {
    return this.#config;
  }

  /** Seats of its own that it neither uses nor keeps. */
  get idle(): number {
    return Math.max(0, Math.min(this.#config.lendable, this.#config.seats - this.#executing));
  }

  /** Takes effect for those who wait, too. Queues that are no longer there are emptied before they go. */
  configure(config: LevelConfig): void {
    this.#config = config;
    this.#hands.clear();
    const wanted = config.queuing?.queues ?? 0;
    while (this.#queues.length < wanted) this.#queues.push({ waiting: [], executing: 0, startAt: this.#virtualMs });
    while (this.#queues.length > wanted && this.#queues[this.#queues.length - 1]!.waiting.length === 0) {
      this.#queues.pop();
    }
    this.dispatch();
  }

  /** A seat, now or later. */
  take(wish: Wish): Turn | Promise<Turn> {
    const { queuing } = this.#config;
    const width = wish.width ?? 1;
    if (this.#config.seats === Number.POSITIVE_INFINITY) return this.#seat(undefined, width);
    if (!queuing) return this.#hasSeats(width) ? this.#seat(undefined, width) : { refused: 'concurrency-limit' };
    const queue = this.#shortest(this.#handOf(wish.flow, queuing));
    if (this.#waiting === 0 && this.#hasSeats(width)) return this.#seat(queue, width);
    if (queue.waiting.length >= queuing.queueLengthLimit) return { refused: 'queue-full' };
    return this.#wait(queue, wish);
  }

  #handOf(flow: string, { queues, handSize }: NonNullable<LevelConfig['queuing']>): number[] {
    let hand = this.#hands.get(flow);
    if (!hand) {
      hand = handOf(flow, queues, handSize);
      this.#hands.set(flow, hand);
    }
    return hand;
  }

  #shortest(hand: readonly number[]): Queue {
    let best = this.#queues[hand[0]!]!;
    for (const i of hand) {
      const queue = this.#queues[i]!;
      if (queue.waiting.length + queue.executing < best.waiting.length + best.executing) best = queue;
    }
    return best;
  }

  /** What is wider than all there is has its turn when it is alone. */
  #hasSeats(width: number): boolean {
    const { seats, borrowable } = this.#config;
    const wanted = this.#executing + width;
    if (wanted <= seats) return true;
    const borrowed = Math.max(0, this.#executing - seats);
    if (wanted <= seats + borrowable && this.#pool.hasIdle(this, wanted - seats - borrowed)) return true;
    return this.#executing === 0 && seats > 0;
  }

  #seat(queue: Queue | undefined, width: number): Turn {
    const startMs = this.#clock.monotonicMs();
    let isOver = false;
    this.#executing += width;
    if (queue) {
      // A queue that had nothing to do saves nothing up.
      queue.startAt = Math.max(queue.startAt, this.#virtualMs);
      this.#virtualMs = queue.startAt;
      queue.startAt += guessMs * width;
      queue.executing += width;
    }
    return {
      end: () => {
        if (isOver) return;
        isOver = true;
        this.#executing -= width;
        if (queue) {
          queue.executing -= width;
          queue.startAt += (this.#clock.monotonicMs() - startMs - guessMs) * width;
        }
        this.dispatch();
        this.#pool.freed();
      },
    };
  }

  #wait(queue: Queue, { waitMs, signal, width = 1 }: Wish): Promise<Turn> {
    return new Promise((resolve) => {
      const leave = (refused: Refusal) => {
        const at = queue.waiting.indexOf(waiter);
        if (at < 0) return;
        queue.waiting.splice(at, 1);
        this.#waiting--;
        forget();
        resolve({ refused });
      };
      const onAbort = () => leave('cancelled');
      const forget = () => {
        timer.cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        width,
        start: () => {
          this.#waiting--;
          forget();
          resolve(this.#seat(queue, width));
        },
      };
      const timer = this.#clock.after(waitMs, () => leave('time-out'));
      signal?.addEventListener('abort', onAbort);
      queue.waiting.push(waiter);
      this.#waiting++;
    });
  }

  /** Lets those who wait have what is free. */
  dispatch(): void {
    while (this.#waiting > 0) {
      const at = this.#next()!;
      const { waiting } = this.#queues[at]!;
      // A wide one at the front is not passed by.
      if (!this.#hasSeats(waiting[0]!.width)) return;
      this.#last = at;
      waiting.shift()!.start();
    }
  }

  /** The queue whose turn it is. */
  #next(): number | undefined {
    const count = this.#queues.length;
    let best: number | undefined;
    for (let i = 1; i <= count; i++) {
      const at = (this.#last + i) % count;
      const queue = this.#queues[at]!;
      if (queue.waiting.length === 0) continue;
      if (best === undefined || queue.startAt < this.#queues[best]!.startAt) best = at;
    }
    return best;
  }
}

/** The queues of a flow, dealt from its name as cards from a deck: `handSize` different ones of `queues`. */
export function handOf(flow: string, queues: number, handSize: number): number[] {
  let hash = createHash('sha256').update(flow).digest().readBigUInt64LE();
  const hand: number[] = [];
  for (let i = 0; i < Math.min(handSize, queues); i++) {
    const left = BigInt(queues - i);
    let card = Number(hash % left);
    hash /= left;
    // The card is the nth of those that are still in the deck.
    for (const taken of [...hand].sort((a, b) => a - b)) if (card >= taken) card++;
    hand.push(card);
  }
  return hand;
}
