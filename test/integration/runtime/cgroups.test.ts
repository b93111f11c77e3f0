// Control groups after requests that fail: nothing is made out of our subtree, and what failed leaves no group behind.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { missingForContainers, runPod, sandboxConfig, TestNode, testImage } from './test-node.ts';

describe('control groups of what fails', { skip: missingForContainers(), timeout: 100_000 }, () => {
  let node: TestNode;
  before(async () => {
    node = await TestNode.start();
    await node.importTestImage();
  });
  after(() => node[Symbol.asyncDispose]());

  const runSandbox = (name: string, linux: object) => {
    const base = sandboxConfig(node, name);
    return node.cri.runtime.RunPodSandbox({ config: { ...base, linux: { ...base.linux, ...linux } } });
  };

  test('a parent out of our subtree is refused', async () => {
    for (const cgroup_parent of ['..', '../..', '/../../x', '/kubepods/../../x', 'kubepods-x.slice'])
      await assert.rejects(runSandbox('out', { cgroup_parent }), {
        code: status.INVALID_ARGUMENT,
        details: /invalid cgroup_parent/,
      });
    assert.deepEqual((await node.cri.runtime.ListPodSandbox({})).items, []);
    assert.deepEqual(await node.lastingLeftovers(), []);
  });

  const badSysctls: Record<string, string>[] = [{ 'net.no.such': '1' }, { 'kernel.shm_rmid_forced': 'x' }];
  for (const sysctls of badSysctls)
    test(`a sandbox with ${JSON.stringify(sysctls)} leaves nothing`, async () => {
      for (let round = 0; round < 3; round++) {
        await assert.rejects(runSandbox('sysctl', { sysctls }));
        assert.deepEqual(await node.lastingLeftovers(), []);
      }
    });

  const badResources = {
    'a cpu that is not there': { cpuset_cpus: '9999' },
    'cpus that are no list': { cpuset_cpus: 'x' },
    'memory for nothing': { memory_limit_in_bytes: '4096' },
    'a quota below the least': { cpu_quota: '5', cpu_period: '100000' },
  };
  for (const [name, resources] of Object.entries(badResources))
    test(`a container with ${name} leaves no group, even before it is removed`, async () => {
      await assert.rejects(runPod(node, 'limits', { command: ['true'], linux: { resources } }));
      const { containers } = await node.cri.runtime.ListContainers({});
      for (const { id } of containers) {
        const groups = node.findLeftovers().filter((path) => path.startsWith('/sys/fs/cgroup') && path.endsWith(id));
        assert.deepEqual(groups, []);
      }
      for (const { id } of (await node.cri.runtime.ListPodSandbox({})).items)
        await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id: id });
      assert.deepEqual(await node.lastingLeftovers(), []);
    });

  test('names in limits that are a path are refused, of a new container and of one that runs', async () => {
    const { container_id, pod_sandbox_id } = await runPod(node, 'names', { command: ['sleep', '4242'] });
    const bad = [
      { unified: { '../../x.y': '1' } },
      { unified: { 'cgroup.procs': '1' } },
      { hugepage_limits: [{ page_size: '/../../x', limit: '1' }] },
    ];
    const config = { metadata: { name: 'other', attempt: 0 }, image: { image: testImage }, command: ['true'] };
    for (const resources of bad) {
      const refused = { code: status.INVALID_ARGUMENT, details: /invalid (key|page_size)/ };
      const create = { pod_sandbox_id, config: { ...config, linux: { resources } } };
      await assert.rejects(node.cri.runtime.CreateContainer(create), refused);
      await assert.rejects(node.cri.runtime.UpdateContainerResources({ container_id, linux: resources }), refused);
    }
    await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id });
    assert.deepEqual(await node.lastingLeftovers(), []);
  });

  test('what runs in groups below that of a container goes with it', async () => {
    const version1 = !existsSync('/sys/fs/cgroup/cgroup.controllers');
    const { container_id, pod_sandbox_id } = await runPod(node, 'below', { command: ['sleep', '4242'] });
    const { info } = await node.cri.runtime.ContainerStatus({ container_id, verbose: true });
    const { cgroup, pid } = JSON.parse(info.info!) as { cgroup: string; pid: number };
    const group = `/sys/fs/cgroup${version1 ? '/memory' : ''}${cgroup}`;
    assert.ok(readFileSync(`${group}/cgroup.procs`, 'utf8').split('\n').includes(String(pid)));
    node.run('mkdir', `${group}/below`);
    node.run('sh', '-c', `echo ${pid} > ${group}/below/cgroup.procs`);
    await node.cri.runtime.RemovePodSandbox({ pod_sandbox_id });
    assert.deepEqual(await node.lastingLeftovers(), []);
  });
});
