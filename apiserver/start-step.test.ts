import assert from 'node:assert/strict';
import { test } from 'node:test';
import { invalidError, StatusError } from '../machinery/errors.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { startStep } from './start-step.ts';
import { EtcdNoSpaceError, EtcdUnavailableError } from './storage/etcd.ts';

const away: Error[] = [
  new EtcdUnavailableError('etcd does not answer'),
  new StatusError(504, 'Timeout', 'Too large resource version'),
  new EtcdNoSpaceError(),
];

test('a step is taken again while etcd is away, and its result is told', async () => {
  const clock = new FakeClock();
  const context = { clock, log: silentLogger, signal: new AbortController().signal };
  const errors = [...away];
  const step = startStep(context, async () => {
    const err = errors.shift();
    if (err) throw err;
    return 'done';
  });
  for (let left = away.length - 1; left > 0; left--) {
    assert.equal(errors.length, left);
    await clock.advance(200);
  }
  await clock.advance(200);
  assert.equal(await step, 'done');
});

test('what would fail for ever ends the start', async () => {
  const context = { clock: new FakeClock(), log: silentLogger, signal: new AbortController().signal };
  const refused = invalidError({ group: '', kind: 'Namespace' }, 'x', []);
  for (const err of [new TypeError('a mistake of ours'), refused]) {
    await assert.rejects(
      startStep(context, () => Promise.reject(err)),
      err,
    );
  }
});

test('a server that is to end does not wait', async () => {
  const abort = new AbortController();
  const context = { clock: new FakeClock(), log: silentLogger, signal: abort.signal };
  const step = startStep(context, () => Promise.reject(away[0]));
  await Promise.resolve();
  abort.abort(new Error('stopping'));
  await assert.rejects(step, /stopping/);
});
