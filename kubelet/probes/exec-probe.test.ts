import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CriClient } from '../../proto/cri-client.ts';
import { createExecProber } from './exec-probe.ts';

test('a command sees the variables that stand in the spec as values', async () => {
  let asked: string[] = [];
  const ExecSync = async ({ cmd }: { cmd: string[] }) => {
    asked = cmd;
    return { exit_code: 0, stdout: Buffer.from('fine'), stderr: Buffer.alloc(0) };
  };
  const env = [
    { name: 'A', value: 'one' },
    { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
  ];
  const pod = { metadata: { name: 'p' }, spec: { containers: [] }, status: {} };
  const target = { pod, container: { name: 'app', env }, containerId: 'c', podIp: '' };
  const probe = { exec: { command: ['test', '$(A)', '$(B)', '$(C)', '$$(A)'] } };
  const result = await createExecProber({ runtime: { ExecSync } } as unknown as CriClient)(probe, target);
  assert.deepEqual(result, { outcome: 'success', output: 'fine' });
  assert.deepEqual(asked, ['test', 'one', '', '$(C)', '$(A)']);
});
