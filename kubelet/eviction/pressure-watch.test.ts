import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import type { PodWorker } from '../pods/pod-worker.ts';
import { joinSandboxes } from '../pods/runtime-state.ts';
import { PressureWatch, type PressureWatchDeps } from './pressure-watch.ts';
import { defaultEviction } from './thresholds.ts';

const running = joinSandboxes([{ sandbox: runtimeSandbox(), containers: [runtimeContainer({ name: 'c' })] }]);

/** A node with pods that end when they are told to, unless they are stubborn. */
function world(names: readonly string[], evictionHard: Record<string, string>, stubborn = false) {
  const clock = new FakeClock();
  const did: string[] = [];
  const node = { memory: 1000, disk: 1000, reclaimed: 0 };
  const workers = names.map((name) => {
    const worker = {
      pod: { metadata: { name, namespace: 'ns', uid: name }, spec: { containers: [{ name: 'c' }] }, status: {} } as Pod,
      isActive: true,
      isTakingResources: true,
      runtime: { state: name === 'pending' ? joinSandboxes([]) : running },
      volumes: { ready: new Map() },
      evict: (_message: string, { graceSeconds }: { graceSeconds: number }) => {
        did.push(`evict ${name} ${graceSeconds}`);
        worker.isActive = false;
        worker.isTakingResources = stubborn;
        return true;
      },
    };
    return worker as unknown as PodWorker;
  });
  const free = (available: number) => ({ available, capacity: 1000 });
  const deps = {
    settings: { ...defaultEviction, evictionHard },
    read: () => ({ 'memory.available': free(node.memory), 'nodefs.available': free(node.disk) }),
    reclaimDisk: async () => {
      did.push('reclaim');
      node.disk += node.reclaimed;
    },
    cri: { runtime: { ListPodSandboxStats: async () => ({ stats: [] }) } },
    clock,
    log: silentLogger,
    events: { event: (_: object, type: string, reason: string, text: string) => did.push(`${type} ${reason} ${text}`) },
    metrics: { countEviction: (signal: string) => did.push(`count ${signal}`) },
    node: () => ({ metadata: { name: 'n' } }),
    podLogsDir: '/nowhere',
    workers: () => workers,
  } as unknown as PressureWatchDeps;
  const watch = new PressureWatch(deps);
  watch.start();
  const turn = async () => {
    await clock.advance(10_000);
    for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
    return did.splice(0);
  };
  return { node, watch, turn };
}

test('what nobody uses goes before pods do', async () => {
  const { node, watch, turn } = world(['a'], { 'nodefs.available': '100' });
  assert.deepEqual(await turn(), []);
  Object.assign(node, { disk: 50, reclaimed: 60 });
  const told = 'Warning EvictionThresholdMet Attempting to reclaim ephemeral-storage';
  assert.deepEqual(await turn(), [told, 'reclaim']);
  assert.deepEqual(watch.conditions, ['DiskPressure']);
  assert.deepEqual(await turn(), []);
  Object.assign(node, { disk: 20 });
  assert.deepEqual(await turn(), [told, 'reclaim', 'evict a 1', 'count nodefs.available']);
});

test('one pod at a time, and only what runs', async () => {
  const { node, turn } = world(['pending', 'a', 'b'], { 'memory.available': '100' });
  node.memory = 50;
  const told = 'Warning EvictionThresholdMet Attempting to reclaim memory';
  assert.deepEqual(await turn(), [told, 'evict a 1', 'count memory.available']);
  assert.deepEqual(await turn(), [told, 'evict b 1', 'count memory.available']);
  assert.deepEqual(await turn(), [told]);
});

test('a pod that is slow to end is waited for, but not for ever', async () => {
  const { node, turn } = world(['a', 'b'], { 'memory.available': '100' }, true);
  node.memory = 50;
  const told = 'Warning EvictionThresholdMet Attempting to reclaim memory';
  assert.deepEqual(await turn(), [told, 'evict a 1', 'count memory.available']);
  assert.deepEqual(await turn(), []);
  assert.deepEqual(await turn(), []);
  assert.deepEqual(await turn(), [told, 'evict b 1', 'count memory.available']);
});
