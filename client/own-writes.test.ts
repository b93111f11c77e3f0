import assert from 'node:assert/strict';
import { test } from 'node:test';
import { modifiedError, notFoundError } from '../machinery/errors.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { OwnWrites, untilAnswered } from './own-writes.ts';
import { TransportError } from './transport.ts';

const resource = { group: '', resource: 'things' };
const child = (resourceVersion?: string): KubeObject => ({
  metadata: {
    name: 'c',
    namespace: 'ns',
    ...(resourceVersion ? { resourceVersion } : {}),
    ownerReferences: [{ apiVersion: 'v1', kind: 'Owner', name: 'o', uid: 'owner', controller: true }],
  },
});

/** A server that answers as told, and a cache that has come to `seen`. */
function world(answers: (KubeObject | Error)[]) {
  const clock = new FakeClock();
  const calls: string[] = [];
  const end = new AbortController();
  let seen = 0;
  const call = (verb: string) => async () => {
    calls.push(verb);
    const answer = answers.shift();
    if (!answer || answer instanceof Error) throw answer ?? new Error('no more answers');
    return answer;
  };
  const client = { create: call('create'), update: call('update'), get: call('get') };
  const informer = { hasSeen: (version: string) => seen >= Number(version) };
  const writes = new OwnWrites(client as never, informer, { clock, signal: end.signal });
  const see = (version: number) => {
    seen = version;
  };
  return { clock, calls, end, writes, see };
}

test('what was written for an owner is awaited, and nothing of others', async () => {
  const { writes, see } = world([child('7')]);
  assert.equal(writes.areSeen('owner'), true);
  await writes.create(child());
  see(6);
  assert.deepEqual([writes.areSeen('owner'), writes.areSeen('other')], [false, true]);
  see(9); // the object itself may be gone again
  assert.equal(writes.areSeen('owner'), true);
});

test('a write that the cache was too old for waits until it is not', async () => {
  const { calls, writes, see } = world([modifiedError(resource, 'c'), child('8')]);
  await assert.rejects(writes.update(child('5')), /modified/);
  assert.deepEqual(calls, ['update', 'get']);
  see(7);
  assert.equal(writes.areSeen('owner'), false);
  see(8);
  assert.equal(writes.areSeen('owner'), true);
});

test('what is gone is not awaited', async () => {
  const { writes } = world([modifiedError(resource, 'c'), notFoundError(resource, 'c')]);
  await assert.rejects(writes.update(child('5')), /modified/);
  assert.equal(writes.areSeen('owner'), true);
});

test('a call whose answer is lost comes again, later each time, until the process ends', async () => {
  const clock = new FakeClock();
  const end = new AbortController();
  const atMs: number[] = [];
  const startMs = clock.now();
  const lost = untilAnswered({ clock, signal: end.signal }, async (isAgain) => {
    assert.equal(isAgain, atMs.length > 0);
    atMs.push(clock.now() - startMs);
    if (atMs.length < 4) throw new TransportError('lost');
    return 'done';
  });
  for (let i = 0; i < 10; i++) {
    await new Promise(setImmediate);
    await clock.advance(50);
  }
  assert.equal(await lost, 'done');
  assert.deepEqual(atMs, [0, 50, 150, 350]);
  const endless = untilAnswered({ clock, signal: end.signal }, async () => {
    throw new TransportError('lost');
  });
  await new Promise(setImmediate);
  end.abort(new Error('the process ends'));
  await assert.rejects(endless, /the process ends/);
});
