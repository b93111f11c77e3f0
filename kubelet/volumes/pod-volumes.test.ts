import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { openMounts } from '../../host/mounts.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { createVolumePlugins } from './index.ts';
import { PodVolumes, type VolumeDeps } from './pod-volumes.ts';

const addresses = { podIps: [], hostIps: [] };

describe('PodVolumes', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-volumes-'));
  after(() => rmSync(dir, { recursive: true, force: true }));

  const setUp = (uid: string, volumes: Pod['spec']['volumes'], more: Partial<VolumeDeps> = {}) => {
    const deps = {
      podsDir: join(dir, 'pods'),
      plugins: createVolumePlugins(openMounts()),
      memoryDir: join(dir, 'memory'),
      clock: new FakeClock(),
      allocatable: () => ({}),
      ...more,
    } as VolumeDeps;
    const pod: Pod = { metadata: { name: 'p', namespace: 'ns', uid }, spec: { containers: [], volumes }, status: {} };
    return { pod, deps, volumes: new PodVolumes(deps, uid) };
  };

  test('a token that could not be renewed is asked for again', async () => {
    const clock = new FakeClock();
    let isAway = false;
    const tokens = {
      get: async () => {
        if (isAway) throw new Error('the API server is away');
        return { value: `token-${clock.now()}`, refreshAtMs: clock.now() + 3_600_000 };
      },
    } as unknown as VolumeDeps['tokens'];
    const source = { sources: [{ serviceAccountToken: { path: 'token' } }] };
    const { pod, volumes } = setUp('t', [{ name: 'token', projected: source }], { clock, tokens });
    assert.deepEqual(await volumes.setUp(pod), []);
    const path = join(volumes.ready.get('token')!.path, 'token');
    const before = readFileSync(path, 'utf8');
    isAway = true;
    assert.equal((await volumes.refresh(pod, addresses)).length, 1);
    assert.equal(readFileSync(path, 'utf8'), before);
    assert.equal(volumes.refreshAtMs - clock.now(), 30_000);
    isAway = false;
    await clock.advance(30_000);
    assert.deepEqual(await volumes.refresh(pod, addresses), []);
    assert.notEqual(readFileSync(path, 'utf8'), before);
    assert.equal(volumes.refreshAtMs - clock.now(), 3_600_000);
  });

  const ownerships = [
    { name: 'nobody in particular', users: [undefined], uid: 0, mode: 0o644 },
    { name: 'the one user of all containers', users: [1000, 1000], uid: 1000, mode: 0o600 },
    { name: 'the pod’s user where a container names none', podUser: 7, users: [undefined, 7], uid: 7, mode: 0o600 },
    { name: 'nobody when the users differ', podUser: 7, users: [undefined, 8], uid: 0, mode: 0o644 },
    { name: 'the group of the volumes', users: [undefined], fsGroup: 9, uid: 0, gid: 9, mode: 0o640 },
    { name: 'user and group', podUser: 7, users: [undefined], fsGroup: 9, uid: 7, gid: 9, mode: 0o640 },
  ];
  for (const [i, { name, podUser, users, fsGroup, uid, gid = 0, mode }] of ownerships.entries()) {
    const skip = process.getuid?.() !== 0 && (uid !== 0 || gid !== 0) ? 'needs root' : false;
    test(`a token belongs to ${name}`, { skip }, async () => {
      const tokens = { get: async () => ({ value: 'x', refreshAtMs: 1e9 }) } as unknown as VolumeDeps['tokens'];
      const source = { sources: [{ serviceAccountToken: { path: 'token' } }] };
      const { pod, volumes } = setUp(`o${i}`, [{ name: 'token', projected: source }], { tokens });
      pod.spec.securityContext = { runAsUser: podUser, fsGroup };
      pod.spec.containers = users.map((runAsUser, n) => ({ name: `c${n}`, securityContext: { runAsUser } }));
      assert.deepEqual(await volumes.setUp(pod), []);
      const found = statSync(join(volumes.ready.get('token')!.path, 'token'));
      assert.deepEqual([found.uid, found.gid, found.mode & 0o777], [uid, gid, mode]);
    });
  }

  test('a restarted kubelet leaves an emptyDir as the pod has made it', async () => {
    const { pod, deps, volumes } = setUp('e', [{ name: 'data', emptyDir: {} }]);
    assert.deepEqual(await volumes.setUp(pod), []);
    const { path } = volumes.ready.get('data')!;
    assert.equal(statSync(path).mode & 0o7777, 0o777);
    chmodSync(path, 0o700);
    const next = new PodVolumes(deps, 'e');
    assert.deepEqual(await next.setUp(pod), []);
    assert.equal(statSync(path).mode & 0o7777, 0o700);
  });
});
