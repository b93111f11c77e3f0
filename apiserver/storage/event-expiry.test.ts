import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../machinery/log.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { startEventExpiry } from './event-expiry.ts';

const events = '/api/v1/namespaces/default/events';
const minuteMs = 60_000;

test('an event goes an hour after it last happened', async () => {
  const api = await startMemoryApi();
  const { clock, context } = api;
  const stop = startEventExpiry(context.store, api.kinds.kind('', 'Event'), { clock, log: silentLogger });
  const regarding = { kind: 'Pod', namespace: 'default', name: 'p' };
  const post = (name: string, more: object) =>
    api.send('POST', events, { body: { metadata: { name }, involvedObject: regarding, reason: 'R', ...more } });
  const left = async () => {
    for (let i = 0; i < 50; i++) await Promise.resolve();
    return (await api.send('GET', events)).map((e: any) => e.metadata.name);
  };
  await post('once', {});
  await post('again', { lastTimestamp: new Date(clock.now() + 30 * minuteMs).toISOString() });
  await clock.advance(60 * minuteMs);
  assert.deepEqual(await left(), ['again', 'once']);
  await clock.advance(minuteMs);
  assert.deepEqual(await left(), ['again']);
  api.etcd.unavailable = true;
  await clock.advance(30 * minuteMs);
  api.etcd.unavailable = false;
  await clock.advance(minuteMs);
  assert.deepEqual(await left(), []);
  stop();
});
