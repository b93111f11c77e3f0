// etcd in memory, with its history: for tests of what stands on it. What it does is held to the
// real one by apiserver/storage/etcd.test.ts; what only a fault brings about (an ended watch,
// another store's history, no answer) a test sets off by hand.
import {
  CompactedError,
  type Etcd,
  type EtcdEntry,
  type EtcdEvent,
  type EtcdPage,
  EtcdTooLargeError,
  EtcdUnavailableError,
  type EtcdWatchHandlers,
  type SwapResult,
} from '../../apiserver/storage/etcd.ts';

const maxBytes = 1.5 * 1024 * 1024;

interface Watch {
  startRevision: number;
  handlers: EtcdWatchHandlers;
}

export class FakeEtcd implements Etcd {
  /** One event a revision; the store begins at revision 1, empty. */
  #history: EtcdEvent[] = [];
  /** What the history comes to. */
  #current = new Map<string, EtcdEntry>();
  #compacted = 0;
  #watches = new Set<Watch>();
  #clusterId = 'one';
  #held: EtcdEvent[] | undefined;
  /** While true every call fails, as with a server that is gone. */
  unavailable = false;
  /** What the member that watches are at has seen; undefined: all. */
  memberRevision: number | undefined;
  /** Calls so far, by name. */
  readonly calls: Record<string, number> = {};

  get revision(): number {
    return this.#history.length + 1;
  }

  #count(call: string): void {
    this.calls[call] = (this.calls[call] ?? 0) + 1;
    if (this.unavailable) throw new EtcdUnavailableError('etcd: no connection');
  }

  #stateAt(revision: number): Map<string, EtcdEntry> {
    if (revision >= this.revision) return this.#current;
    return this.#replay(revision);
  }

  #replay(revision: number): Map<string, EtcdEntry> {
    const state = new Map<string, EtcdEntry>();
    for (const { type, key, value, modRevision } of this.#history) {
      if (modRevision > revision) break;
      if (type === 'PUT') state.set(key, { key, value, modRevision });
      else state.delete(key);
    }
    return state;
  }

  async get(key: string): Promise<EtcdEntry | undefined> {
    this.#count('get');
    return this.#stateAt(this.revision).get(key);
  }

  async currentRevision(): Promise<number> {
    this.#count('currentRevision');
    return this.revision;
  }

  async range(from: string, to: string, options: { limit: number; revision: number }): Promise<EtcdPage> {
    this.#count('range');
    const at = options.revision || this.revision;
    if (at < this.#compacted) throw new CompactedError('mvcc: required revision has been compacted');
    const all = [...this.#stateAt(at).values()]
      .filter(({ key }) => key >= from && key < to)
      .sort((a, b) => (a.key < b.key ? -1 : 1));
    const entries = options.limit > 0 ? all.slice(0, options.limit) : all;
    return { entries, revision: this.revision, more: entries.length < all.length, count: all.length };
  }

  put(key: string, value: Buffer, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, value);
  }

  delete(key: string, modRevision: number): Promise<SwapResult> {
    return this.#swap(key, modRevision, undefined);
  }

  async #swap(key: string, expected: number, value: Buffer | undefined): Promise<SwapResult> {
    this.#count('swap');
    if ((value?.length ?? 0) > maxBytes) throw new EtcdTooLargeError();
    const current = this.#stateAt(this.revision).get(key);
    if ((current?.modRevision ?? 0) !== expected) return { done: false, current };
    const modRevision = this.revision + 1;
    const type = value ? 'PUT' : 'DELETE';
    const event: EtcdEvent = { type, key, value: value ?? Buffer.alloc(0), modRevision, isCreate: !current };
    this.#history.push(event);
    if (value) this.#current.set(key, { key, value, modRevision });
    else this.#current.delete(key);
    // Watchers hear of it later, as over a connection.
    queueMicrotask(() => this.#tell(event));
    return { done: true, revision: modRevision };
  }

  #tell(event: EtcdEvent): void {
    if (this.#held) {
      this.#held.push(event);
      return;
    }
    for (const watch of this.#watches) {
      if (event.modRevision >= watch.startRevision) watch.handlers.onEvents([event], event.modRevision);
    }
  }

  /** Watchers hear nothing from now on, as over a slow connection, until `catchUp`. */
  lag(): void {
    this.#held ??= [];
  }

  catchUp(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const event of held) this.#tell(event);
  }

  /** When the keys that are kept for a time go, in milliseconds of `nowMs`. */
  readonly #expiry = new Map<string, number>();
  nowMs = 0;

  async putForTime(key: string, value: Buffer, seconds: number): Promise<void> {
    await this.#swap(key, this.#stateAt(this.revision).get(key)?.modRevision ?? 0, value);
    this.#expiry.set(key, this.nowMs + seconds * 1000);
  }

  /** Lets time pass for what is kept for a time. */
  async advance(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const [key, atMs] of this.#expiry) {
      const current = this.#stateAt(this.revision).get(key);
      if (atMs <= this.nowMs && current) await this.#swap(key, current.modRevision, undefined);
    }
  }

  async compact(revision: number): Promise<void> {
    this.#count('compact');
    if (revision <= this.#compacted) throw new CompactedError('mvcc: required revision has been compacted');
    this.#compacted = revision;
  }

  async watchAll(startRevision: number, handlers: EtcdWatchHandlers): Promise<() => void> {
    this.#count('watch');
    const watch: Watch = { startRevision: Math.max(startRevision, this.revision + 1), handlers };
    queueMicrotask(() => {
      handlers.onCreated?.(this.memberRevision ?? this.revision, this.#clusterId);
      if (startRevision <= this.#compacted) return this.#end(watch, new CompactedError('compacted'));
      const missed = this.#history.filter((e) => e.modRevision >= startRevision && e.modRevision < watch.startRevision);
      if (missed.length > 0 && this.#watches.has(watch)) handlers.onEvents(missed, this.revision);
    });
    this.#watches.add(watch);
    return () => void this.#watches.delete(watch);
  }

  #end(watch: Watch, err: Error | undefined): void {
    if (this.#watches.delete(watch)) watch.handlers.onEnd(err);
  }

  /** Ends every watch, as a broken connection does. */
  breakWatches(): void {
    for (const watch of this.#watches) this.#end(watch, new Error('connection lost'));
  }

  /** Another store answers from now on: what a restored backup looks like. */
  becomeAnotherStore(entries: Record<string, Buffer>): void {
    this.#clusterId = 'two';
    this.#compacted = 0;
    this.#history = Object.entries(entries).map(([key, value], i) => ({
      type: 'PUT',
      key,
      value,
      modRevision: i + 2,
      isCreate: true,
    }));
    this.#current = this.#replay(this.revision);
    this.breakWatches();
  }

  /** Forgets what came after `revision`, as a backup does. */
  goBackTo(revision: number): void {
    this.#history = this.#history.slice(0, revision - 1);
    this.#current = this.#replay(this.revision);
    this.breakWatches();
  }

  close(): void {
    this.#watches.clear();
  }
}
