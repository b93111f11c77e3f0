// Claims become volumes, grow, and are cleared away: against the API's verbs and the real driver.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { openMounts } from '../../host/mounts.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { CsiClient } from '../../proto/csi-client.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { contentsPath, serveSnapshots, snapshotsPath } from '../../test/builders/snapshots.ts';
import { controllerHandlers } from '../hostpath-driver/controller.ts';
import { driverName, topologyKey } from '../hostpath-driver/identity.ts';
import { VolumeStore } from '../hostpath-driver/volume-store.ts';
import { finalizer, type ProvisionerDeps, selectedNode } from './context.ts';
import { provision, wantsVolume } from './provision.ts';
import { reclaim } from './reclaim.ts';
import { Resizer, sizeToAsk } from './resize.ts';
import { Unfinished } from './unfinished.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const volumes = '/api/v1/persistentvolumes';
const provisioner = 'volume.kubernetes.io/storage-provisioner';

class Bed {
  readonly api: MemoryApi;
  readonly deps: ProvisionerDeps;
  readonly told: string[] = [];
  readonly store: VolumeStore;
  readonly calls: Record<string, unknown>;
  #claims = new Map<string, PersistentVolumeClaim>();
  readonly #volumes = new Map<string, any>();

  constructor(t: TestContext, api: MemoryApi) {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-provisioner-'));
    t.after(() => rmSync(dir, { recursive: true }));
    this.api = api;
    this.store = new VolumeStore(dir, { mounts: openMounts(), log: silentLogger });
    const { clock } = api;
    this.calls = {
      ...controllerHandlers({ store: this.store, dir, nodeName: 'n', clock, isPublished: async () => false }),
    };
    // As decoded: every field is there.
    const full = (request: object) => ({
      volume_content_source: null,
      accessibility_requirements: null,
      capacity_range: null,
      volume_capability: null,
      ...request,
    });
    const controller = new Proxy(
      {},
      { get: (_, name: string) => (request: object) => (this.calls[name] as any)(full(request)) },
    );
    this.deps = {
      client: memoryClient(api),
      driver: {
        name: driverName,
        client: { controller } as unknown as CsiClient,
        segments: { [topologyKey]: 'n' },
        identity: 'me',
      },
      nodeName: 'n',
      events: { event: (_target, type, reason, message) => this.told.push(`${type} ${reason} ${message}`) },
      claim: (key) => this.#claims.get(key),
      volume: (name) => this.#volumes.get(name),
      unfinished: new Unfinished(),
    };
  }

  /** The informers catch up. */
  async see(): Promise<void> {
    for (const one of await this.api.send('GET', claims)) this.#claims.set(`default/${one.metadata.name}`, one);
    this.#volumes.clear();
    for (const one of await this.api.send('GET', volumes)) this.#volumes.set(one.metadata.name, one);
  }

  async claim(name: string, { annotations = {}, ...spec }: any = {}): Promise<PersistentVolumeClaim> {
    const metadata = { name, annotations: { [provisioner]: driverName, ...annotations } };
    const common = { storageClassName: 'late', resources: { requests: { storage: '1Gi' } } };
    const body = { metadata, spec: { accessModes: ['ReadWriteOnce'], ...common, ...spec } };
    return this.api.send('POST', claims, { body });
  }

  async bind(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    const { name, uid } = claim.metadata;
    await this.#edit(`${claims}/${name}`, (c) => Object.assign(c.spec, { volumeName: `pvc-${uid}` }));
    const status = { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] };
    await this.#edit(`${claims}/${name}`, (c) => Object.assign(c, { status }), '/status');
    await this.#edit(`${volumes}/pvc-${uid}`, (v) => Object.assign(v.status, { phase: 'Bound' }), '/status');
    await this.see();
    return this.api.send('GET', `${claims}/${name}`);
  }

  async #edit(path: string, change: (object: any) => void, subresource = ''): Promise<void> {
    const object = structuredClone(await this.api.send('GET', path));
    change(object);
    await this.api.send('PUT', path + subresource, { body: object });
  }

  async phase(name: string, phase: string, more: object = {}): Promise<any> {
    await this.#edit(`${volumes}/${name}`, (v) => Object.assign(v.spec, more));
    await this.#edit(`${volumes}/${name}`, (v) => Object.assign(v.status, { phase }), '/status');
    return this.api.send('GET', `${volumes}/${name}`);
  }

  volume(claim: PersistentVolumeClaim): Promise<any> {
    return this.api.send('GET', `${volumes}/pvc-${claim.metadata.uid}`);
  }

  dataOf(claim: PersistentVolumeClaim, file = ''): string {
    return join(this.store.volumes.dataOf(`pvc-${claim.metadata.uid}`), file);
  }
}

async function setUp(t: TestContext): Promise<Bed> {
  const api = await startMemoryApi();
  await serveSnapshots(api);
  const make = (name: string, volumeBindingMode: string, more: object = {}) =>
    api.send('POST', '/apis/storage.k8s.io/v1/storageclasses', {
      body: { metadata: { name }, provisioner: driverName, volumeBindingMode, allowVolumeExpansion: true, ...more },
    });
  await make('late', 'WaitForFirstConsumer');
  await make('early', 'Immediate', { reclaimPolicy: 'Retain', mountOptions: ['ro'] });
  await make('secret', 'Immediate', { parameters: { 'csi.storage.k8s.io/provisioner-secret-name': 's' } });
  return new Bed(t, api);
}

const chosen = { annotations: { [selectedNode]: 'n' } };

test('a claim gets a volume on the node that was chosen, and another try gives no other', async (t) => {
  const bed = await setUp(t);
  const claim = await bed.claim('c', chosen);
  assert.equal(wantsVolume(claim, driverName), true);
  await provision(bed.deps, claim);
  const { uid } = claim.metadata;
  const { metadata, spec } = await bed.volume(claim);
  assert.equal(metadata.annotations['pv.kubernetes.io/provisioned-by'], driverName);
  assert.ok(metadata.finalizers.includes(finalizer));
  const { kind, name, uid: claimUid } = spec.claimRef;
  assert.deepEqual([kind, name, claimUid], ['PersistentVolumeClaim', 'c', uid]);
  assert.deepEqual(spec.csi, {
    driver: driverName,
    volumeHandle: `pvc-${uid}`,
    volumeAttributes: { 'storage.kubernetes.io/csiProvisionerIdentity': 'me' },
  });
  assert.deepEqual(spec.nodeAffinity.required.nodeSelectorTerms, [
    { matchExpressions: [{ key: topologyKey, operator: 'In', values: ['n'] }] },
  ]);
  assert.deepEqual(
    [spec.capacity, spec.persistentVolumeReclaimPolicy, spec.storageClassName],
    [{ storage: '1Gi' }, 'Delete', 'late'],
  );
  assert.ok(existsSync(bed.dataOf(claim)));
  assert.deepEqual(bed.told, [
    'Normal Provisioning External provisioner is provisioning volume for claim "default/c"',
    `Normal ProvisioningSucceeded Successfully provisioned volume pvc-${uid}`,
  ]);
  // Killed before the caches had it, and after.
  await provision(bed.deps, claim);
  await bed.see();
  await provision(bed.deps, claim);
  assert.equal((await bed.api.send('GET', volumes)).length, 1);
  assert.equal(bed.told.length, 4);
  assert.equal(wantsVolume(await bed.bind(claim), driverName), false);
});

test('whose turn it is', async (t) => {
  const bed = await setUp(t);
  const untouched = async (claim: PersistentVolumeClaim) => {
    if (wantsVolume(claim, driverName)) await provision(bed.deps, claim);
    assert.deepEqual([await bed.api.send('GET', volumes), bed.told], [[], []]);
  };
  await untouched(await bed.claim('no-node-yet'));
  await untouched(await bed.claim('other-node', { annotations: { [selectedNode]: 'm' } }));
  await untouched(await bed.claim('other-driver', { annotations: { ...chosen.annotations, [provisioner]: 'd' } }));
  await untouched(await bed.claim('no-class', { ...chosen, storageClassName: 'none' }));
  // One that waits for nobody is taken first, by one of several, and made then.
  const early = await bed.claim('early', { storageClassName: 'early' });
  await untouched(early);
  await assert.rejects(provision(bed.deps, early), { code: 409 });
  const taken = await bed.api.send('GET', `${claims}/early`);
  assert.equal(taken.metadata.annotations[selectedNode], 'n');
  await provision(bed.deps, taken);
  const { metadata, spec } = await bed.volume(taken);
  assert.deepEqual([spec.mountOptions, metadata.finalizers.includes(finalizer)], [['ro'], false]);
});

test('what cannot be made is told, and a full node is given up for another', async (t) => {
  const bed = await setUp(t);
  const claim = await bed.claim('s', { ...chosen, storageClassName: 'secret' });
  await assert.rejects(provision(bed.deps, claim), /is not supported/);
  assert.match(
    bed.told[1]!,
    /^Warning ProvisioningFailed failed to provision volume with StorageClass "secret": parameter /,
  );
  const full = Object.assign(new Error('full'), { code: status.RESOURCE_EXHAUSTED, details: 'full' });
  bed.calls.CreateVolume = async () => Promise.reject(full);
  await assert.rejects(provision(bed.deps, await bed.claim('full', chosen)), full);
  assert.match(bed.told.at(-1)!, /rpc error: code = ResourceExhausted desc = full$/);
  assert.equal((await bed.api.send('GET', `${claims}/full`)).metadata.annotations[selectedNode], undefined);
  assert.deepEqual(await bed.api.send('GET', volumes), []);
});

test('a claim is copied from another', async (t) => {
  const bed = await setUp(t);
  const first = await bed.claim('first', chosen);
  await provision(bed.deps, first);
  writeFileSync(bed.dataOf(first, 'file'), 'mine');
  const copy = await bed.claim('copy', { ...chosen, dataSource: { kind: 'PersistentVolumeClaim', name: 'first' } });
  await bed.see();
  await assert.rejects(provision(bed.deps, copy), /the PVC DataSource first must be in Bound state/);
  await bed.bind(first);
  const other = { ...bed.deps, volume: (name: string) => bed.deps.volume(name) && ({ spec: { claimRef: {} } } as any) };
  await assert.rejects(provision(other, copy), /bound to a different PVC than requested/);
  await provision(bed.deps, copy);
  assert.equal(readFileSync(bed.dataOf(copy, 'file'), 'utf8'), 'mine');
});

test('a claim is made from a snapshot that is ready, large enough for it, on the node where it lies', async (t) => {
  const bed = await setUp(t);
  const first = await bed.claim('first', chosen);
  await provision(bed.deps, first);
  writeFileSync(bed.dataOf(first, 'file'), 'then');
  const volumeId = `pvc-${first.metadata.uid}`;
  const driver = (await bed.volume(first)).spec.csi.driver;
  await bed.store.create(
    bed.store.snapshots,
    { id: 'kept', name: 'kept', volumeId, bytes: 2 ** 30, createdMs: 0 },
    bed.store.volumes.dataOf(volumeId),
  );
  let round = 0;
  /** A snapshot and its content, as they are when all is well but for this; the claim that asks for it. */
  const wanting = async (change: any = {}, spec: object = {}) => {
    const name = `s-${round++}`;
    const finalizers = change.isDeleting ? ['example.com/other'] : [];
    const made = await bed.api.send('POST', snapshotsPath, {
      body: { metadata: { name, finalizers }, spec: { source: { persistentVolumeClaimName: 'first' } } },
    });
    const uid = change.uid ?? made.metadata.uid;
    const body = {
      metadata: { name, labels: { 'snapshot.storage.kubernetes.io/managed-by': change.node ?? 'n' } },
      spec: {
        deletionPolicy: 'Delete',
        driver: change.driver ?? driver,
        source: { volumeHandle: 'v' },
        sourceVolumeMode: change.mode ?? 'Filesystem',
        volumeSnapshotRef: { name, namespace: 'default', uid },
      },
    };
    const content = await bed.api.send('POST', contentsPath, { body });
    const status = { boundVolumeSnapshotContentName: name, readyToUse: true, restoreSize: '1Gi', ...change.status };
    await bed.api.send('PUT', `${snapshotsPath}/${name}/status`, { body: { ...made, status } });
    const told = { ...content, status: { snapshotHandle: change.handle ?? 'kept', readyToUse: true } };
    if (change.handle !== '') await bed.api.send('PUT', `${contentsPath}/${name}/status`, { body: told });
    if (change.isDeleting) await bed.api.send('DELETE', `${snapshotsPath}/${name}`);
    const dataSource = { kind: 'VolumeSnapshot', apiGroup: 'snapshot.storage.k8s.io', name: change.name ?? name };
    return bed.claim(`from-${name}`, { ...chosen, volumeMode: 'Filesystem', dataSource, ...spec });
  };
  const small = { resources: { requests: { storage: '1023Mi' } } };
  const rows: [why: RegExp, change: object, spec?: object][] = [
    [/error getting snapshot none from api server: .* not found/, { name: 'none' }],
    [/snapshot s-\d is being deleted$/, { isDeleting: true }],
    [/snapshot s-\d not bound$/, { status: { boundVolumeSnapshotContentName: undefined } }],
    [/snapshot s-\d not bound$/, { status: { boundVolumeSnapshotContentName: 'none' } }],
    [/snapshot s-\d not bound$/, { uid: 'another' }],
    [/snapshot s-\d not bound$/, { driver: 'another' }],
    [/snapshot s-\d is not Ready$/, { status: { readyToUse: false } }],
    [/snapshot handle s-\d is not available$/, { handle: '' }],
    [/requested volume size 1072693248 is less than the size 1073741824 for the source snapshot s-\d$/, {}, small],
    [/modifies the mode of the source volume but does not have permission/, { mode: 'Block' }],
  ];
  for (const [why, change, spec] of rows) {
    await assert.rejects(provision(bed.deps, await wanting(change, spec)), why);
    assert.match(bed.told.at(-1)!, /StorageClass "late": error getting handle for DataSource Type VolumeSnapshot by /);
  }
  const elsewhere = await wanting({ node: 'm' });
  await provision(bed.deps, elsewhere);
  const { metadata } = await bed.api.send('GET', `${claims}/${elsewhere.metadata.name}`);
  assert.deepEqual([metadata.annotations[selectedNode], (await bed.api.send('GET', volumes)).length], ['m', 1]);
  writeFileSync(bed.dataOf(first, 'file'), 'now');
  const restored = await wanting();
  await provision(bed.deps, restored);
  assert.equal(readFileSync(bed.dataOf(restored, 'file'), 'utf8'), 'then');
});

/** A claim whose volume has 1Gi, and its resizer. */
async function setUpResize(t: TestContext) {
  const bed = await setUp(t);
  const claim = await bed.claim('c', chosen);
  await provision(bed.deps, claim);
  await bed.bind(claim);
  bed.told.length = 0;
  const resizer = new Resizer(bed.deps);
  const read = () => bed.api.send('GET', `${claims}/c`);
  return {
    bed,
    claim,
    read,
    ask: async (storage: string) => {
      const now = await read();
      await bed.api.send('PUT', `${claims}/c`, {
        body: { ...now, spec: { ...now.spec, resources: { requests: { storage } } } },
      });
    },
    reconcile: async (nowMs = 0) => {
      await bed.see();
      return resizer.reconcile(await read(), nowMs);
    },
    /** Phase, what is set aside, conditions. */
    state: async () => {
      const { status } = await read();
      const { allocatedResourceStatuses: phases, allocatedResources, conditions = [] } = status;
      return [phases?.storage, allocatedResources?.storage, conditions.map((c: any) => [c.type, c.message])];
    },
    fails: (code: number) => {
      const asked: string[] = [];
      bed.calls.ControllerExpandVolume = async ({ capacity_range }: any) => {
        asked.push(capacity_range.required_bytes);
        throw Object.assign(new Error('no'), { code, details: 'no' });
      };
      return asked;
    },
  };
}

test('a claim that asks for more gets it, and is told how far that is', async (t) => {
  const { bed, claim, ask, reconcile, read, state, fails } = await setUpResize(t);
  assert.equal(await reconcile(), undefined);
  const works = bed.calls.ControllerExpandVolume;
  await ask('3Gi');
  fails(status.UNAVAILABLE);
  await assert.rejects(reconcile(), /no/);
  const begun = ['ControllerResizeInProgress', '3Gi', [['Resizing', undefined]]];
  assert.deepEqual(await state(), begun);
  const before = await read();
  await assert.rejects(reconcile(5_000), /no/);
  assert.deepEqual(await read(), before, 'another try tells nothing new');
  const name = `pvc-${claim.metadata.uid}`;
  const tries = [
    `Normal Resizing External resizer is resizing volume ${name}`,
    `Warning VolumeResizeFailed resize volume "${name}" by resizer "${driverName}" failed: rpc error: code = Unavailable desc = no`,
  ];
  assert.deepEqual(bed.told, [...tries, ...tries]);
  bed.calls.ControllerExpandVolume = works;
  await reconcile();
  const done = await read();
  assert.deepEqual([done.status.capacity, ...(await state())], [{ storage: '3Gi' }, undefined, '3Gi', []]);
  assert.equal((await bed.volume(claim)).spec.capacity.storage, '3Gi');
  assert.equal(bed.store.volumes.get(name)!.bytes, 3 * 2 ** 30);
  assert.match(bed.told.at(-1)!, /^Normal VolumeResizeSuccessful/);
});

const errorOf = (code: string) => [
  'ControllerResizeError',
  `failed to expand pvc with rpc error: code = ${code} desc = no`,
];

test('what a driver cannot do is asked for seldom, and less of it at once', async (t) => {
  const { bed, ask, reconcile, state, fails } = await setUpResize(t);
  const works = bed.calls.ControllerExpandVolume;
  await ask('100Gi');
  const asked = fails(status.OUT_OF_RANGE);
  await assert.rejects(reconcile(0), /no/);
  const impossible = ['ControllerResizeInfeasible', '100Gi', [['Resizing', undefined], errorOf('OutOfRange')]];
  assert.deepEqual(await state(), impossible);
  assert.deepEqual(await reconcile(60_000), { requeueAfterMs: 240_000 });
  assert.equal(asked.length, 1);
  await assert.rejects(reconcile(300_000), /no/);
  assert.equal(asked.length, 2);
  assert.deepEqual(await state(), impossible);
  bed.calls.ControllerExpandVolume = works;
  await ask('2Gi');
  await reconcile(300_000);
  assert.deepEqual(await state(), [undefined, '2Gi', []]);
});

test('a resize that has failed gives way to a smaller one, one that may go on does not', async (t) => {
  const { ask, reconcile, state, fails } = await setUpResize(t);
  await ask('100Gi');
  fails(status.UNAVAILABLE);
  await assert.rejects(reconcile(), /no/);
  await ask('2Gi');
  fails(status.INTERNAL);
  await assert.rejects(reconcile(), /no/);
  assert.deepEqual(await state(), [
    'ControllerResizeInProgress',
    '100Gi',
    [['Resizing', undefined], errorOf('Internal')],
  ]);
  const asked = fails(status.UNAVAILABLE);
  await assert.rejects(reconcile(), /no/);
  assert.deepEqual(asked, [String(2 * 2 ** 30)]);
  assert.deepEqual(await state(), ['ControllerResizeInProgress', '2Gi', [['Resizing', undefined]]]);
});

test('a driver that needs the node leaves the rest to it, and lets it try again', async (t) => {
  const { bed, ask, reconcile, read, state } = await setUpResize(t);
  await ask('3Gi');
  bed.calls.ControllerExpandVolume = async () => ({ capacity_bytes: '0', node_expansion_required: true });
  await reconcile();
  const waiting = 'Waiting for user to (re-)start a pod to finish file system resize of volume on node.';
  const conditions = [
    ['Resizing', undefined],
    ['FileSystemResizePending', waiting],
  ];
  assert.deepEqual(await state(), ['NodeResizePending', '3Gi', conditions]);
  assert.equal((await read()).status.capacity.storage, '1Gi');
  bed.told.length = 0;
  await reconcile();
  assert.deepEqual(bed.told, []);
  const nodeSays = async (storage: string) => {
    const now = await read();
    const allocatedResourceStatuses = { storage };
    const body = { ...now, status: { ...now.status, allocatedResourceStatuses } };
    await bed.api.send('PUT', `${claims}/c/status`, { body });
  };
  await nodeSays('NodeResizeInfeasible');
  await reconcile(0);
  assert.deepEqual(await state(), ['NodeResizePending', '3Gi', conditions]);
});

test('which size is asked for', () => {
  const rows: [
    wanted: number,
    known: number,
    begun: number | '',
    phase: string,
    has: number,
    size?: number,
    failed?: true,
  ][] = [
    [2, 1, '', '', 1, 2],
    [5, 3, 10, 'ControllerResizeInfeasible', 3, 5],
    [5, 3, 10, 'ControllerResizeInProgress', 3, 10],
    [5, 3, 10, 'ControllerResizeInProgress', 3, 5, true],
    [5, 3, 10, 'ControllerResizeInProgress', 10, 10],
    [5, 3, 10, 'NodeResizeInfeasible', 10, 10],
    [2, 1, 2, 'NodeResizeInfeasible', 2, 2],
    [10, 1, 3, 'NodeResizeInfeasible', 3, 3],
    [2, 1, 2, 'NodeResizePending', 2],
    [10, 1, 3, 'NodeResizePending', 3],
    [10, 1, 3, 'NodeResizeInProgress', 3],
    [10, 1, 5, 'NodeResizeInProgress', 3, 5],
    [2, 1, 2, '', 2, 2],
  ];
  for (const [wanted, known, begun, phase, has, size, failed = false] of rows) {
    const of = (amount: number | '') => (amount ? { storage: `${amount}G` } : undefined);
    const claim: any = {
      spec: { resources: { requests: of(wanted) } },
      status: {
        capacity: of(known),
        allocatedResources: of(begun),
        allocatedResourceStatuses: phase ? { storage: phase } : undefined,
      },
    };
    const answer = sizeToAsk(claim, { spec: { capacity: of(has) } } as any, failed);
    assert.equal(answer, size && `${size}G`, JSON.stringify([wanted, known, begun, phase, has]));
  }
});

test('a released volume goes with its data, and no other does', async (t) => {
  const bed = await setUp(t);
  const claim = await bed.claim('c', chosen);
  await provision(bed.deps, claim);
  await bed.bind(claim);
  const name = `pvc-${claim.metadata.uid}`;
  const isThere = () => existsSync(bed.dataOf(claim));
  await reclaim(bed.deps, await bed.volume(claim));
  const retained = await bed.phase(name, 'Released', { persistentVolumeReclaimPolicy: 'Retain' });
  await reclaim(bed.deps, retained);
  assert.equal(isThere(), true);
  assert.equal((await bed.volume(claim)).metadata.finalizers.includes(finalizer), false);
  const elsewhere = { ...bed.deps, driver: { ...bed.deps.driver, segments: { [topologyKey]: 'm' } } };
  const released = await bed.phase(name, 'Released', { persistentVolumeReclaimPolicy: 'Delete' });
  await reclaim(elsewhere, released);
  assert.equal(isThere(), true);
  const works = bed.calls.DeleteVolume;
  bed.calls.DeleteVolume = async () => Promise.reject(new Error('busy'));
  await assert.rejects(reclaim(bed.deps, released), /busy/);
  assert.match(bed.told.at(-1)!, /^Warning VolumeFailedDelete busy$/);
  bed.calls.DeleteVolume = works;
  await reclaim(bed.deps, released);
  assert.equal(isThere(), false);
  // The object goes with the finalizers of others.
  const left = await bed.deps.client
    .resource(PersistentVolumeKind)
    .get({ name })
    .catch((err) => err.code);
  if (left !== 404)
    assert.deepEqual(
      [left.metadata.finalizers, !!left.metadata.deletionTimestamp],
      [['kubernetes.io/pv-protection'], true],
    );
  if (left !== 404) await reclaim(bed.deps, left);
});
