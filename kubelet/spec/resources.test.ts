import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { containerResources } from './resources.ts';
import { podResources } from './sandbox-config.ts';

const node = { memoryBytes: 1 << 30, containerFiles: { 'memory.oom.group': '1' } };
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
    container: { cpu_shares: '256', cpu_quota: '50000', memory_limit_in_bytes: '67108864', oom_score_adj: '968' },
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
