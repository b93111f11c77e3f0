import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CacheEvent, ResourceCache } from './resource-cache.ts';
import { decodeStored, StoredObject } from './stored-object.ts';

const stored = (key: string, revision: number) =>
  new StoredObject(
    key,
    { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: key, resourceVersion: `${revision}` } },
    revision,
  );
/** As it comes from etcd. */
const written = (key: string, revision: number, content: object) => {
  const object = { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: key }, ...content };
  return decodeStored(key, Buffer.from(JSON.stringify(object)), revision);
};
const keysOf = (objects: Iterable<StoredObject>) => [...objects].map((o) => o.key);

function collector(prefix: string) {
  const events: CacheEvent[] = [];
  const ends: string[] = [];
  return {
    prefix,
    events,
    ends,
    onEvent: (e: CacheEvent) => void events.push(e),
    flush: () => undefined,
    onReset: () => void ends.push('reset'),
  };
}

describe('ResourceCache', () => {
  test('lists by prefix in key order, from a key on', () => {
    const cache = new ResourceCache(1);
    cache.load([stored('/r/a/1', 1), stored('/r/b/1', 1)]);
    cache.put(stored('/r/a/3', 2), 0);
    cache.put(stored('/r/a/2', 3), 0);
    assert.deepEqual(keysOf(cache.list('/r/a/')), ['/r/a/1', '/r/a/2', '/r/a/3']);
    assert.deepEqual(keysOf(cache.list('/r/a/', '/r/a/1\0')), ['/r/a/2', '/r/a/3']);
    cache.remove('/r/a/2', 4, 0);
    assert.deepEqual(keysOf(cache.list('/r/')), ['/r/a/1', '/r/a/3', '/r/b/1']);
    assert.deepEqual([cache.size, cache.changedAt], [3, 4]);
  });

  test('tells watchers of their prefix what happened, with the state before', () => {
    const cache = new ResourceCache(1);
    const watcher = collector('/r/a/');
    cache.watchers.add(watcher);
    cache.put(stored('/r/a/1', 2), 0);
    cache.put(stored('/r/b/1', 3), 0);
    cache.put(stored('/r/a/1', 4), 0);
    cache.remove('/r/a/1', 5, 0);
    cache.remove('/r/a/unknown', 6, 0);
    assert.deepEqual(
      watcher.events.map((e) => [e.type, e.revision, e.previous?.revision]),
      [
        ['ADDED', 2, undefined],
        ['MODIFIED', 4, 2],
        ['DELETED', 5, 4],
      ],
    );
    // A deletion carries the last state at the revision of the deletion.
    assert.equal(watcher.events[2]!.stored.object.metadata.resourceVersion, '5');
  });

  test('remembers the recent past, and says where its memory ends', () => {
    const cache = new ResourceCache(10);
    assert.deepEqual(cache.since(10), []);
    assert.equal(cache.since(9), undefined);
    cache.put(stored('/r/a', 12), 0);
    cache.put(stored('/r/b', 15), 0);
    assert.deepEqual(
      cache.since(12)?.map((e) => e.revision),
      [15],
    );
    assert.equal(cache.oldestRevision, 10);
  });

  test('forgets what is older than five minutes, and the older half of what is too much', () => {
    const cache = new ResourceCache(0);
    for (let i = 1; i <= 100; i++) cache.put(stored(`/r/${i}`, i), 0);
    cache.put(stored('/r/new', 101), 6 * 60_000);
    cache.sweep(6 * 60_000);
    assert.equal(cache.since(99), undefined);
    assert.equal(cache.since(100)?.length, 1);
    const busy = new ResourceCache(0);
    for (let i = 1; i <= 20_000; i++) busy.put(stored('/r/one', i), 0);
    assert.ok(busy.since(20_000 - 4_000) !== undefined);
    assert.equal(busy.since(20_000 - 16_384), undefined);
    const heavy = new ResourceCache(0);
    const megabyte = 'x'.repeat(1024 * 1024);
    for (let i = 1; i <= 40; i++) heavy.put(written('/r/one', i, { data: { megabyte } }), 0);
    assert.ok(heavy.since(35) !== undefined);
    assert.equal(heavy.since(20), undefined);
  });

  test('a watcher that selects by a field hears of what has its value, or had it, and nothing else', () => {
    const fieldsOf = ({ data }: any) => ({ node: data.node });
    const cache = new ResourceCache(1, { fieldsOf });
    const read = ({ fields }: StoredObject) => fields?.node ?? '';
    const of = (value: string) => ({ ...collector('/r/'), trigger: { field: 'node', value, read } });
    const [a, b, all] = [of('a'), of('b'), collector('/r/')];
    for (const watcher of [a, b, all]) cache.watchers.add(watcher);
    assert.equal(cache.watchers.size, 3);
    cache.put(written('/r/1', 2, { data: { node: 'a' } }), 0);
    cache.put(written('/r/2', 3, { data: { node: 'c' } }), 0);
    cache.put(written('/r/1', 4, { data: { node: 'b' } }), 0);
    cache.remove('/r/1', 5, 0);
    const told = (watcher: { events: CacheEvent[] }) => watcher.events.map(({ revision }) => revision);
    assert.deepEqual(
      [told(a), told(b), told(all)],
      [
        [2, 4],
        [4, 5],
        [2, 3, 4, 5],
      ],
    );
    for (const watcher of [a, b, all]) cache.watchers.delete(watcher);
    assert.deepEqual([cache.watchers.size, cache.watchers.has(a)], [0, false]);
  });

  test('a reset ends every watch once', () => {
    const cache = new ResourceCache(1);
    const watcher = collector('/r/');
    cache.watchers.add(watcher);
    cache.reset();
    cache.reset();
    assert.deepEqual(watcher.ends, ['reset']);
  });
});
