import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import type { KubeletDeps } from './kubelet-deps.ts';
import { PodStopper } from './pod-stopper.ts';
import { joinSandboxes } from './runtime-state.ts';

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

test('a clock that is set meanwhile cuts no grace period short', async () => {
  const { clock, timeouts } = startStop();
  clock.set(3_600_000);
  await clock.advance(20_000);
  await settled();
  assert.deepEqual(timeouts, [10]);
});

/**
 * A container proper and two sidecars, the second with a preStop hook of 2 s; what is told and done
 * is noted as it happens.
 */
function startSidecars() {
  const clock = new FakeClock();
  const seen: string[] = [];
  const sidecar = (name: string, lifecycle = {}) => ({ name, restartPolicy: 'Always', lifecycle });
  const spec: Pod['spec'] = {
    initContainers: [sidecar('s1'), sidecar('s2', { preStop: { sleep: { seconds: 2 } } })],
    containers: [{ name: 'main' }],
  };
  const left = new Set(['s1', 's2', 'main']);
  const runtime = {
    StopContainer: async ({ container_id, timeout }: { container_id: string; timeout: string }) => {
      seen.push(`stop ${container_id} ${timeout}`);
      if (container_id === 'main-0') await clock.sleep(4_000);
      left.delete(container_id.replace('-0', ''));
    },
  };
  const events = { event: (...[, , reason, message]: string[]) => seen.push(`${reason} ${message}`) };
  const deps = { clock, log: silentLogger, cri: { runtime }, events };
  const state = () =>
    joinSandboxes([{ sandbox: runtimeSandbox(), containers: [...left].map((name) => runtimeContainer({ name })) }]);
  const look = () => stopper.stopAll({ ...pod, spec }, state(), '');
  const stopper: PodStopper = new PodStopper(deps as unknown as KubeletDeps, look);
  return { clock, seen, stopper, look };
}

const killing = (name: string) => `Killing Stopping container ${name}`;
const allTold = [killing('s1'), killing('s2'), killing('main'), 'stop main-0 30'];

test('sidecars hear of the end at once, and end in reverse order after the others', async () => {
  const { clock, seen, stopper, look } = startSidecars();
  stopper.limitGrace(30);
  look();
  await settled();
  assert.deepEqual(seen, allTold);
  await clock.advance(3_900);
  assert.deepEqual(seen.length, 4, 'its hook is through, its turn has not come');
  await clock.advance(200);
  await settled();
  assert.deepEqual(seen.slice(4), ['stop s2-0 26', 'stop s1-0 26']);
  assert.equal(look(), true);
});

test('a sidecar waits for its turn no longer than the grace period, also when that is cut short', async () => {
  const { clock, seen, stopper, look } = startSidecars();
  stopper.limitGrace(30);
  look();
  await settled();
  stopper.limitGrace(3);
  await settled();
  assert.deepEqual(seen, [...allTold, 'stop main-0 3'], 'only what has had its turn is hastened');
  await clock.advance(2_900);
  assert.equal(seen.length, 5);
  await clock.advance(200);
  await settled();
  assert.deepEqual(seen.slice(5).sort(), ['stop s1-0 2', 'stop s2-0 2']);
});

test('a shorter time ends the hook, and is what the container gets', async () => {
  const { clock, timeouts, stopper } = startStop();
  stopper.limitGrace(60);
  await clock.advance(5_000);
  stopper.limitGrace(8);
  await settled();
  assert.deepEqual(timeouts, [8, 8]);
});

test('a container that was stopped is not stopped again for what was read of it before its end', async () => {
  const { clock, timeouts, stopper } = startStop();
  const container = runtimeContainer({ name: 'app' });
  const stop = () => stopper.stop(pod, container, { message: '', graceSeconds: 30, podIp: '' });
  const untilStopped = async () => {
    await clock.advance(20_000);
    await settled();
  };
  await untilStopped();
  assert.deepEqual(timeouts, [10]);
  stop();
  await untilStopped();
  assert.deepEqual(timeouts, [10]);
  assert.ok(stopper.isStopping(container.id));
  stopper.forgetEnded();
  assert.ok(!stopper.isStopping(container.id), 'one that still runs by then is stopped anew');
  stop();
  await untilStopped();
  assert.deepEqual(timeouts, [10, 10]);
});
