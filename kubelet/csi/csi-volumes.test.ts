import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { openMounts } from '../../host/mounts.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeCsiNode } from '../../test/builders/csi-driver.ts';
import { CsiVolumes, type CsiWish } from './csi-volumes.ts';
import type { CsiDrivers } from './drivers.ts';
import { foldersBelow } from './volume-data.ts';

const noSecrets = async () => ({});
const wishOf = (volumeHandle: string): CsiWish => ({
  data: { driverName: 'd', volumeHandle },
  capability: {},
  isReadOnly: false,
  context: {},
  publishContext: {},
  stageSecrets: noSecrets,
  publishSecrets: noSecrets,
});

class Killed extends Error {}

/** One node's disk and driver, and kubelets that come and go. */
class Bed {
  readonly rootDir = mkdtempSync(join(tmpdir(), 'k8ts-csi-'));
  readonly fake: FakeCsiNode;
  readonly mounts = openMounts();
  uses = 0;
  #registered: ((name: string) => void) | undefined;

  constructor(t: TestContext, stages = true) {
    this.fake = new FakeCsiNode('d', { stages });
    t.after(async () => {
      await this.mounts.unmountBelow(this.rootDir);
      rmSync(this.rootDir, { recursive: true });
    });
  }

  async kubelet(): Promise<CsiVolumes> {
    const driver = this.fake.asDriver();
    const drivers = {
      find: () => driver,
      get: () => driver,
      onRegistered: (listener: (name: string) => void) => {
        this.#registered = listener;
      },
    } as unknown as CsiDrivers;
    const { rootDir, mounts } = this;
    const volumes = new CsiVolumes({ rootDir, drivers, mounts, log: silentLogger, onUse: () => this.uses++ });
    await volumes.recover();
    return volumes;
  }

  /** The driver makes itself known to the last kubelet. */
  register(): void {
    this.#registered!('d');
  }

  dir(pod: string, name = 'v'): string {
    return join(this.rootDir, 'pods', pod, 'volumes/kubernetes.io~csi', name);
  }

  publish(volumes: CsiVolumes, pod: string, handle = 'h'): Promise<string> {
    mkdirSync(join(this.rootDir, 'pods', pod, 'volumes'), { recursive: true });
    return volumes.publish(this.dir(pod), this.fake.asDriver(), wishOf(handle));
  }

  async stageFolders(): Promise<string[]> {
    return foldersBelow(join(this.rootDir, 'plugins/kubernetes.io/csi'));
  }

  async assertClean(): Promise<void> {
    const { staged, published } = this.fake;
    assert.deepEqual([staged.size, published.size, await this.stageFolders()], [0, 0, []]);
  }
}

describe('CsiVolumes', () => {
  test('a volume is staged once for all pods, and unstaged when the last has gone', async (t) => {
    const bed = new Bed(t);
    const volumes = await bed.kubelet();
    await Promise.all([bed.publish(volumes, 'a'), bed.publish(volumes, 'b'), bed.publish(volumes, 'c', 'other')]);
    assert.deepEqual([bed.fake.staged.size, bed.fake.published.size], [2, 3]);
    assert.deepEqual(
      volumes
        .inUse()
        .map(({ volumeHandle }) => volumeHandle)
        .sort(),
      ['h', 'other'],
    );
    await Promise.all([volumes.unpublish(bed.dir('a')), volumes.unpublish(bed.dir('c'))]);
    assert.deepEqual([...bed.fake.staged.values()], ['h']);
    await volumes.unpublish(bed.dir('b'));
    await volumes.unpublish(bed.dir('b'));
    await bed.assertClean();
    assert.deepEqual([volumes.inUse(), bed.uses], [[], 4]);
    assert.deepEqual(readdirSync(join(bed.rootDir, 'pods/a/volumes/kubernetes.io~csi')), []);
  });

  test('a driver that does not stage is not asked to', async (t) => {
    const bed = new Bed(t, false);
    const volumes = await bed.kubelet();
    await bed.publish(volumes, 'a');
    await volumes.unpublish(bed.dir('a'));
    assert.deepEqual(bed.fake.calls, ['publish', 'unpublish']);
    await bed.assertClean();
  });

  // Every call of the driver, before it has done its work and after: the kubelet is gone at once.
  const kills = ['stage', 'publish', 'unpublish', 'unstage'].flatMap((call) => [
    { call, step: 'before' },
    { call, step: 'after' },
  ]);
  for (const { call, step } of kills) {
    test(`a kubelet killed ${step} ${call} leaves a state from which the next ends the pod, and starts another`, async (t) => {
      const bed = new Bed(t);
      const first = await bed.kubelet();
      bed.fake.disturb = (at, when) => {
        if (at === call && when === step) throw new Killed();
      };
      await bed.publish(first, 'a').catch(() => undefined);
      await first.unpublish(bed.dir('a')).catch(() => undefined);
      bed.fake.disturb = () => undefined;
      const second = await bed.kubelet();
      // Another pod wants it meanwhile: it is never taken away from it.
      await Promise.all([second.unpublish(bed.dir('a')), bed.publish(second, 'b')]);
      assert.deepEqual([...bed.fake.published.keys()], [join(bed.dir('b'), 'mount')]);
      assert.deepEqual([...bed.fake.staged.values()], ['h']);
      await second.unpublish(bed.dir('b'));
      await bed.assertClean();
    });
  }

  test('what was staged for a pod that never came to be is unstaged once the driver is there', async (t) => {
    const bed = new Bed(t);
    const first = await bed.kubelet();
    await bed.publish(first, 'a');
    await bed.publish(first, 'b', 'other');
    rmSync(join(bed.rootDir, 'pods/a'), { recursive: true });
    bed.fake.published.delete(join(bed.dir('a'), 'mount'));
    await bed.kubelet();
    const unstaged = new Promise<void>((resolve) => {
      bed.fake.disturb = (call, step) => {
        if (call === 'unstage' && step === 'after') resolve();
      };
    });
    bed.register();
    await unstaged;
    assert.deepEqual([...bed.fake.staged.values()], ['other']);
  });

  test('a record that cannot be read is an error, and nothing is removed', async (t) => {
    const bed = new Bed(t);
    const volumes = await bed.kubelet();
    await bed.publish(volumes, 'a');
    mkdirSync(join(bed.dir('a'), 'mount'));
    writeFileSync(join(bed.dir('a'), 'mount/mine'), '');
    writeFileSync(join(bed.dir('a'), 'vol_data.json'), '{');
    await assert.rejects(volumes.unpublish(bed.dir('a')), /vol_data.json cannot be read/);
    const next = await bed.kubelet();
    await assert.rejects(next.unpublish(bed.dir('a')), /vol_data.json cannot be read/);
    assert.ok(existsSync(join(bed.dir('a'), 'mount/mine')));
  });

  const skip = process.getuid?.() !== 0 && 'needs root';
  test('a driver that has not unmounted cannot make us delete', { skip }, async (t) => {
    const bed = new Bed(t);
    const volumes = await bed.kubelet();
    await bed.publish(volumes, 'a');
    const [data, target] = [join(bed.rootDir, 'data'), join(bed.dir('a'), 'mount')];
    mkdirSync(data);
    mkdirSync(target);
    writeFileSync(join(data, 'mine'), '');
    await bed.mounts.bind(data, target);
    await assert.rejects(volumes.unpublish(bed.dir('a')), /is still mounted by its driver/);
    assert.deepEqual(readdirSync(data), ['mine']);
    await bed.mounts.unmount(target);
    await volumes.unpublish(bed.dir('a'));
    await bed.assertClean();
    // Nor one that writes into the folder without mounting.
    await bed.publish(volumes, 'b');
    mkdirSync(join(bed.dir('b'), 'mount'));
    writeFileSync(join(bed.dir('b'), 'mount/mine'), '');
    await assert.rejects(volumes.unpublish(bed.dir('b')), { code: 'ENOTEMPTY' });
    assert.ok(existsSync(join(bed.dir('b'), 'mount/mine')));
  });
});
