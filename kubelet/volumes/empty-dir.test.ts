import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { emptyDirPlugin } from './empty-dir.ts';
import type { VolumeContext } from './plugin.ts';

test('an emptyDir in memory has no more room than its limit, its pod and the node give', async () => {
  const limited = { limits: { memory: '64Mi' } };
  const rows: [what: string, sizeLimit: string | undefined, spec: Partial<Pod['spec']>, size: number | undefined][] = [
    ['the node', undefined, { containers: [{ name: 'a' }] }, 1024],
    ['the volume', '100Mi', { containers: [{ name: 'a' }] }, 100],
    ['a limit beyond the node', '2Gi', { containers: [{ name: 'a' }] }, 1024],
    ['no limit at all', '0', { containers: [{ name: 'a' }] }, 1024],
    ['the pod', '100Mi', { containers: [{ name: 'a', resources: limited }] }, 64],
    ['one container without a limit', '100Mi', { containers: [{ name: 'a', resources: limited }, { name: 'b' }] }, 100],
    ['the pod as a whole', undefined, { containers: [{ name: 'a' }], resources: limited }, 64],
  ];
  for (const [what, sizeLimit, spec, size] of rows) {
    const asked: string[] = [];
    const mounts = { tmpfs: async (_: string, options: string) => void asked.push(options) };
    const emptyDir = { medium: 'Memory', ...(sizeLimit ? { sizeLimit } : {}) };
    const pod = { metadata: {}, spec, status: {} };
    const context = { volume: { name: 'v', emptyDir }, pod, mounts, diskDir: '/none', allocatable: { memory: '1Gi' } };
    await emptyDirPlugin.setUp(context as unknown as VolumeContext);
    assert.deepEqual(asked, [`mode=1777,size=${size! * 1024 * 1024}`], what);
  }
});
