import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { FakeClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodStopper } from './pod-stopper.ts';

const preStop = { sleep: { seconds: 20 } };
const pod: Pod = {
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [{ name: 'app', lifecycle: { preStop } }] },
  status: {},
};

const settled = () => new Promise((resolve) => setImmediate(resolve));

/** A container is being stopped, 30 s from now at the latest, and has a preStop hook of 20 s. */
function startStop() {
  const clock = new FakeClock();
  const timeouts: number[] = [];
  const runtime = {
    StopContainer: async ({ timeout }: { timeout: string }) => {
      timeouts.push(Number(timeout));
    },
  };
  const deps = { clock, log: silentLogger, cri: { runtime }, events: { event: () => undefined } };
  const stopper = new PodStopper(deps as unknown as KubeletDeps, () => undefined);
  stopper.stop(pod, runtimeContainer({ name: 'app' }), { message: '', graceSeconds: 30, podIp: '' });
  return { clock, timeouts, stopper };
}

test('a stop that is under way keeps its time when the pod is allowed more', async () => {
  const { clock, timeouts, stopper } = startStop();
  await clock.advance(5_000);
  stopper.limitGrace(60);
  await clock.advance(5_000);
  assert.deepEqual(timeouts, [], 'its hook still runs');
  await clock.advance(10_000);
  await settled();
  assert.deepEqual(timeouts, [10]);
});

test('a shorter time ends the hook, and is what the container gets', async () => {
  const { clock, timeouts, stopper } = startStop();
  stopper.limitGrace(60);
  await clock.advance(5_000);
  stopper.limitGrace(8);
  await settled();
  assert.deepEqual(timeouts, [8, 8]);
});
