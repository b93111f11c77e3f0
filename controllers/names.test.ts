import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { ControllerContext, Loop } from '../client/controller.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { createControllers } from './index.ts';
import { controllerNames, controllerOfLoop, factsOf, selectLoops } from './names.ts';
import { keepRunning } from './run.ts';

const all = createControllers({
  rootCaPem: 'ca',
  nodeRanges: { clusterCidr: '10.0.0.0/16', nodeMaskSize: 24 },
});

test('every loop is a controller that has a name there, or a part of one', () => {
  assert.deepEqual(
    all.map((loop) => controllerOfLoop(loop.name)).filter((name) => !controllerNames[name]),
    [],
  );
});

const named = (...list: string[]) => selectLoops(all, list).map((loop) => loop.name);

test('lists choose controllers', () => {
  const withOff = ['*', 'bootstrapsigner', 'tokencleaner'];
  assert.equal(named(...withOff).length, all.length);
  assert.deepEqual(named(), []);
  assert.deepEqual(named('deployment-controller', 'replicaset'), ['replicaset-controller', 'deployment-controller']);
  assert.equal(named(...withOff, '-deployment').length, all.length - 1);
  assert.equal(named('*', '-job').includes('job-orphan-pod-controller'), false);
  // The first mention counts.
  assert.equal(named('-job', 'job', '*').includes('job-controller'), false);
  // Those that are off, and those that we do not have, may be named.
  assert.equal(named('*', 'tokencleaner', '-storageversion-garbage-collector-controller').length, all.length - 1);
  assert.throws(() => named('*', '-deploymnet'), /"-deploymnet" is not in the list of known controllers/);
  assert.deepEqual(
    selectLoops([{ name: 'bootstrap-signer-controller' }, { name: 'one-of-tomorrow' }], ['*']).map((l) => l.name),
    ['one-of-tomorrow'],
  );
});

test('flags of concurrency have the names of kube-controller-manager', () => {
  assert.equal(factsOf('deployment-controller').syncs, 'deployment');
  assert.equal(factsOf('endpointslice-controller').syncs, 'service-endpoint');
});

test('a loop that fails starts again, later each time, and what it began ends', async () => {
  const clock = new FakeClock();
  const abort = new AbortController();
  const starts: number[] = [];
  const ended: boolean[] = [];
  const startMs = clock.now();
  const loop: Loop = {
    name: 'l',
    async run({ signal }) {
      starts.push(clock.now() - startMs);
      signal.addEventListener('abort', () => ended.push(true));
      if (starts.length < 4) throw new Error('no');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    },
  };
  const context = { clock, log: silentLogger, signal: abort.signal, metrics: new Registry() };
  const running = keepRunning(loop, context as unknown as ControllerContext);
  for (let i = 0; i < 20; i++) {
    await new Promise(setImmediate);
    await clock.advance(500);
  }
  assert.deepEqual(starts, [0, 1_000, 3_000, 7_000]);
  assert.equal(ended.length, 3);
  abort.abort();
  await running;
});
