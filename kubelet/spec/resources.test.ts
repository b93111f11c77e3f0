import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { containerResources } from './resources.ts';
import { podResources } from './sandbox-config.ts';

const node = { memoryBytes: 1 << 30, hugePages: {}, containerFiles: { 'memory.oom.group': '1' } };
const podOf = (requests?: Record<string, string>, limits?: Record<string, string>): Pod => ({
  metadata: { name: 'p' },
  spec: {
    containers: [{ name: 'c', resources: { ...(requests ? { requests } : {}), ...(limits ? { limits } : {}) } }],
  },
  status: {},
});

const cases: { name: string; pod: Pod; container: object; group: object }[] = [
  {
    name: 'burstable',
    pod: podOf({ cpu: '250m', memory: '32Mi' }, { cpu: '500m', memory: '64Mi' }),
    container: { cpu_shares: '256', cpu_quota: '50000', memory_limit_in_bytes: '67108864', oom_score_adj: '969' },
    group: { cpu_shares: '256', cpu_quota: '50000', memory_limit_in_bytes: '67108864' },
  },
  {
    name: 'guaranteed',
    pod: podOf({ cpu: '100m', memory: '16Mi' }, { cpu: '100m', memory: '16Mi' }),
    container: { cpu_shares: '102', cpu_quota: '10000', memory_limit_in_bytes: '16777216', oom_score_adj: '-997' },
    group: { cpu_shares: '102', cpu_quota: '10000', memory_limit_in_bytes: '16777216' },
  },
  {
    name: 'best effort',
    pod: podOf(),
    container: { cpu_shares: '2', oom_score_adj: '1000' },
    group: { cpu_shares: '2', cpu_quota: '-1' },
  },
];

/** A pod that asks and is limited as a whole, with a container that has a part of that, one that has none, and a sidecar. */
const whole: Pod = {
  metadata: { name: 'p' },
  spec: {
    resources: { requests: { cpu: '1', memory: '128Mi' }, limits: { cpu: '2', memory: '256Mi' } },
    initContainers: [{ name: 's', restartPolicy: 'Always', resources: { requests: { memory: '8Mi' } } }],
    containers: [
      { name: 'a', resources: { requests: { cpu: '100m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } } },
      { name: 'b', resources: { requests: { memory: '16Mi' } } },
    ],
  },
  status: {},
};

describe('resources of a pod as a whole', () => {
  const valuesOf = (name: string) => {
    const container = [...whole.spec.containers!, ...whole.spec.initContainers!].find((c) => c.name === name)!;
    const { cpu_shares, cpu_quota, memory_limit_in_bytes, oom_score_adj } = containerResources(whole, container, node);
    return [cpu_shares, cpu_quota, memory_limit_in_bytes, oom_score_adj];
  };

  test('are its group’s, and the limits of containers that have none', () => {
    const { cpu_shares, cpu_quota, memory_limit_in_bytes } = podResources(whole);
    assert.deepEqual([cpu_shares, cpu_quota, memory_limit_in_bytes], ['1024', '200000', String(256 << 20)]);
    assert.deepEqual(valuesOf('a').slice(0, 3), ['102', '50000', String(64 << 20)]);
    assert.deepEqual(valuesOf('b').slice(0, 3), ['2048', '200000', String(256 << 20)]);
  });

  test('what nobody in it asks for counts for each of its containers when memory runs out', () => {
    // Of 128 MiB 56 are asked for by containers: 24 more for each of three, of a node with 1 GiB.
    assert.deepEqual(
      ['a', 'b', 's'].map((name) => valuesOf(name)[3]),
      ['946', '961', '961'],
    );
  });

  test('a runtime class adds what it costs to the group', () => {
    const overhead = { cpu: '250m', memory: '16Mi' };
    const { cpu_shares, cpu_quota, memory_limit_in_bytes } = podResources({
      ...whole,
      spec: { ...whole.spec, overhead },
    });
    assert.deepEqual([cpu_shares, cpu_quota, memory_limit_in_bytes], ['1280', '225000', String(272 << 20)]);
  });
});

test('of the sizes of huge pages of the node a container gets what it asks for, and none of the others', () => {
  const pod = podOf({ 'hugepages-2Mi': '4Mi' }, { 'hugepages-2Mi': '4Mi' });
  const hugePages = { '1Gi': 1 << 30, '2Mi': 0 };
  assert.deepEqual(containerResources(pod, pod.spec.containers[0]!, { ...node, hugePages }).hugepage_limits, [
    { page_size: '1GB', limit: '0' },
    { page_size: '2MB', limit: String(4 << 20) },
  ]);
});

test('of critical pods only those of the node are spared when memory runs out', () => {
  const scoreOf = (priorityClassName: string, priority: number) => {
    const pod = podOf();
    Object.assign(pod.spec, { priorityClassName, priority });
    return containerResources(pod, pod.spec.containers[0]!, node).oom_score_adj;
  };
  assert.equal(scoreOf('system-node-critical', 2_000_001_000), '-997');
  assert.equal(scoreOf('system-cluster-critical', 2_000_000_000), '1000');
});

describe('resources as control group values', () => {
  for (const { name, pod, container, group } of cases) {
    test(name, () => {
      const limit =
        'memory_limit_in_bytes' in container ? { memory_swap_limit_in_bytes: container.memory_limit_in_bytes } : {};
      const rest = { cpu_period: '100000', hugepage_limits: [], unified: { 'memory.oom.group': '1' } };
      assert.deepEqual(containerResources(pod, pod.spec.containers[0]!, node), { ...rest, ...limit, ...container });
      assert.deepEqual(podResources(pod), { cpu_period: '100000', ...group });
    });
  }
});
