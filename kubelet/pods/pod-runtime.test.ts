import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CriClient } from '../../proto/cri-client.ts';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import { PodRuntime } from './pod-runtime.ts';

test('of ended containers the newest and the one before are kept, of cut off starts none', async () => {
  let containers = [
    runtimeContainer({ name: 'app', attempt: 0, exitCode: 1 }),
    runtimeContainer({ name: 'app', attempt: 1, exitCode: 1 }),
    runtimeContainer({ name: 'app', attempt: 2, created: true }),
    runtimeContainer({ name: 'app', attempt: 3, exitCode: 1 }),
    runtimeContainer({ name: 'new', attempt: 0, created: true }),
  ];
  const runtime = {
    PodSandboxStatus: async () => ({ status: runtimeSandbox(), containers_statuses: containers }),
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
