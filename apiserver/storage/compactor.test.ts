import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FakeEtcd } from '../../test/builders/fake-etcd.ts';
import { startCompactor } from './compactor.ts';
import { CompactedError, EtcdUnavailableError } from './etcd.ts';

const minute = 60_000;
const log = createLogger('test', 'error');

function setUp() {
  const clock = new FakeClock();
  const etcd = new FakeEtcd();
  const cache = {
    get position() {
      return etcd.revision;
    },
  };
  return { clock, etcd, start: () => startCompactor(etcd, cache, { clock, log }) };
}

test('of several servers one compacts each five minutes, and the others take over from it', async () => {
  const { clock, etcd, start } = setUp();
  const stops = [start(), start(), start()];
  await etcd.put('/a', Buffer.from('1'), 0);
  await clock.advance(5 * minute);
  assert.equal(etcd.calls.compact, undefined, 'nothing is five minutes old yet');
  for (let period = 1; period <= 3; period++) {
    await clock.advance(5 * minute);
    assert.equal(etcd.calls.compact, period);
  }
  stops[0]!();
  for (let period = 4; period <= 6; period++) await clock.advance(5 * minute);
  assert.ok(etcd.calls.compact! >= 5, `${etcd.calls.compact} after one has ended`);
  for (const stop of stops) stop();
});

test('what is compacted is what was there five minutes ago', async () => {
  const { clock, etcd, start } = setUp();
  const stop = start();
  for (const key of ['a', 'b']) await etcd.put(`/${key}`, Buffer.from('1'), 0);
  await clock.advance(5 * minute);
  const old = etcd.revision - 1;
  await etcd.put('/c', Buffer.from('1'), 0);
  await clock.advance(5 * minute);
  await assert.rejects(etcd.range('/', '0', { limit: 0, revision: old - 1 }), CompactedError);
  assert.equal((await etcd.range('/', '0', { limit: 0, revision: old })).entries.length, 2);
  stop();
});

test('an etcd that was away is compacted when it is back', async () => {
  const { clock, etcd, start } = setUp();
  const stop = start();
  await clock.advance(5 * minute);
  etcd.unavailable = true;
  await clock.advance(5 * minute);
  await assert.rejects(etcd.get('/a'), EtcdUnavailableError);
  etcd.unavailable = false;
  await clock.advance(5 * minute);
  assert.equal(etcd.calls.compact, 1);
  stop();
});
