import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { StatusError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { EtcdUnavailableError } from './etcd.ts';
import { WatchCache } from './watch-cache.ts';

const pods = '/registry/pods/';
const deployments = '/registry/apps/deployments/';
const object = (name: string) => Buffer.from(JSON.stringify({ kind: 'X', apiVersion: 'v1', metadata: { name } }));

async function startCache(etcd = new FakeEtcd()) {
  const clock = new FakeClock();
  const cache = new WatchCache(etcd, [pods, deployments], { clock, log: silentLogger });
  await cache.start();
  return { etcd, clock, cache };
}

const names = (cache: WatchCache, prefix: string) =>
  [...cache.resource(prefix).list(prefix)].map((s) => s.object.metadata.name);

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

function watcherOf(prefix: string) {
  const seen: string[] = [];
  return {
    prefix,
    seen,
    onEvent: (e: { type: string; revision: number }) => void seen.push(`${e.type} ${e.revision}`),
    flush: () => void seen.push('flush'),
    onReset: () => void seen.push('reset'),
  };
}

describe('WatchCache', () => {
  test('loads what is there, each object in the cache of its resource, and ignores the keys of nobody', async () => {
    const etcd = new FakeEtcd();
    for (const key of [`${pods}ns/a`, `${deployments}ns/d`, '/registry/other/x', '/registry/alone', '/elsewhere']) {
      await etcd.put(key, object(key.split('/').pop()!), 0);
    }
    const { cache } = await startCache(etcd);
    assert.deepEqual(names(cache, pods), ['a']);
    assert.deepEqual(names(cache, deployments), ['d']);
    assert.equal(cache.position, etcd.revision);
    assert.throws(() => cache.resource('/registry/other/'), StatusError);
  });

  test('a key that cannot be decoded is the trouble of who asks for it alone, at the start and later', async () => {
    const etcd = new FakeEtcd();
    const broken = ['{', 'null', '"text"', '{"kind":"X"}', '{"metadata":[]}', '\x00\xff'];
    for (const [i, text] of broken.entries()) await etcd.put(`${pods}ns/${i}`, Buffer.from(text), 0);
    await etcd.put(`${pods}ns/good`, object('good'), 0);
    const unreadable: string[] = [];
    const cache = new WatchCache(etcd, [pods, deployments], {
      clock: new FakeClock(),
      log: silentLogger,
      onUnreadable: (prefix) => unreadable.push(prefix),
    });
    await cache.start();
    assert.deepEqual(names(cache, pods), ['good']);
    assert.deepEqual(new Set(unreadable), new Set([pods]));
    assert.equal(unreadable.length, broken.length);
    for (const i of broken.keys()) {
      assert.throws(() => cache.resource(pods).get(`${pods}ns/${i}`), {
        code: 500,
        message: new RegExp(
          `the object stored as ${pods}ns/${i} cannot be decoded: .*; etcdctl del ${pods}ns/${i} removes`,
        ),
      });
    }
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    const later = await etcd.put(`${pods}ns/later`, Buffer.from('['), 0);
    assert.ok(later.done);
    const mended = await etcd.put(`${pods}ns/later`, object('later'), later.revision);
    assert.ok(mended.done);
    await settle();
    assert.deepEqual(names(cache, pods), ['good', 'later']);
    assert.deepEqual(
      watcher.seen.filter((text) => text !== 'flush'),
      [`ADDED ${mended.revision}`],
    );
    const first = await etcd.get(`${pods}ns/0`);
    await etcd.delete(`${pods}ns/0`, first!.modRevision);
    await settle();
    assert.equal(cache.resource(pods).get(`${pods}ns/0`), undefined);
  });

  test('a watcher that cannot deal with an object ends alone', async () => {
    const { etcd, cache } = await startCache();
    const weak = {
      ...watcherOf(pods),
      onEvent: () => {
        throw new TypeError('no spec');
      },
    };
    const other = watcherOf(pods);
    for (const watcher of [weak, other]) cache.resource(pods).watchers.add(watcher);
    const made = await etcd.put(`${pods}ns/a`, object('a'), 0);
    assert.ok(made.done);
    await settle();
    assert.deepEqual(other.seen, [`ADDED ${made.revision}`, 'flush']);
    assert.ok(weak.seen.includes('reset'));
  });

  test('follows etcd, and tells the watchers of a resource with one flush a batch', async () => {
    const { etcd, cache } = await startCache();
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    const made = await etcd.put(`${pods}ns/a`, object('a'), 0);
    assert.ok(made.done);
    await etcd.put(`${deployments}ns/d`, object('d'), 0);
    await etcd.delete(`${pods}ns/a`, made.revision);
    await settle();
    assert.deepEqual(watcher.seen, ['ADDED 2', 'flush', 'DELETED 4', 'flush']);
    assert.deepEqual([names(cache, pods), names(cache, deployments), cache.position], [[], ['d'], 4]);
  });

  test('a consistent read waits until the watch has passed what etcd had', async () => {
    const { etcd, cache } = await startCache();
    await etcd.put(`${pods}ns/a`, object('a'), 0);
    assert.equal(await cache.waitConsistent(), 2);
    assert.deepEqual(names(cache, pods), ['a']);
  });

  test('many consistent reads at once ask etcd a few times only', async () => {
    const { etcd, cache } = await startCache();
    await Promise.all(Array.from({ length: 200 }, () => cache.waitConsistent()));
    assert.ok(etcd.calls.currentRevision! <= 4, `asked ${etcd.calls.currentRevision} times`);
  });

  test('a read of the future fails with 504 after three seconds, and is served when the future comes in time', async () => {
    const { etcd, clock, cache } = await startCache();
    const late = assert.rejects(cache.waitFor(99), (err: StatusError) => {
      assert.deepEqual([err.code, err.reason], [504, 'Timeout']);
      assert.equal(err.message, 'Timeout: Too large resource version: 99, current: 1');
      assert.equal(err.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge');
      return true;
    });
    await clock.advance(3_000);
    await late;
    const soon = cache.waitFor(2);
    await clock.advance(2_000);
    await etcd.put(`${pods}ns/a`, object('a'), 0);
    await soon;
  });

  test('an ended watch goes on where it was: nothing is missed, nobody is told', async () => {
    const { etcd, clock, cache } = await startCache();
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    etcd.breakWatches();
    await etcd.put(`${pods}ns/a`, object('a'), 0);
    await etcd.put(`${pods}ns/b`, object('b'), 0);
    await clock.advance(100);
    await settle();
    assert.deepEqual(watcher.seen, ['ADDED 2', 'ADDED 3', 'flush']);
    assert.equal(etcd.calls.range, 1, 'it was not loaded again');
  });

  for (const [name, fault] of [
    ['its position was compacted away', (etcd: FakeEtcd) => etcd.compact(3)],
    ['another store answers', (etcd: FakeEtcd) => etcd.becomeAnotherStore({ [`${pods}ns/c`]: object('c') })],
  ] as const) {
    test(`when ${name}, watches end and everything is loaded again`, async () => {
      const { etcd, clock, cache } = await startCache();
      await etcd.put(`${pods}ns/a`, object('a'), 0);
      await settle();
      const watcher = watcherOf(pods);
      cache.resource(pods).watchers.add(watcher);
      etcd.breakWatches();
      await etcd.put(`${pods}ns/c`, object('c'), 0);
      await etcd.put(`${pods}ns/d`, object('d'), 0);
      await fault(etcd);
      await clock.advance(100);
      await settle();
      assert.deepEqual(watcher.seen, ['reset']);
      assert.equal(cache.ready, true);
      assert.ok(names(cache, pods).includes('c'));
      assert.equal(cache.position, etcd.revision);
    });
  }

  test('a watch goes on at a member that is behind the others', async () => {
    const { etcd, clock, cache } = await startCache();
    await etcd.put(`${pods}ns/a`, object('a'), 0);
    await settle();
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    etcd.memberRevision = 1;
    etcd.breakWatches();
    await clock.advance(100);
    await settle();
    await etcd.put(`${pods}ns/b`, object('b'), 0);
    await settle();
    assert.deepEqual(watcher.seen, ['ADDED 3', 'flush']);
    assert.equal(etcd.calls.range, 1, 'it was not loaded again');
  });

  test('a history that ends before the position of the watch is another one', async () => {
    const { etcd, clock, cache } = await startCache();
    for (const name of ['a', 'b']) await etcd.put(`${pods}ns/${name}`, object(name), 0);
    await settle();
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    etcd.goBackTo(2);
    await clock.advance(100);
    await settle();
    assert.deepEqual([watcher.seen, names(cache, pods)], [['reset'], ['a']]);
  });

  test('while etcd is gone the cache keeps what it has, and follows again afterwards', async () => {
    const { etcd, clock, cache } = await startCache();
    await etcd.put(`${pods}ns/a`, object('a'), 0);
    await settle();
    etcd.unavailable = true;
    etcd.breakWatches();
    await clock.advance(1_000);
    assert.deepEqual([cache.ready, names(cache, pods)], [true, ['a']]);
    await assert.rejects(cache.waitConsistent(), EtcdUnavailableError);
    etcd.unavailable = false;
    await etcd.put(`${pods}ns/b`, object('b'), 0);
    await clock.advance(100);
    await settle();
    assert.deepEqual(names(cache, pods), ['a', 'b']);
  });

  const widgets = '/registry/example.com/widgets/';

  test('a resource that joins later has what was there and what comes, each once', async () => {
    const { etcd, cache } = await startCache();
    await etcd.put(`${widgets}ns/a`, object('a'), 0);
    await settle();
    assert.throws(() => cache.resource(widgets), StatusError);
    // The watch is behind what is read.
    etcd.lag();
    const b = await etcd.put(`${widgets}ns/b`, object('b'), 0);
    assert.ok(b.done);
    const joined = cache.join(widgets);
    await settle();
    assert.throws(() => cache.resource(widgets), StatusError, 'not before the watch has come so far');
    await etcd.put(`${widgets}ns/c`, object('c'), 0);
    await etcd.delete(`${widgets}ns/b`, b.revision);
    etcd.catchUp();
    await joined;
    assert.deepEqual(names(cache, widgets), ['a', 'c']);
    const watcher = watcherOf(widgets);
    cache.resource(widgets).watchers.add(watcher);
    await etcd.put(`${widgets}ns/d`, object('d'), 0);
    await settle();
    assert.deepEqual(watcher.seen, [`ADDED ${etcd.revision}`, 'flush']);
    cache.leave(widgets);
    assert.equal(watcher.seen.at(-1), 'reset');
    assert.throws(() => cache.resource(widgets), StatusError);
  });

  test('a resource that joins while everything is loaded again is part of that', async () => {
    const { etcd, clock, cache } = await startCache();
    await etcd.put(`${widgets}ns/a`, object('a'), 0);
    etcd.breakWatches();
    etcd.becomeAnotherStore({ [`${widgets}ns/b`]: object('b') });
    await clock.advance(100);
    const joined = cache.join(widgets);
    for (let i = 0; i < 5; i++) await clock.advance(100);
    await joined;
    assert.deepEqual(names(cache, widgets), ['b']);
  });

  test('closing ends the watches', async () => {
    const { etcd, clock, cache } = await startCache();
    const watcher = watcherOf(pods);
    cache.resource(pods).watchers.add(watcher);
    cache.close();
    etcd.breakWatches();
    await clock.advance(1_000);
    assert.deepEqual(watcher.seen, ['reset']);
    assert.equal(etcd.calls.watch, 1);
  });
});
