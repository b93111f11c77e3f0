import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { CriClient } from '../proto/cri-client.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { runtimeContainer, runtimeSandbox } from '../test/builders/runtime-state.ts';
import { registerMetrics, timeOperations } from './metrics.ts';
import type { PodSet } from './pods/pod-set.ts';
import { joinSandboxes } from './pods/runtime-state.ts';

const has = async (registry: Registry, ...lines: string[]) => {
  const text = await registry.metrics();
  for (const line of lines) assert.ok(text.split('\n').includes(line), `${line} in\n${text}`);
};

test('calls of the runtime, under the names that upstream gives them', async () => {
  const registry = new Registry();
  const clock = new FakeClock();
  const slow = async () => {
    await clock.sleep(2000);
    return {};
  };
  const failing = () => Promise.reject(new Error('no'));
  const calls = { RunPodSandbox: slow, ListContainers: failing, UpdateContainerResources: async () => ({}) };
  const stream = { GetContainerEvents: () => (async function* () {})() };
  const images = { PullImage: async () => ({ image_ref: 'r' }) };
  const { runtime, images: timedImages } = timeOperations(registry, clock, {
    runtime: { ...calls, ...stream },
    images,
  } as unknown as CriClient);
  const ran = runtime.RunPodSandbox({});
  await clock.advance(2000);
  await ran;
  await assert.rejects(runtime.ListContainers({}), /^Error: no$/);
  await runtime.UpdateContainerResources({});
  assert.deepEqual(await timedImages.PullImage({}), { image_ref: 'r' });
  for await (const _ of runtime.GetContainerEvents({})) assert.fail();
  await has(
    registry,
    'kubelet_runtime_operations_total{operation_type="run_podsandbox"} 1',
    'kubelet_runtime_operations_total{operation_type="list_containers"} 1',
    'kubelet_runtime_operations_total{operation_type="update_container"} 1',
    'kubelet_runtime_operations_total{operation_type="pull_image"} 1',
    'kubelet_runtime_operations_errors_total{operation_type="list_containers"} 1',
    'kubelet_runtime_operations_duration_seconds_sum{operation_type="run_podsandbox"} 2',
  );
});

test('pods and containers, and how long their starts took', async () => {
  const registry = new Registry();
  const containers = [runtimeContainer({ name: 'a' }), runtimeContainer({ name: 'b', exitCode: 0 })];
  const state = joinSandboxes([{ sandbox: runtimeSandbox(), containers }]);
  const pods = { list: () => [{ runtime: { state } }] } as unknown as PodSet;
  const metrics = registerMetrics(registry, () => pods);
  metrics.observeContainersStart(7_000, 4_500);
  // A container that has ended again says nothing of its start.
  metrics.observeContainersStart(Number.NaN, 0);
  for (const what of ['started', 'started', 'failed'] as const) metrics.countUserNamespace(what);
  await has(
    registry,
    'kubelet_running_pods 1',
    'kubelet_running_containers{container_state="running"} 1',
    'kubelet_running_containers{container_state="exited"} 1',
    'kubelet_pod_start_total_duration_seconds_sum 7',
    'kubelet_pod_start_sli_duration_seconds_sum 2.5',
    'kubelet_pod_start_sli_duration_seconds_count 1',
    'kubelet_started_user_namespaced_pods_total 2',
    'kubelet_started_user_namespaced_pods_errors_total 1',
  );
});
