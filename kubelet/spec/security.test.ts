import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { containerSecurity } from './security.ts';

const app = { name: 'app' };
const userNamespace = { mode: 'NODE' } as const;
const podOf = (spec: Partial<Pod['spec']>): Pod => ({
  metadata: { name: 'p', namespace: 'ns', uid: 'u' },
  spec: { containers: [app], ...spec },
  status: {},
});

test('whose processes a container sees', () => {
  const see = (spec: Partial<Pod['spec']>, targetId?: string) =>
    containerSecurity(podOf(spec), app, { seccompDir: '/s', targetId, userNamespace }).namespace_options;
  assert.deepEqual(see({}), { network: 'POD', ipc: 'POD', pid: 'CONTAINER', userns_options: userNamespace });
  assert.equal(see({ shareProcessNamespace: true })?.pid, 'POD');
  assert.equal(see({ hostPID: true })?.pid, 'NODE');
  const { pid, target_id } = see({}, 'id')!;
  assert.deepEqual([pid, target_id], ['TARGET', 'id']);
});
