// Snapshots get their contents and follow them: the controller against the API's verbs, which says what the driver would.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NodeKind } from '../../api/core/node.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import {
  beingDeleted,
  claimSourceFinalizer,
  contentFinalizer,
  defaultSnapshotClass,
  managedByNode,
  snapshotFinalizers,
  VolumeSnapshotClassKind,
  VolumeSnapshotContentKind,
  VolumeSnapshotKind,
} from '../../api/snapshot/volume-snapshots.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { Kind } from '../../machinery/kind.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { FedInformer } from '../../test/builders/fed-informer.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import {
  snapshotClassesPath as classes,
  contentsPath as contents,
  serveSnapshots,
  snapshotsPath as snapshots,
} from '../../test/builders/snapshots.ts';
import { snapshotController, statusOf } from './volume-snapshot.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const volumes = '/api/v1/persistentvolumes';
const driver = 'd.example.com';
const kinds: Kind[] = [
  VolumeSnapshotKind,
  VolumeSnapshotContentKind,
  VolumeSnapshotClassKind,
  PersistentVolumeClaimKind,
  NodeKind,
];

async function setUp({ isDefault = true, deletionPolicy = 'Delete' } = {}) {
  const api = await startMemoryApi();
  await serveSnapshots(api);
  const client = memoryClient(api);
  const told: string[] = [];
  const informers = new Map(kinds.map((kind) => [kind.kind, new FedInformer<KubeObject>()]));
  const event = (target: { object: KubeObject }, type: string, reason: string, message: string) =>
    told.push(`${target.object.metadata.name}: ${type} ${reason} ${message}`);
  const context = {
    clock: api.clock,
    informer: ({ kind }: { kind: string }) => informers.get(kind),
    resource: client.resource.bind(client),
    recorder: () => ({ event }),
  };
  const deps = snapshotController.deps(context as unknown as ControllerContext, () => undefined);
  const send = api.send.bind(api);
  const merge = (path: string, body: object) =>
    send('PATCH', path, { body, contentType: 'application/merge-patch+json' });
  /** The caches catch up. */
  const see = async () => {
    for (const kind of kinds) {
      const informer = informers.get(kind.kind)!;
      const { items } = await client.resource<KubeObject>(kind).list();
      const keys = new Set(items.map(keyOf));
      for (const old of informer.lister.list()) if (!keys.has(keyOf(old))) informer.remove(old);
      for (const item of items) informer.put(item);
    }
  };
  /** Everything is looked at until nothing changes. Returns how often looking failed the last time. */
  const settle = async () => {
    for (let round = 0; round < 20; round++) {
      await see();
      const before = String(api.etcd.revision);
      let failures = 0;
      for (const it of deps.lister.list())
        await snapshotController.reconcile(it, deps).catch(() => {
          failures++;
        });
      if (String(api.etcd.revision) === before) return failures;
    }
    throw new Error('it never comes to rest');
  };
  await send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n', labels: { at: 'here' } } } });
  await send('POST', '/api/v1/nodes', { body: { metadata: { name: 'm', labels: { at: 'there' } } } });
  const annotations = isDefault ? { [defaultSnapshotClass]: 'true' } : {};
  await send('POST', classes, { body: { metadata: { name: 'std', annotations }, driver, deletionPolicy } });
  const claim = await send('POST', claims, {
    body: {
      metadata: { name: 'c' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: '',
        volumeName: 'v',
        resources: { requests: { storage: '1Gi' } },
      },
    },
  });
  const matchExpressions = [{ key: 'at', operator: 'In', values: ['here'] }];
  const makeVolume = (source: object = { csi: { driver, volumeHandle: 'handle' } }) =>
    send('POST', volumes, {
      body: {
        metadata: { name: 'v' },
        spec: {
          capacity: { storage: '1Gi' },
          accessModes: ['ReadWriteOnce'],
          claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'c', uid: claim.metadata.uid },
          nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } },
          ...source,
        },
      },
    });
  const bindClaim = () => merge(`${claims}/c/status`, { status: { phase: 'Bound' } });
  const take = (spec: object = {}, name = 's') =>
    send('POST', snapshots, {
      body: { metadata: { name }, spec: { source: { persistentVolumeClaimName: 'c' }, ...spec } },
    });
  const get = (name = 's'): Promise<any> =>
    client
      .resource(VolumeSnapshotKind)
      .get({ namespace: 'default', name })
      .catch(({ code }) => code);
  const contentNames = async () => (await send('GET', contents)).map(({ metadata }: KubeObject) => metadata.name);
  const heldClaim = async () => (await send('GET', `${claims}/c`)).metadata.finalizers.includes(claimSourceFinalizer);
  /** What the driver says of the only content. */
  const say = async (status: object) => merge(`${contents}/${(await contentNames())[0]}/status`, { status });
  const ready = {
    snapshotHandle: 'h',
    readyToUse: true,
    creationTime: 1_795_773_172_426_000_000,
    restoreSize: 1 << 30,
  };
  return {
    send,
    merge,
    see,
    settle,
    told,
    deps,
    makeVolume,
    bindClaim,
    take,
    get,
    contentNames,
    heldClaim,
    say,
    ready,
  };
}

const own = [snapshotFinalizers.source, snapshotFinalizers.bound];

test('a snapshot of a claim: content, status, claim held meanwhile, and all of it gone again', async () => {
  const bed = await setUp();
  await bed.makeVolume();
  await bed.bindClaim();
  const { metadata } = await bed.take();
  assert.equal(await bed.settle(), 0);
  const name = `snapcontent-${metadata.uid}`;
  const content = await bed.send('GET', `${contents}/${name}`);
  assert.deepEqual(
    [content.metadata.finalizers, content.metadata.labels],
    [[contentFinalizer], { [managedByNode]: 'n' }],
  );
  const { volumeSnapshotRef, ...spec } = content.spec;
  assert.deepEqual(spec, {
    deletionPolicy: 'Delete',
    driver,
    source: { volumeHandle: 'handle' },
    sourceVolumeMode: 'Filesystem',
    volumeSnapshotClassName: 'std',
  });
  assert.deepEqual([volumeSnapshotRef.name, volumeSnapshotRef.uid], ['s', metadata.uid]);
  const waiting = await bed.get();
  assert.deepEqual(waiting.status, { boundVolumeSnapshotContentName: name, readyToUse: false });
  assert.deepEqual([waiting.spec.volumeSnapshotClassName, waiting.metadata.finalizers], ['std', own]);
  assert.equal(await bed.heldClaim(), true);
  await bed.say({ readyToUse: false, error: { message: 'busy' } });
  await bed.settle();
  assert.deepEqual((await bed.get()).status.error, { message: 'busy' });
  await bed.say({ ...bed.ready, error: null });
  await bed.settle();
  assert.deepEqual((await bed.get()).status, {
    boundVolumeSnapshotContentName: name,
    creationTime: '2026-11-27T09:52:52Z',
    readyToUse: true,
    restoreSize: '1Gi',
  });
  assert.equal(await bed.heldClaim(), false);
  assert.deepEqual(bed.told, [
    's: Normal CreatingSnapshot Waiting for a snapshot default/s to be created by the CSI driver.',
    's: Normal SnapshotCreated Snapshot default/s was successfully created by the CSI driver.',
    's: Normal SnapshotReady Snapshot default/s is ready to use.',
  ]);
  // Whoever has it as a source comes first.
  const dataSource = { kind: 'VolumeSnapshot', apiGroup: 'snapshot.storage.k8s.io', name: 's' };
  const resources = { requests: { storage: '1Gi' } };
  const from = { accessModes: ['ReadWriteOnce'], storageClassName: 'x', resources, dataSource };
  await bed.send('POST', claims, { body: { metadata: { name: 'from' }, spec: from } });
  await bed.send('DELETE', `${snapshots}/s`);
  await bed.settle();
  assert.match(bed.told.at(-1)!, /Warning SnapshotDeletePending Snapshot is being used to restore a PVC$/);
  assert.deepEqual((await bed.get()).metadata.finalizers, own);
  await bed.merge(`${claims}/from/status`, { status: { phase: 'Bound' } });
  await bed.settle();
  const going = await bed.send('GET', `${contents}/${name}`);
  assert.deepEqual([going.metadata.annotations[beingDeleted], !!going.metadata.deletionTimestamp], ['yes', true]);
  assert.deepEqual((await bed.get()).metadata.finalizers, [snapshotFinalizers.bound]);
  await bed.merge(`${contents}/${name}`, { metadata: { finalizers: null } });
  await bed.settle();
  assert.equal(await bed.get(), 404);
});

test('a content that is to be kept outlives its snapshot, and can be another one', async () => {
  const bed = await setUp({ deletionPolicy: 'Retain' });
  await bed.makeVolume();
  await bed.bindClaim();
  await bed.take({ volumeSnapshotClassName: 'std' });
  await bed.settle();
  assert.deepEqual((await bed.get()).metadata.finalizers, [snapshotFinalizers.source]);
  await bed.send('DELETE', `${snapshots}/s`);
  await bed.settle();
  const [name] = await bed.contentNames();
  assert.deepEqual([await bed.get(), await bed.heldClaim()], [404, false]);
  assert.equal((await bed.send('GET', `${contents}/${name}`)).metadata.deletionTimestamp, undefined);
});

test('a snapshot that is there already is bound both ways', async () => {
  const bed = await setUp();
  const make = (name: string, source: object, ref: object) =>
    bed.send('POST', contents, {
      body: { metadata: { name }, spec: { deletionPolicy: 'Delete', driver, source, volumeSnapshotRef: ref } },
    });
  const source = { volumeSnapshotContentName: 'old' };
  const { metadata } = await bed.take({ source });
  assert.equal(await bed.settle(), 1);
  assert.match(bed.told[0]!, /^s: Warning SnapshotContentMissing VolumeSnapshotContent is missing$/);
  const ref = { namespace: 'default', name: 's' };
  for (const [contentSource, of, told] of [
    [{ volumeHandle: 'x' }, ref, /SnapshotContentMismatch VolumeSnapshotContent is dynamically provisioned while /],
    [
      { snapshotHandle: 'h' },
      { ...ref, name: 't' },
      /SnapshotContentMisbound VolumeSnapshotContent \[old\] is bound to/,
    ],
    [
      { snapshotHandle: 'h' },
      { ...ref, uid: 'u' },
      /SnapshotContentMisbound VolumeSnapshotContent \[old\] is bound to/,
    ],
  ] as const) {
    await make('old', contentSource, of);
    await bed.merge(`${snapshots}/s/status`, { status: { error: null } });
    assert.equal(await bed.settle(), 1);
    assert.match(bed.told.at(-1)!, told);
    await bed.send('DELETE', `${contents}/old`);
  }
  await make('old', { snapshotHandle: 'h' }, ref);
  assert.equal(await bed.settle(), 0);
  const { spec, metadata: held } = await bed.send('GET', `${contents}/old`);
  assert.deepEqual([spec.volumeSnapshotRef.uid, held.finalizers], [metadata.uid, [contentFinalizer]]);
  await bed.say(bed.ready);
  await bed.settle();
  assert.equal((await bed.get()).status.readyToUse, true);
  // The content is gone behind its back: no other is taken in its place.
  await bed.merge(`${contents}/old`, { metadata: { finalizers: null } });
  await bed.send('DELETE', `${contents}/old`);
  assert.equal(await bed.settle(), 1);
  const { readyToUse, error } = (await bed.get()).status;
  assert.deepEqual([readyToUse, error.message], [false, 'VolumeSnapshotContent is missing']);
});

describe('what a snapshot of a claim waits for', () => {
  type Bed = Awaited<ReturnType<typeof setUp>>;
  const named = { volumeSnapshotClassName: 'std' };
  const noDefault = 'SetDefaultSnapshotClassFailed Failed to set default snapshot class with error';
  const notMade = 'SnapshotContentCreationFailed Failed to create snapshot content with error';
  const input = 'failed to get input parameters to create snapshot s:';
  const unbound = 'the PVC c is not yet bound to a PV, will not attempt to take a snapshot';
  const bound = async (bed: Bed) => {
    await bed.makeVolume();
    await bed.bindClaim();
  };
  const nfs = async (bed: Bed) => {
    await bed.makeVolume({ nfs: { server: 's', path: '/' } });
    await bed.bindClaim();
  };
  const rows: {
    name: string;
    spec?: object;
    isDefault?: boolean;
    before?: (bed: Bed) => Promise<unknown>;
    want: string;
  }[] = [
    { name: 'its claim is bound', want: `${noDefault} ${unbound}` },
    {
      name: 'its claim is there',
      spec: { source: { persistentVolumeClaimName: 'x' } },
      want: `${noDefault} failed to retrieve PVC x from the lister: "persistentvolumeclaim \\"x\\" not found"`,
    },
    {
      name: 'there is a default',
      isDefault: false,
      before: bound,
      want: `${noDefault} cannot find default snapshot class`,
    },
    {
      name: 'one of the defaults is one no longer',
      before: async (bed) => {
        await bound(bed);
        const metadata = { name: 'other', annotations: { [defaultSnapshotClass]: 'true' } };
        await bed.send('POST', classes, { body: { metadata, driver, deletionPolicy: 'Delete' } });
      },
      want: `${noDefault} 2 default snapshot classes were found`,
    },
    {
      name: 'a driver',
      before: nfs,
      want: `${noDefault} snapshotting non-CSI volumes is not supported, snapshot:default/s`,
    },
    {
      name: 'its class is there',
      spec: { volumeSnapshotClassName: 'x' },
      want: 'GetSnapshotClassFailed Failed to get snapshot class with error volumesnapshotclass.snapshot.storage.k8s.io "x" not found',
    },
    { name: 'its claim is bound, of a class', spec: named, want: `${notMade} ${input} "${unbound}"` },
    {
      name: 'a driver, of a class',
      spec: named,
      before: nfs,
      want: `${notMade} cannot find CSI PersistentVolumeSource for volume v`,
    },
    {
      name: 'its claim is there, of a class',
      spec: { ...named, source: { persistentVolumeClaimName: 'x' } },
      want: `${notMade} snapshot controller failed to update s on API server: cannot get claim from snapshot`,
    },
    {
      name: 'a claim that stays',
      spec: named,
      before: async (bed) => bed.send('DELETE', `${claims}/c`),
      want: `${notMade} snapshot controller failed to update c on API server: cannot add finalizer on claim because it is being deleted`,
    },
  ];
  for (const { name, spec = {}, isDefault = true, before, want } of rows) {
    test(name, async () => {
      const bed = await setUp({ isDefault });
      await before?.(bed);
      await bed.take(spec);
      assert.equal(await bed.settle(), 1);
      assert.deepEqual([bed.told, await bed.contentNames()], [[`s: Warning ${want}`], []]);
      const { error } = (await bed.get()).status;
      assert.equal(want.endsWith(error.message), true);
      await bed.send('DELETE', `${snapshots}/s`);
      await bed.settle();
      assert.equal(await bed.get(), 404);
    });
  }
});

test('what the status takes from the content, and what it keeps', () => {
  const of = (status: object | undefined, content: object | undefined) =>
    statusOf({ metadata: {}, status } as never, { metadata: { name: 'c' }, status: content } as never);
  const time = '2026-01-01T00:00:00Z';
  const rows: [status: object | undefined, content: object | undefined, want: object][] = [
    [undefined, undefined, { boundVolumeSnapshotContentName: 'c', readyToUse: false }],
    [{ error: { message: 'x' } }, undefined, { boundVolumeSnapshotContentName: 'c', readyToUse: false }],
    [
      { boundVolumeSnapshotContentName: 'b', creationTime: time, restoreSize: '2Gi' },
      { creationTime: 1, restoreSize: 1, readyToUse: true },
      { boundVolumeSnapshotContentName: 'b', creationTime: time, restoreSize: '2Gi', readyToUse: true },
    ],
    [
      { restoreSize: '0' },
      { restoreSize: 1500 },
      { boundVolumeSnapshotContentName: 'c', readyToUse: false, restoreSize: '1500' },
    ],
  ];
  for (const [status, content, want] of rows) assert.deepEqual(of(status, content), want);
});
