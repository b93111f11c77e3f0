// Watches that begin with much that there is give way to others, and tell each event once and in its order.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { slowClock } from '../../test/builders/slow-clock.ts';
import type { ApiContext } from '../registry/context.ts';
import { openWatch, startWatch } from './watch.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const count = 60;
const nameOf = (i: number) => `c${String(i).padStart(3, '0')}`;
const round = () => new Promise((resolve) => void setImmediate(resolve));

async function startedWith(objects: number): Promise<{ api: MemoryApi; context: ApiContext }> {
  const api = await startMemoryApi();
  for (let i = 0; i < objects; i++) await api.send('POST', configMaps, { body: { metadata: { name: nameOf(i) } } });
  await api.context.store.cache.waitConsistent();
  return { api, context: { ...api.context, clock: slowClock() } };
}

async function watch(context: ApiContext, api: MemoryApi, query: string) {
  const request = api.request('GET', `${configMaps}?watch=true&${query}`);
  const told: string[] = [];
  const stop = startWatch(context, context.store.resource(request.kind), await openWatch(context, request), {
    event: (type, { name }) => void told.push(`${type} ${name}`),
    bookmark: (revision) => void told.push(`BOOKMARK ${revision}`),
    expired: (message) => void told.push(`EXPIRED ${message}`),
    flush: () => undefined,
  });
  return { told, stop };
}

async function until(isSo: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !isSo(); i++) await round();
  assert.ok(isSo());
}

test('twenty that start at once hold nobody up, and what happens meanwhile comes after the beginning', async () => {
  const { api, context } = await startedWith(count);
  const start = context.store.cache.position;
  const query = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const all = await Promise.all(Array.from({ length: 20 }, () => watch(context, api, query)));
  const sum = () => all.reduce((total, { told }) => total + told.length, 0);
  assert.ok(sum() < 3 * count, `${sum()} events before anybody else had a turn`);
  await api.send('DELETE', `${configMaps}/${nameOf(0)}`);
  await api.send('PATCH', `${configMaps}/${nameOf(1)}`, {
    body: { metadata: { labels: { a: 'b' } } },
    contentType: 'application/merge-patch+json',
  });
  await api.context.store.cache.waitConsistent();
  assert.ok(sum() < 20 * count, 'they were still beginning');
  let most = 0;
  for (let i = 0; i < 10_000 && sum() < 20 * (count + 3); i++) {
    const before = sum();
    await round();
    most = Math.max(most, sum() - before);
  }
  assert.ok(most < 40, `${most} events in one turn`);
  const added = Array.from({ length: count }, (_, i) => `ADDED ${nameOf(i)}`);
  const wanted = [...added, `BOOKMARK ${start}`, `DELETED ${nameOf(0)}`, `MODIFIED ${nameOf(1)}`];
  for (const { told } of all) assert.deepEqual(told, wanted);
});

test('so do those that go on after a version long ago, and one that is over tells nothing more', async () => {
  const { api, context } = await startedWith(0);
  const start = context.store.cache.position;
  for (let i = 0; i < count; i++) await api.send('POST', configMaps, { body: { metadata: { name: nameOf(i) } } });
  await api.context.store.cache.waitConsistent();
  const [one, over] = [
    await watch(context, api, `resourceVersion=${start}`),
    await watch(context, api, `resourceVersion=${start}`),
  ];
  over.stop();
  const toldBefore = over.told.length;
  assert.ok(one.told.length < count && toldBefore < count);
  await api.send('DELETE', `${configMaps}/${nameOf(0)}`);
  await until(() => one.told.length === count + 1);
  assert.deepEqual(one.told.slice(-2), [`ADDED ${nameOf(count - 1)}`, `DELETED ${nameOf(0)}`]);
  assert.equal(over.told.length, toldBefore);
});

test('a cache that is emptied while a watch begins ends it', async () => {
  const { api, context } = await startedWith(count);
  const { told, stop } = await watch(context, api, '');
  const before = told.length;
  assert.ok(before < count);
  context.store.resource(api.request('GET', configMaps).kind).reset();
  stop();
  for (let i = 0; i < 50; i++) await round();
  assert.deepEqual(told.slice(before), ['EXPIRED the watch cache was reset: list again']);
});
