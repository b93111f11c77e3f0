// Writes down everything that happens in etcd, by one watch from the first revision on that no fault of the suite lies
// in the way of; when its member goes it goes on with another.
import { realClock } from '../../machinery/clock.ts';
import type { EtcdGateway } from '../environment/etcd-gateway.ts';
import type { EtcdWrite } from './etcd-history.ts';
import type { History } from './history.ts';

const retryMs = 100;

export class EtcdRecorder implements Disposable {
  readonly writes: EtcdWrite[] = [];
  readonly #members: readonly EtcdGateway[];
  readonly #history: History;
  readonly #waiters = new Set<{ revision: number; resolve: () => void }>();
  readonly #over = new AbortController();
  #tries = 0;

  constructor(members: readonly EtcdGateway[], history: History) {
    this.#members = members;
    this.#history = history;
    void this.#follow();
  }

  /** The last revision that was told. */
  get revision(): number {
    return this.writes.at(-1)?.revision ?? 0;
  }

  /** Resolves when everything up to a revision is written down. */
  async reach(revision: number, timeoutMs: number): Promise<void> {
    if (this.revision >= revision) return;
    await new Promise<void>((resolve, reject) => {
      const waiter = { revision, resolve };
      this.#waiters.add(waiter);
      const late = () => reject(new Error(`etcd has revision ${revision}, and told of ${this.revision} alone`));
      realClock.after(timeoutMs, late);
    });
  }

  async #follow(): Promise<void> {
    const { signal } = this.#over;
    while (!signal.aborted) {
      const member = this.#members[this.#tries++ % this.#members.length]!;
      // When the member is gone: the next one.
      await member.watch(this.revision + 1, (event) => this.#note(event), signal).catch(() => undefined);
      await realClock.sleep(retryMs);
    }
  }

  #note(event: Omit<EtcdWrite, 'seen' | 'seenMs'>): void {
    this.writes.push({ ...event, seen: this.#history.tick(), seenMs: this.#history.nowMs() });
    for (const waiter of this.#waiters) {
      if (waiter.revision > event.revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  [Symbol.dispose](): void {
    this.#over.abort();
  }
}
