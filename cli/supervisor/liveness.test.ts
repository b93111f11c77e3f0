import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { askPatiently, type LivenessFailure, LivenessWatch, probeLiveness, readLimits } from './liveness.ts';

describe('limits', () => {
  test('are those of kubeadm unless the environment says otherwise', () => {
    assert.deepEqual(readLimits({}), { periodMs: 10_000, timeoutMs: 10_000, failures: 8, startFailures: 24 });
    const changed = readLimits({ K8TS_LIVENESS: 'periodMs=500,failures=2' });
    assert.deepEqual(changed, { periodMs: 500, timeoutMs: 10_000, failures: 2, startFailures: 24 });
  });
  for (const text of ['x=1', 'periodMs', 'periodMs=', 'periodMs=0', 'periodMs=-1', 'failures=1.5', 'toString=1'])
    test(`${text} is none`, () => assert.throws(() => readLimits({ K8TS_LIVENESS: text }), /is no limit/));
});

describe('a check', () => {
  const cases: { name: string; serve(caller: Socket): void; expected: LivenessFailure | undefined }[] = [
    { name: 'that is answered', serve: (c) => c.write('HTTP/1.1 200 OK\r\n\r\nok'), expected: undefined },
    {
      name: 'that is answered in pieces',
      serve(caller) {
        caller.write('HTTP/1.1 2');
        caller.once('data', () => caller.end('00 OK\r\n\r\n'));
        setImmediate(() => caller.end('00 OK\r\n\r\n'));
      },
      expected: undefined,
    },
    {
      name: 'that is answered badly',
      serve: (caller) => caller.end('HTTP/1.1 503 Service Unavailable\r\nA: b\r\n\r\n{"health":"false"}'),
      expected: { silent: false, reason: 'answers 503: {"health":"false"}' },
    },
    {
      name: 'that gets an endless answer',
      serve(caller) {
        caller.on('error', () => undefined);
        caller.write('x'.repeat(5_000));
      },
      expected: { silent: false, reason: `answers no HTTP: ${'x'}` },
    },
    { name: 'that is not answered', serve: () => undefined, expected: { silent: true, reason: 'does not answer' } },
  ];
  for (const { name, serve, expected } of cases) {
    test(name, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'k8ts-liveness-'));
      const callers: Socket[] = [];
      const server = createServer((caller) => {
        callers.push(caller);
        caller.resume();
        serve(caller);
      });
      try {
        const socket = join(dir, 'x.live');
        await once(server.listen(socket), 'listening');
        const timeoutMs = expected?.silent ? 100 : 20_000;
        assert.deepEqual(await probeLiveness({ socket, path: '/livez' }, timeoutMs), expected);
      } finally {
        for (const caller of callers) caller.destroy();
        server.close();
        rmSync(dir, { recursive: true });
      }
    });
  }
  test('where nobody listens', async () => {
    const failure = await probeLiveness({ socket: '/nowhere.live', path: '/livez' }, 20_000);
    assert.deepEqual(failure, { silent: false, reason: 'does not listen: connect ENOENT /nowhere.live' });
  });
});

describe('asking once', () => {
  const silent: LivenessFailure = { silent: true, reason: 'does not answer' };
  const refused: LivenessFailure = { silent: false, reason: 'does not listen' };
  // What each question is answered with, how long was waited for a CPU meanwhile, and what time each question has.
  const cases = [
    { answers: [undefined], waits: [900], times: [1_000] },
    { answers: [silent], waits: [0], times: [1_000] },
    { answers: [refused], waits: [900], times: [1_000] },
    { answers: [silent, silent, undefined], waits: [900, 700, 0], times: [1_000, 900, 700] },
    { answers: [silent, silent], waits: [500, 20], times: [1_000, 500] },
    { answers: [silent, silent], waits: [5_000, 0], times: [1_000, 1_000] },
  ];
  for (const { answers, waits, times } of cases) {
    const told = answers.map((answer) => answer?.reason ?? 'answers').join(', ');
    test(`${told}, having waited ${waits} ms for a CPU`, async () => {
      const asked: number[] = [];
      const ask = async (timeoutMs: number) => answers[asked.push(timeoutMs) - 1];
      const result = await askPatiently({ pid: 1, startTicks: 1 }, 1_000, ask, () => waits[asked.length - 1]!);
      assert.deepEqual([result, asked], [answers.at(-1), times]);
    });
  }
});

describe('a watch', () => {
  const limits = { periodMs: 1_000, timeoutMs: 1_000, failures: 3, startFailures: 5 };
  const bad: LivenessFailure = { silent: true, reason: 'does not answer' };
  // Each letter is one check: a is answered, f fails. Expected is the number of checks before it counts as hung.
  const cases = [
    { checks: 'aaaaaa', hungAfter: undefined },
    { checks: 'affaffaff', hungAfter: undefined },
    { checks: 'afffa', hungAfter: 4 },
    { checks: 'aaffffff', hungAfter: 5 },
    { checks: 'ffffaffa', hungAfter: undefined },
    { checks: 'ffffff', hungAfter: 5 },
    { checks: 'ffffff', hungAfter: 3, ranBeforeMs: 6_000 },
  ];
  for (const { checks, hungAfter, ranBeforeMs = 0 } of cases) {
    test(`${checks} of a process that has run for ${ranBeforeMs} ms: ${hungAfter === undefined ? 'well' : `hung after ${hungAfter}`}`, async () => {
      const clock = new FakeClock();
      let asked = 0;
      const hung: number[] = [];
      const watch = new LivenessWatch({
        clock,
        limits,
        startedMs: clock.now() - ranBeforeMs,
        probe: async () => (checks[asked++] === 'f' ? bad : undefined),
        meterCpuWait: () => () => 0,
        hung: () => hung.push(asked),
      });
      for (let i = 0; i < checks.length; i++) await clock.advance(limits.periodMs);
      watch.stop();
      assert.deepEqual(hung, hungAfter === undefined ? [] : [hungAfter]);
      const askedBefore = asked;
      await clock.advance(10 * limits.periodMs);
      assert.equal(asked, askedBefore, 'nobody is asked after the end');
    });
  }

  // Of each period after the first failure the process waited so long for a CPU: its failures count for the rest.
  const starved = [
    { waitedMs: 1, hungAfter: 3 },
    { waitedMs: 500, hungAfter: 4 },
    { waitedMs: 800, hungAfter: 9 },
    { waitedMs: 1_000, hungAfter: undefined },
    { waitedMs: 8_000, hungAfter: undefined },
  ];
  for (const { waitedMs, hungAfter } of starved) {
    test(`a process that waits ${waitedMs} ms of 1000 for a CPU is hung after ${hungAfter} checks`, async () => {
      const clock = new FakeClock();
      let asked = 0;
      const hung: number[] = [];
      const watch = new LivenessWatch({
        clock,
        limits,
        startedMs: clock.now() - 6_000,
        probe: async () => {
          asked++;
          return bad;
        },
        meterCpuWait: () => () => waitedMs,
        hung: () => hung.push(asked),
      });
      for (let i = 0; i < 50; i++) await clock.advance(limits.periodMs);
      watch.stop();
      assert.deepEqual(hung, hungAfter === undefined ? [] : [hungAfter]);
    });
  }

  test('what a process waited before an answer does not count afterwards', async () => {
    const clock = new FakeClock();
    const checks = 'afffffafff';
    let asked = 0;
    const hung: number[] = [];
    const watch = new LivenessWatch({
      clock,
      limits,
      startedMs: clock.now(),
      probe: async () => (checks[asked++] === 'f' ? bad : undefined),
      meterCpuWait: () => () => (asked < 7 ? 1_000 : 0),
      hung: () => hung.push(asked),
    });
    for (let i = 0; i < checks.length; i++) await clock.advance(limits.periodMs);
    watch.stop();
    assert.deepEqual(hung, [10]);
  });
});
