// The last bookmark of a watch comes shortly before its time is over, so that whoever watches on need not ask for what
// it knows (upstream: nextBookmarkTime of the cacher's watchers).
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { openWatch, startWatch } from './watch.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';

async function bookmarksOf(api: MemoryApi, query: string): Promise<{ told: number[]; stop(): void }> {
  const { context } = api;
  const request = api.request('GET', `${configMaps}?watch=true&${query}`);
  const told: number[] = [];
  const stop = startWatch(context, context.store.resource(request.kind), await openWatch(context, request), {
    event: () => undefined,
    bookmark: (revision, initialEventsEnd) => void (initialEventsEnd || told.push(revision)),
    expired: () => undefined,
    flush: () => undefined,
  });
  return { told, stop };
}

const cases: { name: string; query: string; afterMs: number[]; counts: number[] }[] = [
  { name: 'two seconds before the end', query: 'timeoutSeconds=10', afterMs: [7_999, 1], counts: [0, 1] },
  {
    name: 'also when one came each minute',
    query: 'timeoutSeconds=90',
    afterMs: [60_000, 27_999, 1],
    counts: [1, 1, 2],
  },
  { name: 'none in so short a time', query: 'timeoutSeconds=2', afterMs: [2_000], counts: [0] },
];
for (const { name, query, afterMs, counts } of cases) {
  test(`a bookmark ${name}`, async () => {
    const api = await startMemoryApi();
    const { told } = await bookmarksOf(api, `${query}&allowWatchBookmarks=true`);
    for (const [i, ms] of afterMs.entries()) {
      await api.clock.advance(ms);
      assert.equal(told.length, counts[i], `after ${afterMs.slice(0, i + 1)} ms`);
    }
  });
}

test('it tells of everything that had happened by then, of other resources too', async () => {
  const api = await startMemoryApi();
  const { told } = await bookmarksOf(api, 'timeoutSeconds=10&allowWatchBookmarks=true');
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'other' } } });
  await api.context.store.cache.waitConsistent();
  await api.clock.advance(8_000);
  assert.deepEqual(told, [api.context.store.cache.position]);
});

test('who has not asked for bookmarks gets none, and a watch that is over neither', async () => {
  const api = await startMemoryApi();
  const silent = await bookmarksOf(api, 'timeoutSeconds=10');
  const over = await bookmarksOf(api, 'timeoutSeconds=10&allowWatchBookmarks=true');
  over.stop();
  await api.clock.advance(9_000);
  assert.deepEqual([silent.told, over.told], [[], []]);
});
