// A pod's volumes that outlive it: followed to their claims, told of when they have to wait, refreshed
// when they ask for it, and given back before anything is removed.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { openMounts } from '../../host/mounts.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import type { KubeletDeps } from '../pods/kubelet-deps.ts';
import { VolumeSync } from '../pods/volume-sync.ts';
import { ClaimError } from './claims.ts';
import { NotYetError, type VolumeContext, type VolumePlugin } from './plugin.ts';
import { PodVolumes, type VolumeDeps } from './pod-volumes.ts';

const addresses = { podIps: [], hostIps: [] };
const pod: Pod = {
  metadata: { name: 'p', namespace: 'default', uid: 'uid' },
  spec: { containers: [], volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
  status: {},
};
const bound = {
  claim: { metadata: { name: 'c', namespace: 'default' }, spec: {}, status: {} },
  pv: { metadata: { name: 'pv' }, spec: { csi: { driver: 'd', volumeHandle: 'h' } }, status: {} },
};

class Bed {
  readonly dir = mkdtempSync(join(tmpdir(), 'k8ts-claims-'));
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  readonly seen: VolumeContext[] = [];
  readonly volumes: PodVolumes;
  readonly sync: VolumeSync;
  claimOf: () => Promise<unknown> = async () => bound;
  work: (context: VolumeContext) => void = () => undefined;
  tearDown: (diskDir: string) => void = (diskDir) => rmSync(diskDir, { recursive: true });

  constructor(t: TestContext) {
    t.after(() => rmSync(this.dir, { recursive: true }));
    const plugin: VolumePlugin = {
      name: 'fake',
      handles: ({ pv }) => pv !== undefined,
      isLive: false,
      isReadOnly: false,
      setUp: async (context) => {
        this.seen.push(context);
        this.work(context);
        mkdirSync(context.diskDir, { recursive: true });
        return context.diskDir;
      },
      tearDown: async (diskDir) => this.tearDown(diskDir),
      measure: async () => ({ usedBytes: 7 }),
    };
    const deps = {
      podsDir: join(this.dir, 'pods'),
      memoryDir: join(this.dir, 'memory'),
      plugins: [plugin],
      claimOf: () => this.claimOf(),
      node: () => undefined,
      mounts: openMounts(),
      clock: this.clock,
      allocatable: () => ({}),
    } as unknown as VolumeDeps;
    this.volumes = new PodVolumes(deps, 'uid');
    const events = {
      event: (_target: never, type: string, reason: string, message: string) =>
        this.told.push(`${type} ${reason} ${message}`),
    };
    this.sync = new VolumeSync({ clock: this.clock, events } as unknown as KubeletDeps, this.volumes);
  }

  look() {
    return this.sync.sync(pod, addresses);
  }
}

describe('volumes of claims', () => {
  test('a claim that is not bound is told of, and taken as soon as it is', async (t) => {
    const bed = new Bed(t);
    bed.claimOf = async () => Promise.reject(new ClaimError('error processing PVC default/c: PVC is not bound'));
    assert.deepEqual(await bed.look(), { isReady: false, wakeAfterMs: 500 });
    assert.deepEqual(await bed.look(), { isReady: false, wakeAfterMs: 1_000 });
    assert.equal(
      bed.told[0],
      'Warning FailedMount Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[], failed to process volumes=[v]: error processing PVC default/c: PVC is not bound',
    );
    bed.claimOf = async () => bound;
    assert.deepEqual(await bed.look(), { isReady: true, wakeAfterMs: undefined });
    const [context] = bed.seen;
    assert.equal(context!.diskDir, join(bed.dir, 'pods/uid/volumes/fake/pv'));
    assert.deepEqual(await bed.volumes.measureClaims(), [
      { name: 'v', claim: { namespace: 'default', name: 'c' }, usedBytes: 7 },
    ]);
  });

  test('who waits for an attachment looks often, and tells when that has taken two minutes', async (t) => {
    const bed = new Bed(t);
    bed.work = () => {
      throw new NotYetError('not attached');
    };
    for (let i = 0; i < 5; i++) await bed.look();
    assert.deepEqual([await bed.look(), bed.told], [{ isReady: false, wakeAfterMs: 2_000 }, []]);
    await bed.clock.advance(123_000);
    await bed.look();
    assert.deepEqual(bed.told, [
      'Warning FailedMount Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[v], failed to process volumes=[]: context deadline exceeded',
    ]);
  });

  test('a volume that asks for it is set up again, also when its claim cannot be read', async (t) => {
    const bed = new Bed(t);
    bed.work = ({ refreshAfter }) => refreshAfter(60_000);
    assert.deepEqual(await bed.look(), { isReady: true, wakeAfterMs: 60_000 });
    await bed.clock.advance(30_000);
    assert.deepEqual(await bed.look(), { isReady: true, wakeAfterMs: 30_000 });
    assert.equal(bed.seen.length, 1);
    bed.claimOf = async () => Promise.reject(new Error('the API server is away'));
    await bed.clock.advance(30_000);
    assert.deepEqual(await bed.look(), { isReady: true, wakeAfterMs: 60_000 });
    assert.deepEqual([bed.seen.length, bed.told], [2, []]);
    // What fails is tried again, and stays as it is meanwhile.
    bed.work = () => {
      throw new Error('driver away');
    };
    await bed.clock.advance(60_000);
    assert.deepEqual(await bed.look(), { isReady: true, wakeAfterMs: 30_000 });
    assert.deepEqual(bed.told, ['Warning FailedMount MountVolume.SetUp failed for volume "pv" : driver away']);
  });

  test('nothing is removed before it has been given back', async (t) => {
    const bed = new Bed(t);
    await bed.look();
    const { path } = bed.volumes.ready.get('v')!;
    writeFileSync(join(path, 'mine'), '');
    const gives = bed.tearDown;
    bed.tearDown = () => {
      throw new Error('driver away');
    };
    await assert.rejects(bed.volumes.tearDown(), /driver away/);
    assert.ok(existsSync(join(path, 'mine')));
    bed.tearDown = gives;
    await bed.volumes.tearDown();
    assert.equal(existsSync(join(bed.dir, 'pods/uid')), false);
    await bed.volumes.tearDown();
  });

  test('a mount that nobody knows of is taken off, and what it shows stays', {
    skip: process.getuid?.() !== 0 && 'needs root',
  }, async (t) => {
    const bed = new Bed(t);
    await bed.look();
    const [data, target] = [join(bed.dir, 'data'), join(bed.dir, 'pods/uid/volumes/other/x')];
    for (const dir of [data, target]) mkdirSync(dir, { recursive: true });
    writeFileSync(join(data, 'mine'), '');
    await openMounts().bind(data, target);
    await bed.volumes.tearDown();
    assert.deepEqual([existsSync(join(bed.dir, 'pods/uid')), existsSync(join(data, 'mine'))], [false, true]);
  });
});
