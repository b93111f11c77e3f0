import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type CacheEvent, ResourceCache } from './resource-cache.ts';
import { StoredObject } from './stored-object.ts';

const stored = (key: string, revision: number) =>
  new StoredObject(
    key,
    { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: key, resourceVersion: `${revision}` } },
    revision,
  );
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

  test('forgets in bulk what is older than five minutes or too much', () => {
    const cache = new ResourceCache(0);
    for (let i = 1; i <= 100; i++) cache.put(stored(`/r/${i}`, i), 0);
    cache.put(stored('/r/new', 101), 6 * 60_000);
    assert.equal(cache.since(99), undefined);
    assert.equal(cache.since(100)?.length, 1);
    const busy = new ResourceCache(0);
    for (let i = 1; i <= 10_000; i++) busy.put(stored('/r/one', i), 0);
    assert.ok(busy.since(10_000 - 4096) !== undefined);
    assert.equal(busy.since(10_000 - 4096 - 300), undefined);
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
