import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status as RpcStatus } from '@grpc/grpc-js';
import type { CriClient } from '../../proto/cri-client.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import { PodRuntime } from './pod-runtime.ts';

test('of ended containers the newest and the one before are kept, of cut off starts none', async () => {
  let containers = [
    runtimeContainer({ name: 'app', attempt: 0, exitCode: 1 }),
    runtimeContainer({ name: 'app', attempt: 1, exitCode: 1 }),
    runtimeContainer({ name: 'app', attempt: 2, state: 'CONTAINER_CREATED' }),
    runtimeContainer({ name: 'app', attempt: 3, exitCode: 1 }),
    runtimeContainer({ name: 'new', attempt: 0, state: 'CONTAINER_CREATED' }),
  ];
  const runtime = {
    PodSandboxStatus: async () => ({ status: runtimeSandbox(), containers_statuses: containers, timestamp: '1' }),
    RemoveContainer: async ({ container_id }: { container_id: string }) => {
      containers = containers.filter((c) => c.id !== container_id);
    },
  };
  const pod = new PodRuntime({ runtime } as unknown as CriClient, 'u', ['sandbox-0']);
  await pod.refresh();
  await pod.collectGarbage();
  assert.deepEqual(containers.map((c) => c.id).sort(), ['app-1', 'app-3', 'new-0']);
  assert.deepEqual(pod.state.containers.map((c) => c.id).sort(), ['app-1', 'app-3', 'new-0']);
});

test('a runtime whose sandboxes say nothing of their containers is asked for each', async () => {
  const containers = [runtimeContainer({ name: 'app' }), runtimeContainer({ name: 'gone' })];
  const runtime = {
    PodSandboxStatus: async () => ({ status: runtimeSandbox(), containers_statuses: [], timestamp: '0' }),
    ListContainers: async ({ filter }: { filter: unknown }) => {
      assert.deepEqual(filter, { pod_sandbox_id: 'sandbox-0' });
      return { containers };
    },
    ContainerStatus: async ({ container_id }: { container_id: string }) => {
      if (container_id === containers[1]!.id)
        throw Object.assign(new Error('5'), { code: RpcStatus.NOT_FOUND, details: '' });
      return { status: containers[0] };
    },
  };
  const pod = new PodRuntime({ runtime } as unknown as CriClient, 'u', ['sandbox-0']);
  await pod.refresh();
  assert.deepEqual(
    pod.state.containers.map((c) => c.id),
    [containers[0]!.id],
  );
});
