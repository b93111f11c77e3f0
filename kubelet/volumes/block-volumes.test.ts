// Volumes that containers get as devices: which plugins have any, and what the runtime is asked for.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { openMounts } from '../../host/mounts.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { buildDevices } from '../spec/mounts.ts';
import { createVolumePlugins } from './index.ts';
import { PodVolumes, type VolumeDeps } from './pod-volumes.ts';

/** Whoever runs this may have no device to open. */
const needsDevice = (() => {
  try {
    closeSync(openSync('/dev/loop0', 'r'));
    return process.getuid?.() !== 0 && 'needs root';
  } catch (err) {
    return (err as Error).message;
  }
})();
const container = { name: 'c', volumeDevices: [{ name: 'v', devicePath: '/dev/data' }] };

/** The volumes of a pod whose claim stands for a block volume of that source. */
function volumesOf(t: TestContext, source: (dir: string) => object, claim: object = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-block-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'default', uid: 'uid' },
    spec: {
      containers: [container],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c', ...claim } }],
      securityContext: { fsGroup: 2000 },
    },
    status: {},
  };
  const mounts = openMounts();
  const pv = { metadata: { name: 'pv' }, spec: { volumeMode: 'Block', ...source(dir) } };
  const volumes = new PodVolumes(
    {
      podsDir: join(dir, 'pods'),
      memoryDir: join(dir, 'memory'),
      plugins: createVolumePlugins(mounts),
      claimOf: async () => ({ claim: { metadata: { name: 'c' } }, pv }),
      node: () => undefined,
      mounts,
      clock: new FakeClock(),
      allocatable: () => ({}),
    } as unknown as VolumeDeps,
    'uid',
  );
  return { volumes, setUp: () => volumes.setUp(pod) };
}

function makeDevice(dir: string): string {
  const path = join(dir, 'disk');
  execFileSync('mknod', ['-m', '600', path, 'b', '7', '0']);
  return path;
}

const refused = (why: string, step = 'MapPodDevice') => [
  { reason: 'FailedMapVolume', message: `MapVolume.${step} failed for volume "pv" : ${why}`, isWaiting: false },
];

describe('block volumes', () => {
  for (const [readOnly, permissions] of [
    [false, 'mrw'],
    [true, 'r'],
  ] as const) {
    test(`a local one is the node's device, with ${permissions}`, { skip: needsDevice }, async (t) => {
      let path = '';
      const source = (dir: string) => {
        path = makeDevice(dir);
        return { local: { path } };
      };
      const { volumes, setUp } = volumesOf(t, source, { readOnly });
      assert.deepEqual(await setUp(), []);
      assert.deepEqual(buildDevices(container, { volumes: volumes.ready }), [
        { container_path: '/dev/data', host_path: path, permissions },
      ]);
      await volumes.tearDown();
      assert.throws(() => buildDevices(container, { volumes: volumes.ready }), /volume "v" is not mapped/);
    });
  }

  test('what is no device is refused', async (t) => {
    let path = '';
    const { setUp } = volumesOf(t, (dir) => {
      path = join(dir, 'file');
      writeFileSync(path, '');
      return { local: { path } };
    });
    assert.deepEqual(await setUp(), refused(`path "${path}" is not a block device`));
  });

  test('a source that has none is refused', async (t) => {
    const { setUp } = volumesOf(t, (path) => ({ hostPath: { path } }));
    assert.deepEqual(await setUp(), refused('a volume of hostPath cannot be a block device', 'FindMapperPluginBySpec'));
  });
});
