import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterEvent } from '../framework/plugin.ts';
import { EventLog } from './event-log.ts';

const event = (name: string): ClusterEvent => ({ type: 'NodeRemoved', name });
const names = (events: readonly ClusterEvent[]) => events.map((e) => (e.type === 'NodeRemoved' ? e.name : ''));

test('each hears what came since it began', () => {
  const log = new EventLog();
  const [a, b] = [{}, {}];
  log.add(event('before'));
  log.begin(a);
  log.add(event('1'));
  log.begin(b);
  log.add(event('2'));
  assert.deepEqual(names(log.end(a)), ['1', '2']);
  log.add(event('3'));
  assert.deepEqual(names(log.end(b)), ['2', '3']);
  assert.deepEqual(log.end(b), []);
});

test('keeps no more than somebody may ask for', () => {
  const log = new EventLog();
  log.add(event('of nobody'));
  assert.equal(log.size, 0);
  const followers = Array.from({ length: 5_000 }, () => ({}));
  for (const [i, follower] of followers.entries()) {
    log.begin(follower);
    log.add(event(String(i)));
    if (i >= 10) assert.equal(log.end(followers[i - 10]!).length, 11);
    assert.ok(log.size < 1_100);
  }
  for (const follower of followers) log.end(follower);
  assert.equal(log.size, 0);
});
