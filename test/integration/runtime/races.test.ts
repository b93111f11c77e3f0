// Calls about the same thing at the same time, and a runtime that is killed in the midst of one: in
// the end a thing is there as a whole or not at all, and nothing is left behind (the node checks
// that when it is disposed of).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { missingForContainers, sandboxConfig, TestNode, testImage } from './test-node.ts';

const succeeded = (results: readonly PromiseSettledResult<unknown>[]) => results.map((r) => r.status === 'fulfilled');
const sleepForever = { command: ['sleep', '4242'], image: { image: testImage } };

describe('calls at the same time', { skip: missingForContainers(), timeout: 100_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const runSandbox = async (name: string) => {
    const config = sandboxConfig(node, name);
    const { pod_sandbox_id } = await node.cri.runtime.RunPodSandbox({ config });
    const create = () =>
      node.cri.runtime.CreateContainer({
        pod_sandbox_id,
        sandbox_config: config,
        config: { metadata: { name: 'main', attempt: 0 }, ...sleepForever },
      });
    return { pod_sandbox_id, create };
  };

  test('of two containers of one name one is made', async () => {
    const { create, pod_sandbox_id } = await runSandbox('twins');
    const results = await Promise.allSettled([create(), create()]);
    assert.deepEqual(succeeded(results).sort(), [false, true]);
    const { containers } = await node.cri.runtime.ListContainers({ filter: { pod_sandbox_id } });
    assert.equal(containers.length, 1);
  });

  test('a container is not made in a sandbox that is being removed', async () => {
    for (let round = 0; round < 5; round++) {
      const { create, pod_sandbox_id } = await runSandbox(`going-${round}`);
      await Promise.allSettled([create(), node.cri.runtime.RemovePodSandbox({ pod_sandbox_id })]);
      const { containers } = await node.cri.runtime.ListContainers({ filter: { pod_sandbox_id } });
      assert.deepEqual(containers, []);
    }
  });

  test('a container is not started in a sandbox that is being stopped', async () => {
    for (let round = 0; round < 5; round++) {
      const { create, pod_sandbox_id } = await runSandbox(`stopping-${round}`);
      const { container_id } = await create();
      const started = node.cri.runtime.StartContainer({ container_id });
      await new Promise((resolve) => setTimeout(resolve, 10 * round));
      await Promise.allSettled([started, node.cri.runtime.StopPodSandbox({ pod_sandbox_id })]);
      const { status } = await node.cri.runtime.ContainerStatus({ container_id });
      assert.notEqual(status!.state, 'CONTAINER_RUNNING');
    }
  });

  test('an image is not removed while a container is made of it', async () => {
    for (let round = 0; round < 3; round++) {
      const { create, pod_sandbox_id } = await runSandbox(`image-${round}`);
      for (const { id } of (await node.cri.runtime.ListContainers({})).containers)
        await node.cri.runtime.RemoveContainer({ container_id: id });
      const results = await Promise.allSettled([
        create(),
        node.cri.images.RemoveImage({ image: { image: testImage } }),
      ]);
      assert.notDeepEqual(succeeded(results), [true, true]);
      await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id });
      await node.importTestImage();
    }
  });

  test('killed at any moment, the next runtime has all of a pod or none, and can remove it', async () => {
    for (let round = 0; round < 8; round++) {
      const making = runSandbox(`killed-${round}`).then(async ({ create }) => {
        const { container_id } = await create();
        await node.cri.runtime.StartContainer({ container_id });
      });
      making.catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 15 * round));
      await node.stopRuntime('SIGKILL');
      await making.catch(() => undefined);
      await node.startRuntime();
      const { items } = await node.cri.runtime.ListPodSandbox({
        filter: { label_selector: { test: `killed-${round}` } },
      });
      for (const { id, state } of items) {
        assert.equal(state, 'SANDBOX_READY');
        const { containers } = await node.cri.runtime.ListContainers({ filter: { pod_sandbox_id: id } });
        for (const c of containers.filter((c) => c.state === 'CONTAINER_CREATED'))
          await node.cri.runtime.StartContainer({ container_id: c.id });
        await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id: id });
      }
    }
    const names = (await node.cri.runtime.ListPodSandbox({})).items.map((s) => s.metadata?.name ?? '');
    assert.ok(!names.some((name) => name.startsWith('killed')));
  });
});
