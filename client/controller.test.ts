import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../api/core/configmap.ts';
import { silentLogger } from '../machinery/log.ts';
import type { KubeObject } from '../machinery/metadata.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { type ControllerContext, defineController, runController } from './controller.ts';
import type { ChangeHandler } from './informer.ts';
import { ObjectCache } from './store.ts';

/** A context of one informer; `change` plays its watch. */
function world() {
  const cache = new ObjectCache<KubeObject>();
  const handlers: ChangeHandler<KubeObject>[] = [];
  const abort = new AbortController();
  let synced = () => {};
  const whenSynced = new Promise<void>((resolve) => {
    synced = resolve;
  });
  const informer = {
    lister: cache,
    addIndex: () => undefined,
    onChange: (handler: ChangeHandler<KubeObject>) => handlers.push(handler),
    synced: () => whenSynced,
  };
  const parts = { informer: () => informer, clock: new FakeClock(), log: silentLogger, signal: abort.signal };
  const change = (object: KubeObject) => {
    const old = cache.put(object);
    for (const handler of handlers) handler(object, old);
  };
  return { context: parts as unknown as ControllerContext, change, abort, synced: () => synced() };
}

const object = { metadata: { name: 'a', namespace: 'ns' } };

function recorder() {
  const done: string[] = [];
  const controller = defineController({
    name: 'test-controller',
    kind: ConfigMapKind,
    deps: () => undefined,
    async reconcile({ metadata }) {
      done.push(`reconcile ${metadata.name}`);
      return undefined;
    },
    forget: (key) => void done.push(`forget ${key}`),
  });
  return { done, controller };
}

test('a controller works once its caches are filled', async () => {
  const { context, change, abort, synced } = world();
  const { done, controller } = recorder();
  const running = runController(controller, context);
  change(object);
  await new Promise(setImmediate);
  assert.deepEqual(done, []);
  synced();
  await new Promise(setImmediate);
  abort.abort();
  await running;
  assert.deepEqual(done, ['reconcile a']);
});

test('a controller that is ended before its caches are filled does nothing', async () => {
  const { context, change, abort } = world();
  const { done, controller } = recorder();
  const running = runController(controller, context);
  change(object);
  abort.abort();
  await running;
  assert.deepEqual(done, []);
});

test('a controller waits for what its dependencies look at, and works on as many keys as it is told to', async () => {
  const { context, change, abort, synced } = world();
  let isLateSynced = () => {};
  const late = new Promise<void>((resolve) => {
    isLateSynced = resolve;
  });
  const first = context.informer(ConfigMapKind);
  const informers = [first, { ...first, synced: () => late }] as (typeof first)[];
  const taken = { ...context, concurrency: 1, informer: () => informers.shift() ?? first } as ControllerContext;
  let running = 0;
  const most: number[] = [];
  const controller = defineController({
    name: 'test-controller',
    kind: ConfigMapKind,
    concurrency: 5,
    deps: (given) => given.informer(ConfigMapKind),
    async reconcile() {
      most.push(++running);
      await new Promise(setImmediate);
      running--;
      return undefined;
    },
  });
  const run = runController(controller, taken);
  change(object);
  change({ metadata: { name: 'b', namespace: 'ns' } });
  synced();
  await new Promise(setImmediate);
  assert.deepEqual(most, []);
  isLateSynced();
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
  abort.abort();
  await run;
  assert.deepEqual(most, [1, 1]);
});
