// Writes down everything that happens in etcd, by one watch from the first revision on that no fault of the suite lies
// in the way of; when its member goes it goes on with another.
import type { Etcd3, IWatchResponse } from 'etcd3';
import { realClock } from '../../machinery/clock.ts';
import type { EtcdWrite } from './etcd-history.ts';
import type { History } from './history.ts';

const retryMs = 100;

export class EtcdRecorder implements Disposable {
  readonly writes: EtcdWrite[] = [];
  readonly #members: readonly Etcd3[];
  readonly #history: History;
  readonly #waiters = new Set<{ revision: number; resolve: () => void }>();
  #end: (() => void) | undefined;
  #tries = 0;
  #isOver = false;

  constructor(members: readonly Etcd3[], history: History) {
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
    while (!this.#isOver) {
      try {
        await this.#watch(this.#members[this.#tries++ % this.#members.length]!);
      } catch {
        // The member is gone: the next one.
      }
      await realClock.sleep(retryMs);
    }
  }

  /** Resolves or rejects when the watch is over. */
  async #watch(member: Etcd3): Promise<void> {
    const stream = await member.watchClient.watch();
    await new Promise<void>((resolve, reject) => {
      this.#end = () => {
        stream.end();
        resolve();
      };
      stream.on('data', (res: IWatchResponse) => {
        if (res.canceled) return reject(new Error(res.cancel_reason));
        for (const event of res.events) this.#note(event);
      });
      stream.on('error', reject);
      stream.on('end', resolve);
      const zero = Buffer.from('\0');
      stream.write({ create_request: { key: zero, range_end: zero, start_revision: this.revision + 1 } });
    });
  }

  #note({ kv, type }: IWatchResponse['events'][number]): void {
    const value = type === 'Delete' ? undefined : kv.value;
    const revision = Number(kv.mod_revision);
    const [seen, seenMs] = [this.#history.tick(), this.#history.nowMs()];
    this.writes.push({ revision, key: kv.key.toString(), value, seen, seenMs });
    for (const waiter of this.#waiters) {
      if (waiter.revision > revision) continue;
      this.#waiters.delete(waiter);
      waiter.resolve();
    }
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    this.#end?.();
  }
}
