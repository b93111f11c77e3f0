// An etcd of three members of which one fails at a time: who writes and who watches goes on at another one.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { type EtcdEvent, EtcdUnavailableError } from '../../../apiserver/storage/etcd.ts';
import { EtcdClient } from '../../../apiserver/storage/etcd-client.ts';
import { WatchCache } from '../../../apiserver/storage/watch-cache.ts';
import { realClock } from '../../../machinery/clock.ts';
import { createLogger } from '../../../machinery/log.ts';
import { type EtcdCluster, startEtcdCluster } from '../../environment/etcd-cluster.ts';

const hasEtcd = spawnSync('etcd', ['--version']).status === 0;
const members = [0, 1, 2] as const;
// More than a member is given to show that it lives, and an election.
const patienceMs = 20_000;

/** Writes one key after the other; what had no answer is asked for. Returns the revisions in order. */
async function writeKeys(etcd: EtcdClient, prefix: string, count: number): Promise<number[]> {
  const revisions: number[] = [];
  for (let i = 0; i < count; i++) {
    const untilMs = realClock.monotonicMs() + patienceMs;
    for (;;) {
      const key = `${prefix}${i}`;
      try {
        const result = await etcd.put(key, Buffer.from('1'), 0);
        revisions.push(result.done ? result.revision : result.current!.modRevision);
        break;
      } catch (err) {
        if (!(err instanceof EtcdUnavailableError) || realClock.monotonicMs() > untilMs) throw err;
      }
    }
  }
  return revisions;
}

/** What a watch brings that is started again whenever it ends, as the watch cache does. */
class Follower {
  readonly events: EtcdEvent[] = [];
  ends = 0;
  readonly #etcd: EtcdClient;
  #stop: (() => void) | undefined;
  #closed = false;
  #next: number;

  constructor(etcd: EtcdClient, startRevision: number) {
    this.#etcd = etcd;
    this.#next = startRevision;
    this.#follow();
  }

  #follow(): void {
    if (this.#closed) return;
    const again = () => {
      this.ends++;
      realClock.after(100, () => this.#follow());
    };
    this.#etcd
      .watchAll(this.#next, {
        onEvents: (events) => {
          this.events.push(...events);
          this.#next = events.at(-1)!.modRevision + 1;
        },
        onEnd: again,
      })
      .then((stop) => (this.#stop = stop), again);
  }

  async reach(revision: number): Promise<void> {
    const untilMs = realClock.monotonicMs() + patienceMs;
    while (this.#next <= revision) {
      if (realClock.monotonicMs() > untilMs) assert.fail(`the watch is at ${this.#next}, not at ${revision}`);
      await realClock.sleep(20);
    }
  }

  close(): void {
    this.#closed = true;
    this.#stop?.();
  }
}

describe('an etcd of three members', { skip: hasEtcd ? false : 'etcd is not installed' }, () => {
  let cluster: EtcdCluster;
  before(async () => {
    cluster = await startEtcdCluster(3);
  });
  after(() => cluster[Symbol.asyncDispose]());

  for (const [name, fail, mend] of [
    ['is killed', 'SIGKILL', (i: number) => cluster.start(i)],
    ['hangs', 'SIGSTOP', (i: number) => cluster.signal(i, 'SIGCONT')],
  ] as const) {
    for (const index of members) {
      test(`member ${index} ${name}: writes go on, and the watch misses nothing`, async () => {
        const etcd = new EtcdClient({ servers: rotate(cluster.servers, index) }, realClock);
        const prefix = `/${fail}/${index}/`;
        const start = (await etcd.currentRevision()) + 1;
        const follower = new Follower(etcd, start);
        try {
          const before = await writeKeys(etcd, `${prefix}a`, 5);
          await follower.reach(before.at(-1)!);
          await cluster.signal(index, fail);
          const startedMs = realClock.monotonicMs();
          const during = await writeKeys(etcd, `${prefix}b`, 20);
          const tookMs = realClock.monotonicMs() - startedMs;
          assert.ok(tookMs < patienceMs, `20 writes took ${tookMs} ms`);
          await follower.reach(during.at(-1)!);
          const seen = follower.events.map((event) => event.modRevision);
          assert.deepEqual(seen, [...before, ...during], 'each once, in order');
          assert.ok(follower.ends > 0, 'the watch has moved');
        } finally {
          follower.close();
          etcd.close();
          await mend(index);
          await cluster.ready();
        }
      });
    }
  }

  test('without a majority a write is refused, and is served again with one', async () => {
    const etcd = new EtcdClient({ servers: cluster.servers }, realClock);
    try {
      await etcd.put('/majority/a', Buffer.from('1'), 0);
      await Promise.all([cluster.signal(1, 'SIGKILL'), cluster.signal(2, 'SIGKILL')]);
      await assert.rejects(etcd.put('/majority/b', Buffer.from('1'), 0), EtcdUnavailableError);
      cluster.start(1);
      await writeKeys(etcd, '/majority/c', 1);
    } finally {
      etcd.close();
      cluster.start(2);
      await cluster.ready();
    }
  });

  test('what the cache holds stays while its watch moves', async () => {
    const etcd = new EtcdClient({ servers: cluster.servers }, realClock);
    const cache = new WatchCache(etcd, ['/registry/pods/'], { clock: realClock, log: createLogger('test', 'error') });
    let resets = 0;
    try {
      await cache.start();
      cache.resource('/registry/pods/').watchers.add({
        prefix: '/registry/pods/',
        onEvent: () => undefined,
        flush: () => undefined,
        onReset: () => resets++,
      });
      for (const index of members) {
        await cluster.signal(index, 'SIGSTOP');
        await writeKeys(etcd, `/cache/${index}/`, 3);
        await follow(cache);
        await cluster.signal(index, 'SIGCONT');
        await cluster.ready();
      }
      assert.equal(resets, 0);
    } finally {
      cache.close();
      etcd.close();
    }
  });
});

/** Until a consistent read is served. */
async function follow(cache: WatchCache): Promise<void> {
  const untilMs = realClock.monotonicMs() + patienceMs;
  for (;;) {
    try {
      await cache.waitConsistent();
      return;
    } catch (err) {
      if (realClock.monotonicMs() > untilMs) throw err;
    }
  }
}

function rotate<T>(list: readonly T[], by: number): T[] {
  return [...list.slice(by), ...list.slice(0, by)];
}
