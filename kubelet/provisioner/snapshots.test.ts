// Contents become snapshots of the real driver and go with them, however often it is tried: against the API's verbs.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import {
  beingCreated,
  beingDeleted,
  contentFinalizer,
  managedByNode,
  type VolumeSnapshotContent,
  VolumeSnapshotContentKind,
} from '../../api/snapshot/volume-snapshots.ts';
import { openMounts } from '../../host/mounts.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { CsiClient } from '../../proto/csi-client.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { contentsPath, serveSnapshots, snapshotClassesPath } from '../../test/builders/snapshots.ts';
import { controllerHandlers } from '../hostpath-driver/controller.ts';
import { driverName } from '../hostpath-driver/identity.ts';
import { VolumeStore } from '../hostpath-driver/volume-store.ts';
import { keepSnapshot, type SnapshotDeps } from './snapshots.ts';

const uid = '11111111-2222-3333-4444-555555555555';

async function setUp(t: TestContext) {
  const api = await startMemoryApi();
  await serveSnapshots(api);
  const classBody = { metadata: { name: 'fast' }, driver: driverName, deletionPolicy: 'Delete' };
  await api.send('POST', snapshotClassesPath, { body: classBody });
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-snapshots-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const store = new VolumeStore(dir, { mounts: openMounts(), log: silentLogger });
  const volume = { id: 'vol', name: 'vol', bytes: 1 << 20, createdMs: 0 };
  await store.create(store.volumes, volume);
  writeFileSync(join(store.volumes.dataOf('vol'), 'file'), 'then');
  const { clock } = api;
  const calls: Record<string, any> = {
    ...controllerHandlers({ store, dir, nodeName: 'n', clock, isPublished: async () => false }),
  };
  const asked: string[] = [];
  const full = (request: object) => ({ source_volume_id: '', max_entries: 0, starting_token: '', ...request });
  const call = (name: string) => (request: object) => {
    asked.push(name);
    return calls[name](full(request));
  };
  const controller = new Proxy({}, { get: (_, name: string) => call(name) });
  const told: string[] = [];
  const client = memoryClient(api);
  const deps: SnapshotDeps = {
    client,
    driver: { name: driverName, client: { controller } as unknown as CsiClient, segments: {}, identity: 'me' },
    nodeName: 'n',
    say: (_object, type, reason, message) => told.push(`${type} ${reason} ${message}`),
    clock,
  };
  const get = (): Promise<any> =>
    client
      .resource(VolumeSnapshotContentKind)
      .get({ name: 'c' })
      .catch(({ code }) => code);
  const make = async (spec: object = {}, metadata: object = {}): Promise<VolumeSnapshotContent> => {
    const labels = { [managedByNode]: 'n' };
    const ref = { kind: 'VolumeSnapshot', namespace: 'default', name: 's', uid };
    const body = {
      metadata: { name: 'c', finalizers: [contentFinalizer], labels, ...metadata },
      spec: {
        deletionPolicy: 'Delete',
        driver: driverName,
        source: { volumeHandle: 'vol' },
        volumeSnapshotClassName: 'fast',
        volumeSnapshotRef: ref,
        ...spec,
      },
    };
    return api.send('POST', contentsPath, { body });
  };
  /** What the snapshot controller does when the snapshot is deleted. */
  const release = async () => {
    const body = { metadata: { annotations: { [beingDeleted]: 'yes' } } };
    await api.send('PATCH', `${contentsPath}/c`, { body, contentType: 'application/merge-patch+json' });
    await api.send('DELETE', `${contentsPath}/c`);
    return get();
  };
  return { api, store, calls, asked, told, deps, get, make, release };
}

const failing = (code: number, details: string) => async () =>
  Promise.reject(Object.assign(new Error(), { code, details }));

test('a snapshot is taken once, said to be ready, and removed', async (t) => {
  const { store, asked, told, deps, get, make, release } = await setUp(t);
  const content = await make();
  await keepSnapshot(deps, content);
  const made = await get();
  assert.deepEqual(
    [made.status.snapshotHandle, made.status.readyToUse, made.status.restoreSize, typeof made.status.creationTime],
    [`snapshot-${uid}`, true, 1 << 20, 'number'],
  );
  assert.equal(made.metadata.annotations?.[beingCreated], undefined);
  assert.equal(readFileSync(join(store.snapshots.dataOf(`snapshot-${uid}`), 'file'), 'utf8'), 'then');
  // Killed before the status was written: the driver is asked again and has it.
  writeFileSync(join(store.volumes.dataOf('vol'), 'file'), 'now');
  await keepSnapshot(deps, { ...made, status: undefined });
  assert.deepEqual([store.snapshots.list().length, (await get()).status], [1, made.status]);
  assert.equal(readFileSync(join(store.snapshots.dataOf(`snapshot-${uid}`), 'file'), 'utf8'), 'then');
  // One that has been deleted since is not asked for by who has not seen it yet.
  asked.length = 0;
  await keepSnapshot(deps, await get());
  const going = await release();
  await assert.rejects(keepSnapshot(deps, content), { code: 409 });
  assert.deepEqual(asked, []);
  await keepSnapshot(deps, going);
  assert.deepEqual([asked, store.snapshots.list(), await get(), told], [['DeleteSnapshot'], [], 404, []]);
});

test('what keeps a deleted content', async (t) => {
  const { store, deps, asked, calls, told, get, make, release } = await setUp(t);
  await make();
  calls.CreateSnapshot = failing(status.DEADLINE_EXCEEDED, 'slow');
  await assert.rejects(keepSnapshot(deps, await get()), /failed to take snapshot of the volume vol: "rpc error: code/);
  // The driver may be at it: it is asked until it says, and only then is it removed.
  assert.equal((await get()).metadata.annotations[beingCreated], 'yes');
  const going = await release();
  await assert.rejects(keepSnapshot(deps, going));
  assert.equal(asked.includes('DeleteSnapshot'), false);
  calls.CreateSnapshot = failing(status.NOT_FOUND, 'no volume');
  await assert.rejects(keepSnapshot(deps, await get()));
  await keepSnapshot(deps, await get());
  assert.deepEqual([await get(), store.snapshots.list()], [404, []]);
  assert.deepEqual(
    told.map((text) => text.split(' ')[1]),
    ['SnapshotCreationFailed', 'SnapshotContentCheckandUpdateFailed', 'SnapshotContentCheckandUpdateFailed'],
  );
});

test('what fails is told once and tried again', async (t) => {
  const { deps, calls, told, get, make, release } = await setUp(t);
  const works = calls.CreateSnapshot;
  calls.CreateSnapshot = failing(status.INTERNAL, 'broken');
  await make();
  for (let i = 0; i < 4; i++) await assert.rejects(keepSnapshot(deps, await get()), /broken/);
  const why = 'failed to take snapshot of the volume vol: "rpc error: code = Internal desc = broken"';
  assert.deepEqual(told, [
    `Warning SnapshotCreationFailed Failed to create snapshot: ${why}`,
    `Warning SnapshotContentCheckandUpdateFailed Failed to check and update snapshot content: ${why}`,
  ]);
  const { annotations, ...failed } = { ...(await get()).metadata, ...(await get()).status };
  assert.deepEqual([annotations?.[beingCreated], failed.readyToUse, !!failed.error.time], [undefined, false, true]);
  calls.CreateSnapshot = works;
  await keepSnapshot(deps, await get());
  assert.deepEqual([(await get()).status.readyToUse, (await get()).status.error], [true, undefined]);
  calls.DeleteSnapshot = failing(status.INTERNAL, 'busy');
  await assert.rejects(keepSnapshot(deps, await release()), /busy/);
  assert.equal(told.at(-1), 'Warning SnapshotDeleteError Failed to delete snapshot');
  assert.equal((await get()).status.snapshotHandle, `snapshot-${uid}`);
});

const there = { volumeSnapshotClassName: undefined, source: { snapshotHandle: `snapshot-${uid}` } };

test('whose turn it is, and what stays', async (t) => {
  const { store, deps, asked, get, make, release, api } = await setUp(t);
  for (const [spec, metadata] of [
    [{ driver: 'another' }, {}],
    [{}, { labels: { [managedByNode]: 'm' } }],
    [{}, { labels: {} }],
  ]) {
    await keepSnapshot(deps, await make(spec, { ...metadata, finalizers: [] }));
    await api.send('DELETE', `${contentsPath}/c`);
  }
  assert.deepEqual(asked, []);
  await make({ deletionPolicy: 'Retain' });
  await keepSnapshot(deps, await get());
  await keepSnapshot(deps, await release());
  assert.deepEqual([await get(), store.snapshots.list().length], [404, 1]);
  // It is found by its handle, by the node that has it.
  await make(there, { labels: {} });
  await keepSnapshot(deps, await get());
  const { metadata, status: found } = await get();
  assert.deepEqual([metadata.labels, found.readyToUse], [{ [managedByNode]: 'n' }, true]);
  await keepSnapshot(deps, await release());
  assert.deepEqual([await get(), store.snapshots.list()], [404, []]);
  await make(there, { labels: {} });
  await assert.rejects(keepSnapshot(deps, await get()), /can not find snapshot for snapshotID/);
});
