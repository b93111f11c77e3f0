// What the storage interface demands of every driver, asked of ours through its socket: the checks
// of csi-sanity, written anew from the specification.
// https://github.com/container-storage-interface/spec/blob/master/spec.md
import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { openMounts } from '../../host/mounts.ts';
import { realClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { VolumeCapability } from '../../proto/csi.gen.ts';
import { type CsiClient, connectCsi } from '../../proto/csi-client.ts';
import type { Init } from '../../proto/message.ts';
import { startDriver } from './driver.ts';

const skip = process.getuid?.() !== 0 && 'needs root';
const gib = 1 << 30;
const mount: Init<VolumeCapability> = { access_mode: { mode: 'SINGLE_NODE_WRITER' }, mount: {} };
const block: Init<VolumeCapability> = { access_mode: { mode: 'SINGLE_NODE_WRITER' }, block: {} };
const long = 'x'.repeat(129);
const node = 'topology.hostpath.csi.k8ts.io/node';

describe('the storage driver', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-driver-'));
  const mounts = openMounts();
  let driver: Awaited<ReturnType<typeof startDriver>>;
  let csi: CsiClient;

  const start = async () => {
    driver = await startDriver({
      dir: join(dir, 'data'),
      socketDir: join(dir, 'plugins'),
      registryDir: join(dir, 'registry'),
      nodeName: 'n1',
      version: 'v1',
      mounts,
      clock: realClock,
      log: silentLogger,
    });
    csi = connectCsi(driver.socket);
  };
  const stop = () => {
    csi.close();
    driver.stop();
  };
  before(start);
  after(async () => {
    stop();
    await mounts.unmountBelow(dir);
    rmSync(dir, { recursive: true });
  });

  const create = async (name: string, more: object = {}) =>
    (await csi.controller.CreateVolume({ name, volume_capabilities: [mount], ...more })).volume!;
  const dataOf = (id: string) => join(dir, 'data/volumes', id, 'data');
  const target = (name: string) => join(dir, 'pods', name, 'mount');
  const publish = (volume_id: string, name: string, more: object = {}) =>
    csi.node.NodePublishVolume({ volume_id, target_path: target(name), volume_capability: mount, ...more });

  test('tells who it is, where it is, and what it can do', async () => {
    const { name, vendor_version } = await csi.identity.GetPluginInfo({});
    assert.deepEqual([name, vendor_version], ['hostpath.csi.k8ts.io', 'v1']);
    assert.equal((await csi.identity.Probe({})).ready?.value, true);
    const services = (await csi.identity.GetPluginCapabilities({})).capabilities;
    assert.ok(services.some((c) => c.service?.type === 'CONTROLLER_SERVICE'));
    const info = await csi.node.NodeGetInfo({});
    assert.deepEqual([info.node_id, info.accessible_topology?.segments], ['n1', { [node]: 'n1' }]);
    // What it says it can do it does; what it does not say, it refuses as not implemented.
    const can = new Set((await csi.controller.ControllerGetCapabilities({})).capabilities.map((c) => c.rpc?.type));
    assert.ok(can.has('CREATE_DELETE_VOLUME') && can.has('CLONE_VOLUME') && !can.has('PUBLISH_UNPUBLISH_VOLUME'));
    await assert.rejects(csi.controller.ControllerPublishVolume({ volume_id: 'x', node_id: 'n1' }), {
      code: status.UNIMPLEMENTED,
    });
    await assert.rejects(csi.node.NodeStageVolume({ volume_id: 'x' }), { code: status.UNIMPLEMENTED });
  });

  describe('refuses', () => {
    const id = 'volume-of-refusals';
    before(() => create(id, { capacity_range: { required_bytes: String(gib) } }));
    const caps = { volume_capabilities: [mount] };
    const at = () => target('refused');
    const table: [string, number, () => Promise<unknown>][] = [
      ['a volume without a name', 3, () => csi.controller.CreateVolume(caps)],
      ['a name that is too long', 3, () => csi.controller.CreateVolume({ name: long, ...caps })],
      ['a volume without capabilities', 3, () => csi.controller.CreateVolume({ name: 'r1' })],
      ['a block device', 3, () => csi.controller.CreateVolume({ name: 'r1', volume_capabilities: [block] })],
      [
        'a file system of its own',
        3,
        () => create('r1', { volume_capabilities: [{ ...mount, mount: { fs_type: 'xfs' } }] }),
      ],
      ['a size over its limit', 11, () => create('r1', { capacity_range: { required_bytes: '2', limit_bytes: '1' } })],
      [
        'a size beyond all disks',
        11,
        () => create('r1', { capacity_range: { required_bytes: '9223372036854775807' } }),
      ],
      ['a negative size', 3, () => create('r1', { capacity_range: { required_bytes: '-1' } })],
      [
        'a place it is not at',
        8,
        () => create('r1', { accessibility_requirements: { requisite: [{ segments: { [node]: 'n2' } }] } }),
      ],
      ['another size under a known name', 6, () => create(id, { capacity_range: { required_bytes: String(2 * gib) } })],
      [
        'another source under a known name',
        6,
        () => create(id, { volume_content_source: { volume: { volume_id: 'other' } } }),
      ],
      [
        'to copy a volume that is not there',
        5,
        () => create('r1', { volume_content_source: { volume: { volume_id: 'none' } } }),
      ],
      [
        'to copy a snapshot that is not there',
        5,
        () => create('r1', { volume_content_source: { snapshot: { snapshot_id: 'none' } } }),
      ],
      [
        'to copy into something smaller',
        11,
        () =>
          create('r1', { capacity_range: { limit_bytes: '9' }, volume_content_source: { volume: { volume_id: id } } }),
      ],
      ['to delete without an id', 3, () => csi.controller.DeleteVolume({})],
      ['to validate without an id', 3, () => csi.controller.ValidateVolumeCapabilities(caps)],
      ['to validate nothing', 3, () => csi.controller.ValidateVolumeCapabilities({ volume_id: id })],
      [
        'to validate what is not there',
        5,
        () => csi.controller.ValidateVolumeCapabilities({ volume_id: 'none', ...caps }),
      ],
      ['a page that begins nowhere', 10, () => csi.controller.ListVolumes({ starting_token: 'no-token' })],
      ['a page of less than nothing', 3, () => csi.controller.ListVolumes({ max_entries: -1 })],
      ['to show what is not there', 5, () => csi.controller.ControllerGetVolume({ volume_id: 'none' })],
      [
        'to expand without an id',
        3,
        () => csi.controller.ControllerExpandVolume({ capacity_range: { required_bytes: '1' } }),
      ],
      ['to expand without a size', 3, () => csi.controller.ControllerExpandVolume({ volume_id: id })],
      [
        'to expand what is not there',
        5,
        () => csi.controller.ControllerExpandVolume({ volume_id: 'none', capacity_range: { required_bytes: '1' } }),
      ],
      ['a snapshot without a name', 3, () => csi.controller.CreateSnapshot({ source_volume_id: id })],
      ['a snapshot of nothing', 3, () => csi.controller.CreateSnapshot({ name: 's' })],
      [
        'a snapshot of what is not there',
        5,
        () => csi.controller.CreateSnapshot({ name: 's', source_volume_id: 'none' }),
      ],
      ['to delete a snapshot without an id', 3, () => csi.controller.DeleteSnapshot({})],
      [
        'to publish without an id',
        3,
        () => csi.node.NodePublishVolume({ target_path: at(), volume_capability: mount }),
      ],
      ['to publish nowhere', 3, () => csi.node.NodePublishVolume({ volume_id: id, volume_capability: mount })],
      [
        'to publish at a relative path',
        3,
        () => csi.node.NodePublishVolume({ volume_id: id, target_path: 'x', volume_capability: mount }),
      ],
      ['to publish without a capability', 3, () => csi.node.NodePublishVolume({ volume_id: id, target_path: at() })],
      [
        'to publish what is not there',
        5,
        () => csi.node.NodePublishVolume({ volume_id: 'none', target_path: at(), volume_capability: mount }),
      ],
      ['to unpublish without an id', 3, () => csi.node.NodeUnpublishVolume({ target_path: at() })],
      ['to unpublish nowhere', 3, () => csi.node.NodeUnpublishVolume({ volume_id: id })],
      ['to measure without an id', 3, () => csi.node.NodeGetVolumeStats({ volume_path: '/' })],
      ['to measure nowhere', 3, () => csi.node.NodeGetVolumeStats({ volume_id: id })],
      ['to measure what is not there', 5, () => csi.node.NodeGetVolumeStats({ volume_id: 'none', volume_path: '/' })],
      ['to measure where it is not', 5, () => csi.node.NodeGetVolumeStats({ volume_id: id, volume_path: '/none' })],
      [
        'an ephemeral volume that leaves the folder',
        3,
        () => publish('../../x', 'refused', { volume_context: { 'csi.storage.k8s.io/ephemeral': 'true' } }),
      ],
    ];
    for (const [name, code, call] of table) test(name, () => assert.rejects(call(), { code }));

    test('and has made nothing', async () => {
      assert.deepEqual(readdirSync(join(dir, 'data/unfinished')), []);
      assert.equal(existsSync(dataOf('r1')), false);
      assert.equal(existsSync(at()), false);
    });
  });

  test('making and deleting are repeatable, and sizes are kept', async () => {
    const range = { capacity_range: { required_bytes: String(3 * gib), limit_bytes: String(4 * gib) } };
    const made = await create('pvc-1', range);
    assert.deepEqual([made.volume_id, made.capacity_bytes], ['pvc-1', String(3 * gib)]);
    assert.deepEqual(made.accessible_topology, [{ segments: { [node]: 'n1' } }]);
    assert.deepEqual(await create('pvc-1', range), made);
    const both = await Promise.all([create('pvc-2'), create('pvc-2')]);
    assert.equal(both[0].volume_id, both[1].volume_id);
    const odd = await create('../Wide Name');
    assert.match(odd.volume_id, /^x-[0-9a-f]{40}$/);
    for (const { volume_id } of [made, both[0], odd]) {
      assert.ok(existsSync(dataOf(volume_id)));
      await csi.controller.DeleteVolume({ volume_id });
      await csi.controller.DeleteVolume({ volume_id });
      assert.equal(existsSync(dataOf(volume_id)), false);
    }
    await csi.controller.DeleteVolume({ volume_id: '../../etc' });
  });

  test('capabilities are confirmed, or what is wrong is said', async () => {
    await create('pvc-v');
    const ask = (...volume_capabilities: Init<VolumeCapability>[]) =>
      csi.controller.ValidateVolumeCapabilities({ volume_id: 'pvc-v', volume_capabilities });
    assert.equal((await ask(mount)).confirmed?.volume_capabilities.length, 1);
    const refused = await ask(mount, block);
    assert.deepEqual([refused.confirmed, refused.message !== ''], [null, true]);
  });

  test('lists come in pages', async () => {
    const names = ['page-1', 'page-2', 'page-3'];
    for (const name of names) await create(name);
    for (const name of names) await csi.controller.CreateSnapshot({ name: `s-${name}`, source_volume_id: name });
    const found: string[] = [];
    let starting_token = '';
    do {
      const { entries, next_token } = await csi.controller.ListVolumes({ max_entries: 2, starting_token });
      assert.ok(entries.length <= 2);
      found.push(...entries.map((e) => e.volume!.volume_id));
      starting_token = next_token;
    } while (starting_token !== '');
    assert.deepEqual(
      found.filter((id) => id.startsWith('page-')),
      names,
    );
    assert.equal(new Set(found).size, found.length);
    const snapshots = async (request: object) =>
      (await csi.controller.ListSnapshots(request)).entries.map((e) => e.snapshot!.snapshot_id);
    assert.equal((await snapshots({ max_entries: 2 })).length, 2);
    assert.deepEqual(await snapshots({ source_volume_id: 'page-2' }), ['s-page-2']);
    assert.deepEqual(await snapshots({ snapshot_id: 's-page-3' }), ['s-page-3']);
    assert.deepEqual(await snapshots({ snapshot_id: 'none' }), []);
  });

  test('capacity is the disk’s here, and none elsewhere', async () => {
    const capacity = async (request: object) => Number((await csi.controller.GetCapacity(request)).available_capacity);
    assert.ok((await capacity({})) > 0);
    assert.ok((await capacity({ accessible_topology: { segments: { [node]: 'n1' } } })) > 0);
    assert.equal(await capacity({ accessible_topology: { segments: { [node]: 'n2' } } }), 0);
    assert.equal(await capacity({ volume_capabilities: [block] }), 0);
  });

  test('a volume grows and never shrinks', async () => {
    await create('pvc-g', { capacity_range: { required_bytes: String(gib) } });
    const expand = async (bytes: number) => {
      const answer = await csi.controller.ControllerExpandVolume({
        volume_id: 'pvc-g',
        capacity_range: { required_bytes: String(bytes) },
      });
      return [answer.capacity_bytes, answer.node_expansion_required];
    };
    assert.deepEqual(await expand(2 * gib), [String(2 * gib), false]);
    assert.deepEqual(await expand(2 * gib), [String(2 * gib), false]);
    assert.deepEqual(await expand(gib), [String(2 * gib), false]);
    const shown = await csi.controller.ControllerGetVolume({ volume_id: 'pvc-g' });
    assert.equal(shown.volume?.capacity_bytes, String(2 * gib));
  });

  test('snapshots and copies hold what was there, and are independent', { skip }, async () => {
    const { volume_id } = await create('pvc-s');
    writeFileSync(join(dataOf(volume_id), 'file'), 'first', { mode: 0o640 });
    const { snapshot } = await csi.controller.CreateSnapshot({ name: 'snap', source_volume_id: volume_id });
    assert.equal(snapshot?.ready_to_use, true);
    assert.deepEqual(
      (await csi.controller.CreateSnapshot({ name: 'snap', source_volume_id: volume_id })).snapshot,
      snapshot,
    );
    await create('pvc-other');
    await assert.rejects(csi.controller.CreateSnapshot({ name: 'snap', source_volume_id: 'pvc-other' }), {
      code: status.ALREADY_EXISTS,
    });
    writeFileSync(join(dataOf(volume_id), 'file'), 'second');
    const restored = await create('pvc-r', { volume_content_source: { snapshot: { snapshot_id: 'snap' } } });
    const copied = await create('pvc-c', { volume_content_source: { volume: { volume_id } } });
    assert.equal(restored.content_source?.snapshot?.snapshot_id, 'snap');
    assert.equal(copied.content_source?.volume?.volume_id, volume_id);
    await csi.controller.DeleteSnapshot({ snapshot_id: 'snap' });
    await csi.controller.DeleteSnapshot({ snapshot_id: 'snap' });
    await csi.controller.DeleteVolume({ volume_id });
    const read = (id: string) => readFileSync(join(dataOf(id), 'file'), 'utf8');
    assert.deepEqual([read('pvc-r'), read('pvc-c')], ['first', 'second']);
  });

  test('a copy holds nothing that a pod’s links lead to while it is made', { skip }, async () => {
    const { volume_id } = await create('pvc-l');
    const [folder, outside] = [join(dataOf(volume_id), 'folder'), join(dir, 'outside')];
    for (const [at, text] of Object.entries({ [folder]: 'mine', [outside]: 'of the node' })) {
      mkdirSync(at);
      for (let i = 0; i < 4000; i++) writeFileSync(join(at, `f${i}`), text);
    }
    const unfinished = join(dir, 'data/unfinished');
    const isBegun = () => readdirSync(unfinished).some((id) => existsSync(join(unfinished, id, 'data/folder')));
    const copy = create('pvc-m', { volume_content_source: { volume: { volume_id } } });
    while (!isBegun()) await nextTurn();
    renameSync(folder, `${folder}.moved`);
    symlinkSync(outside, folder);
    await assert.rejects(copy, /Too many levels of symbolic links/);
    assert.deepEqual(readdirSync(unfinished), []);
    await create('pvc-m', { volume_content_source: { volume: { volume_id } } });
    assert.equal(readlinkSync(join(dataOf('pvc-m'), 'folder')), outside);
  });

  test('what is there survives the process, and what was half made does not', async () => {
    await create('pvc-k', { capacity_range: { required_bytes: String(5 * gib) } });
    writeFileSync(join(dataOf('pvc-k'), 'file'), 'kept');
    mkdirSync(join(dir, 'data/unfinished/half/data'), { recursive: true });
    mkdirSync(join(dir, 'data/volumes/strange'));
    writeFileSync(join(dir, 'data/volumes/strange/mine'), '');
    stop();
    await start();
    const { volume } = await csi.controller.ControllerGetVolume({ volume_id: 'pvc-k' });
    assert.equal(volume?.capacity_bytes, String(5 * gib));
    assert.equal(readFileSync(join(dataOf('pvc-k'), 'file'), 'utf8'), 'kept');
    assert.deepEqual(readdirSync(join(dir, 'data/unfinished')), []);
    // What has no record that can be read is nobody's to delete.
    await csi.controller.DeleteVolume({ volume_id: 'strange' });
    assert.ok(existsSync(join(dir, 'data/volumes/strange/mine')));
  });

  describe('on the node', { skip }, () => {
    test('a published volume is there twice, for reading where it shall, and cannot be deleted', async () => {
      const { volume_id } = await create('pvc-n');
      await publish(volume_id, 'a');
      await publish(volume_id, 'a');
      await publish(volume_id, 'b', { readonly: true });
      writeFileSync(join(target('a'), 'file'), 'x');
      assert.equal(readFileSync(join(target('b'), 'file'), 'utf8'), 'x');
      assert.throws(() => writeFileSync(join(target('b'), 'file'), ''), { code: 'EROFS' });
      await assert.rejects(csi.controller.DeleteVolume({ volume_id }), { code: status.FAILED_PRECONDITION });
      const { usage } = await csi.node.NodeGetVolumeStats({ volume_id, volume_path: target('a') });
      assert.deepEqual(
        usage.map(({ unit }) => unit),
        ['BYTES', 'INODES'],
      );
      for (const { total, used, available } of usage) assert.ok(Number(total) >= Number(used) + Number(available));
      for (const name of ['a', 'b', 'a']) {
        await csi.node.NodeUnpublishVolume({ volume_id, target_path: target(name) });
        assert.equal(existsSync(target(name)), false);
      }
      assert.equal(readFileSync(join(dataOf(volume_id), 'file'), 'utf8'), 'x');
      await csi.controller.DeleteVolume({ volume_id });
    });

    test('an ephemeral volume lives as long as it is published', async () => {
      const volume_id = `csi-${'0'.repeat(64)}`;
      await publish(volume_id, 'e', { volume_context: { 'csi.storage.k8s.io/ephemeral': 'true' } });
      writeFileSync(join(target('e'), 'file'), 'x');
      assert.ok(existsSync(join(dataOf(volume_id), 'file')));
      await csi.node.NodeUnpublishVolume({ volume_id, target_path: target('e') });
      assert.equal(existsSync(dataOf(volume_id)), false);
    });
  });
});
