import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { isSimulated } from './nodes.ts';
import { statusOf } from './pods.ts';

const scheduled = { type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' } as const;
const pod = {
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'x' }] },
  status: { conditions: [scheduled] },
} as unknown as Pod;
const nowMs = Date.parse('2026-01-01T00:00:05Z');

for (const [phase, ready, state] of [
  ['Running', 'True', 'running'],
  ['Succeeded', 'False', 'terminated'],
] as const)
  test(`the status of a pod that is ${phase}`, () => {
    const { conditions = [], containerStatuses, ...rest } = statusOf(pod, phase, nowMs);
    assert.deepEqual(rest, { phase, startTime: '2026-01-01T00:00:05Z' });
    const statuses = Object.fromEntries(conditions.map(({ type, status }) => [type, status]));
    assert.deepEqual(statuses, {
      PodReadyToStartContainers: ready,
      Initialized: 'True',
      Ready: ready,
      ContainersReady: ready,
      PodScheduled: 'True',
    });
    assert.deepEqual(Object.keys(containerStatuses![0]!.state!), [state]);
    // Said again it is the same, but for its times.
    assert.equal(statusOf({ ...pod, status: { conditions } } as Pod, phase, nowMs).conditions!.length, 5);
  });

test('only a name with a number is of a simulated node', () => {
  const names = ['simulated-0', 'simulated-12', 'simulated-', 'simulated-x', 'a-simulated-1', undefined];
  assert.deepEqual(names.map(isSimulated), [true, true, false, false, false, false]);
});
