// Answers of somebody who is asked over the network, kept for a while. Who asks the same while the
// question is under way waits for its answer. What fails is not kept.
import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from './clock.ts';

const maxAnswers = 8192;

export class AnswerCache<T> {
  readonly #answers = new LRUCache<string, { answer: T; untilMs: number }>({ max: maxAnswers });
  readonly #underWay = new Map<string, Promise<T>>();
  readonly #clock: Clock;
  readonly #ttlMsOf: (answer: T) => number;

  /** `ttlMsOf`: how long an answer is kept. */
  constructor(clock: Clock, ttlMsOf: (answer: T) => number) {
    this.#clock = clock;
    this.#ttlMsOf = ttlMsOf;
  }

  async get(question: string, ask: () => Promise<T>): Promise<T> {
    // Questions hold secrets: they are not kept as they are.
    const key = createHash('sha256').update(question).digest('base64');
    const known = this.#answers.get(key);
    if (known && known.untilMs > this.#clock.now()) return known.answer;
    const asked = this.#underWay.get(key);
    if (asked) return asked;
    const asking = ask().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asking);
    const answer = await asking;
    const ttlMs = this.#ttlMsOf(answer);
    if (ttlMs > 0) this.#answers.set(key, { answer, untilMs: this.#clock.now() + ttlMs });
    return answer;
  }
}
