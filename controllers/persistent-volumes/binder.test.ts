// The binder against the API server's own rules in memory: what becomes of claims and volumes, also when it dies at any write,
// sees the past, or runs twice.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { podClaimKeys } from '../../api/core/pod/references.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type StorageClass, StorageClassKind } from '../../api/storage/storageclass.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { isConflict, isNotFound } from '../../machinery/errors.ts';
import { deepFreeze } from '../../machinery/json.ts';
import type { Kind } from '../../machinery/kind.ts';
import { type KubeObject, keyOf } from '../../machinery/metadata.ts';
import { FedInformer } from '../../test/builders/fed-informer.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import { claim, delayed, refTo, storageClass, volume } from '../../test/builders/storage.ts';
import { syncClaim } from './claims.ts';
import { syncVolume } from './volumes.ts';
import { byClaim, byClass, createWrites } from './writes.ts';

const core = '/api/v1';
const claimsPath = `${core}/namespaces/default/persistentvolumeclaims`;
const volumesPath = `${core}/persistentvolumes`;
const classesPath = '/apis/storage.k8s.io/v1/storageclasses';

/** What stands between a binder and its server. Counts writes from one. */
interface Fault {
  /** Before this write the process dies. */
  diesBefore?: number;
  /** After this write it dies, without its answer. */
  diesAfter?: number;
}
class Killed extends Error {}

/** One process: its caches, which are fed by hand, and what it writes. */
class Binder {
  readonly #api: MemoryApi;
  readonly #fault: Fault;
  readonly claims = new FedInformer<PersistentVolumeClaim>();
  readonly volumes = new FedInformer<PersistentVolume>();
  readonly #classes = new FedInformer<StorageClass>();
  readonly #pods = new FedInformer<Pod>();
  readonly #deps;
  writes = 0;
  readonly events: string[] = [];

  constructor(api: MemoryApi, fault: Fault = {}) {
    this.#api = api;
    this.#fault = fault;
    this.volumes.addIndex(byClaim, ({ spec }) => [spec.claimRef ? keyOf({ metadata: spec.claimRef }) : '']);
    this.volumes.addIndex(byClass, ({ spec }) => [spec.storageClassName ?? '']);
    this.#pods.addIndex(byClaim, podClaimKeys);
    const informers = new Map<Kind<any>, FedInformer<any>>([
      [PersistentVolumeClaimKind, this.claims],
      [PersistentVolumeKind, this.volumes],
      [StorageClassKind, this.#classes],
      [PodKind, this.#pods],
    ]);
    const context = {
      informer: (kind: Kind) => informers.get(kind)!,
      resource: (kind: Kind) => this.#client(kind === PersistentVolumeKind ? volumesPath : claimsPath),
      recorder: () => ({
        event: ({ object }: any, type: string, reason: string, message: string) =>
          this.events.push(`${object.metadata.name} ${type} ${reason}: ${message}`),
      }),
    } as unknown as ControllerContext;
    const deps = { writes: createWrites(context), classes: this.#classes.lister, pods: this.#pods.lister };
    this.#deps = { ...deps, enqueueClaim: () => undefined };
  }

  #client(path: string) {
    const write = async (object: KubeObject, subresource = '') => {
      this.writes++;
      if (this.#fault.diesBefore === this.writes) throw new Killed();
      const body = await this.#api.send('PUT', `${path}/${object.metadata.name}${subresource}`, { body: object });
      if (this.#fault.diesAfter === this.writes) throw new Killed();
      return deepFreeze(body);
    };
    return {
      update: (object: KubeObject) => write(object),
      updateStatus: (object: KubeObject) => write(object, '/status'),
      get: ({ name }: { name: string }) => this.#api.send('GET', `${path}/${name}`),
    };
  }

  /** The caches catch up: with everything, or with what `sees` picks. */
  async watch(sees: () => boolean = () => true): Promise<void> {
    await feed(this.claims, await this.#api.send('GET', claimsPath), sees);
    await feed(this.volumes, await this.#api.send('GET', volumesPath), sees);
    await feed(this.#classes, await this.#api.send('GET', classesPath), () => true);
    await feed(this.#pods, await this.#api.send('GET', `${core}/pods`), () => true);
  }

  async sync(key: string): Promise<void> {
    const found = key.includes('/') ? this.claims.lister.get(key) : this.volumes.lister.get(key);
    if (!found) return;
    const { writes } = this.#deps;
    try {
      if (key.includes('/')) await syncClaim(writes.claims.get(key)!, this.#deps);
      else await syncVolume(writes.volumes.get(key)!, this.#deps);
    } catch (err) {
      if (!isConflict(err) && !isNotFound(err)) throw err;
    }
  }

  /** Looks at everything until nothing is left to write. */
  async settle(): Promise<void> {
    for (let before = -1; before !== this.writes; ) {
      before = this.writes;
      await this.watch();
      for (const key of [...this.volumes.lister.keys(), ...this.claims.lister.keys()]) await this.sync(key);
    }
  }
}

async function feed<T extends KubeObject>(informer: FedInformer<T>, objects: T[], sees: () => boolean) {
  const there = new Set(objects.map(keyOf));
  for (const known of informer.lister.list()) if (!there.has(keyOf(known)) && sees()) informer.remove(known);
  for (const object of objects) {
    const known = informer.lister.get(keyOf(object));
    if (known?.metadata.resourceVersion !== object.metadata.resourceVersion && sees()) informer.put(deepFreeze(object));
  }
}

type Given = { claims?: KubeObject[]; volumes?: KubeObject[]; classes?: KubeObject[]; pods?: KubeObject[] };

async function startApi({ claims = [], volumes = [], classes = [], pods = [] }: Given): Promise<MemoryApi> {
  const api = await startMemoryApi();
  const create = async (path: string, object: KubeObject) => {
    const { resourceVersion: _version, uid: _uid, ...metadata } = object.metadata;
    await api.send('POST', path, { body: { ...object, metadata } });
  };
  for (const it of classes) await create(classesPath, it);
  for (const it of volumes) await create(volumesPath, it);
  for (const it of claims) await create(claimsPath, it);
  for (const it of pods) await create(`${core}/namespaces/default/pods`, it);
  return api;
}

/** `a=Bound:v` for claims, `v=Bound:a` for volumes; a volume that is kept without a uid as `(a)`. */
async function stateOf(api: MemoryApi): Promise<string> {
  const claims: PersistentVolumeClaim[] = await api.send('GET', claimsPath);
  const volumes: PersistentVolume[] = await api.send('GET', volumesPath);
  const ofClaims = claims.map(({ metadata, spec, status }) => {
    const isDone = metadata.annotations?.['pv.kubernetes.io/bind-completed'] ? '' : '?';
    return `${metadata.name}=${status?.phase}${spec.volumeName ? `:${spec.volumeName}${isDone}` : ''}`;
  });
  const ofVolumes = volumes.map(({ metadata, spec, status }) => {
    const { name, uid } = spec.claimRef ?? {};
    return `${metadata.name}=${status?.phase}${name ? `:${uid ? name : `(${name})`}` : ''}`;
  });
  return [...ofClaims, ...ofVolumes].join(' ');
}

const isDefault = { 'storageclass.kubernetes.io/is-default-class': 'true' };
const pod = (name: string, claimName: string) => ({
  metadata: { name },
  spec: {
    containers: [{ name: 'c', image: 'x' }],
    volumes: [{ name: 'v', persistentVolumeClaim: { claimName } }],
  },
});
const tooSmall = volume('v', { capacity: { storage: '1Mi' } });
const wait =
  "Waiting for a volume to be created either by the external provisioner 'csi.example.com' or manually by the system " +
  'administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.';

describe('what becomes of claims and volumes', () => {
  const fast = { storageClassName: 'fast' };
  const cases: [name: string, given: Given, want: string, events?: string[]][] = [
    ['bound', { claims: [claim('a')], volumes: [volume('v')] }, 'a=Bound:v v=Bound:a'],
    [
      'the smaller claim leaves the larger volume',
      { claims: [claim('a')], volumes: [volume('v', { capacity: { storage: '5Gi' } }), volume('w')] },
      'a=Bound:w v=Available w=Bound:a',
    ],
    [
      'the volume with fewer modes, even if it is larger',
      {
        claims: [claim('a')],
        volumes: [
          volume('v', { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] }),
          volume('w', { capacity: { storage: '2Gi' } }),
        ],
      },
      'a=Bound:w v=Available w=Bound:a',
    ],
    [
      'the volume names the claim',
      { claims: [claim('a')], volumes: [volume('v', refTo('a', ''))] },
      'a=Bound:v v=Bound:a',
    ],
    [
      'the claim names the volume',
      { claims: [claim('a', { volumeName: 'v' })], volumes: [volume('v')] },
      'a=Bound:v v=Bound:a',
    ],
    ['the volume waits for its claim', { volumes: [volume('v', refTo('a', ''))] }, 'v=Available:(a)'],
    [
      'the claim names one that does not suit',
      { claims: [claim('a', { volumeName: 'v' })], volumes: [tooSmall] },
      'a=Pending:v? v=Available',
      ['a Warning VolumeMismatch: Cannot bind to requested volume "v": requested PV is too small'],
    ],
    [
      'the claim names one of another attributes class',
      { claims: [claim('a', { volumeName: 'v', volumeAttributesClassName: 'gold' })], volumes: [volume('v')] },
      'a=Pending:v? v=Available',
      ['a Warning VolumeMismatch: Cannot bind to requested volume "v": volumeAttributesClassName does not match'],
    ],
    [
      'a volume without the access mode that was made for the claim',
      { claims: [claim('a', { accessModes: ['ReadWriteMany'] })], volumes: [volume('v', refTo('a', ''))] },
      'a=Pending v=Available:(a)',
      ['a Normal FailedBinding: no persistent volumes available for this claim and no storage class is set'],
    ],
    [
      "the claim names another one's",
      { claims: [claim('a', { volumeName: 'v' })], volumes: [volume('v', refTo('b', ''))] },
      'a=Pending:v? v=Available:(b)',
      ['a Warning FailedBinding: volume "v" already bound to a different claim.'],
    ],
    ['the claim names one that is not there', { claims: [claim('a', { volumeName: 'v' })] }, 'a=Pending:v?'],
    [
      'no class and nothing there',
      { claims: [claim('a')] },
      'a=Pending',
      ['a Normal FailedBinding: no persistent volumes available for this claim and no storage class is set'],
    ],
    [
      'a class that is not there',
      { claims: [claim('a', fast)] },
      'a=Pending',
      ['a Warning ProvisioningFailed: storageclass.storage.k8s.io "fast" not found'],
    ],
    [
      'a class whose volumes nobody makes',
      { claims: [claim('a', fast)], classes: [storageClass('fast', { provisioner: 'kubernetes.io/no-provisioner' })] },
      'a=Pending',
      ['a Warning ProvisioningFailed: no volume plugin matched name: kubernetes.io/no-provisioner'],
    ],
    [
      'a class whose volumes somebody else makes',
      { claims: [claim('a', fast)], classes: [storageClass('fast')] },
      'a=Pending',
      [`a Normal ExternalProvisioning: ${wait}`],
    ],
    [
      'a class that waits for a pod, which binds nothing by itself',
      { claims: [claim('a', fast)], classes: [storageClass('fast', delayed)], volumes: [volume('v', fast)] },
      'a=Pending v=Available',
      ['a Normal WaitForFirstConsumer: waiting for first consumer to be created before binding'],
    ],
    [
      'and says for which',
      { claims: [claim('a', fast)], classes: [storageClass('fast', delayed)], pods: [pod('p', 'a'), pod('q', 'a')] },
      'a=Pending',
      ['a Normal WaitForPodScheduled: waiting for pods p,q to be scheduled'],
    ],
    [
      'the scheduler has chosen a volume',
      { claims: [claim('a', fast)], classes: [storageClass('fast', delayed)], volumes: [volume('v', refTo('a', ''))] },
      'a=Bound:v v=Bound:a',
    ],
    [
      'a volume of another mode that was made for the claim',
      { claims: [claim('a')], volumes: [volume('v', { ...refTo('a', ''), volumeMode: 'Block' })] },
      'a=Pending v=Available:(a)',
      ['a Normal FailedBinding: no persistent volumes available for this claim and no storage class is set'],
    ],
  ];
  for (const [name, given, want, events = []] of cases) {
    test(name, async () => {
      const api = await startApi(given);
      const binder = new Binder(api);
      await binder.settle();
      assert.equal(await stateOf(api), want);
      assert.deepEqual([...new Set(binder.events)], events);
      assert.ok(binder.events.length <= 3 * events.length);
    });
  }
});

test('the class that becomes the default is given to claims that wait for any', async () => {
  const api = await startApi({ claims: [claim('a'), claim('b', { storageClassName: '' })] });
  const binder = new Binder(api);
  await binder.settle();
  await api.send('POST', classesPath, {
    body: { ...storageClass('std'), metadata: { name: 'std', annotations: isDefault } },
  });
  await binder.settle();
  const [a, b]: PersistentVolumeClaim[] = await api.send('GET', claimsPath);
  assert.deepEqual([a!.spec.storageClassName, b!.spec.storageClassName], ['std', '']);
  const provisioner = 'csi.example.com';
  assert.deepEqual(a!.metadata.annotations, {
    'volume.beta.kubernetes.io/storage-provisioner': provisioner,
    'volume.kubernetes.io/storage-provisioner': provisioner,
  });
});

test('a bound claim has what its volume has, and keeps a size that was changed later', async () => {
  const api = await startApi({ claims: [claim('a')], volumes: [volume('v', { capacity: { storage: '3Gi' } })] });
  const binder = new Binder(api);
  await binder.settle();
  const bound = await api.send('GET', `${claimsPath}/a`);
  assert.deepEqual(bound.status, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '3Gi' } });
  assert.deepEqual(bound.metadata.annotations, {
    'pv.kubernetes.io/bind-completed': 'yes',
    'pv.kubernetes.io/bound-by-controller': 'yes',
  });
  const grown = { ...bound, status: { ...bound.status, capacity: { storage: '5Gi' } } };
  await api.send('PUT', `${claimsPath}/a/status`, { body: grown });
  await binder.settle();
  assert.equal((await api.send('GET', `${claimsPath}/a`)).status.capacity.storage, '5Gi');
});

describe('a volume whose claim is gone', () => {
  const made = { annotations: { 'pv.kubernetes.io/provisioned-by': 'csi.example.com' } };
  const csi = { hostPath: undefined, csi: { driver: 'csi.example.com', volumeHandle: 'h' } };
  const drop = { persistentVolumeReclaimPolicy: 'Delete' };
  const cases: [name: string, volume: KubeObject, want: string, event?: string][] = [
    ['is kept', volume('v'), 'Released'],
    ['is taken away by its driver', volume('v', { ...csi, ...drop }), 'Released'],
    ['is taken away by its maker', volume('v', drop, made), 'Released'],
    [
      'is one that nobody takes away',
      volume('v', drop),
      'Failed',
      'VolumeFailedDelete: host_path deleter only supports /tmp/.+ but received provided /data/v',
    ],
    [
      'lies where others keep their files',
      volume('v', { ...drop, hostPath: { path: '/tmp/x' } }),
      'Failed',
      'VolumeFailedDelete: error getting deleter volume plugin for volume "v": no deletable volume plugin matched',
    ],
    [
      'is to be emptied',
      volume('v', { persistentVolumeReclaimPolicy: 'Recycle' }),
      'Failed',
      'VolumeFailedRecycle: No recycler plugin found for the volume!',
    ],
  ];
  for (const [name, it, phase, event] of cases) {
    test(name, async () => {
      const api = await startApi({ claims: [claim('a')], volumes: [it] });
      const binder = new Binder(api);
      await binder.settle();
      const bound = await api.send('GET', `${claimsPath}/a`);
      await api.send('PUT', `${claimsPath}/a`, { body: { ...bound, metadata: { ...bound.metadata, finalizers: [] } } });
      await api.send('DELETE', `${claimsPath}/a`);
      await api.send('POST', claimsPath, { body: { metadata: { name: 'a' }, spec: bound.spec && claim('a').spec } });
      await binder.settle(); // the new claim of the name is another one, and gets nothing
      assert.equal(await stateOf(api), `a=Pending v=${phase}:a`);
      const { status } = await api.send('GET', `${volumesPath}/v`);
      assert.equal(status.message, event?.replace(/^\w+: /, ''));
      assert.deepEqual(
        binder.events.filter((text) => text.startsWith('v ')),
        event ? [`v Warning ${event}`] : [],
      );
    });
  }
});

test('a claim whose volume is gone is lost, and says so once', async () => {
  const api = await startApi({ claims: [claim('a')], volumes: [volume('v')] });
  const binder = new Binder(api);
  await binder.settle();
  const bound = await api.send('GET', `${volumesPath}/v`);
  await api.send('PUT', `${volumesPath}/v`, { body: { ...bound, metadata: { ...bound.metadata, finalizers: [] } } });
  await api.send('DELETE', `${volumesPath}/v`);
  await binder.settle();
  assert.equal(await stateOf(api), 'a=Lost:v');
  const lost = 'a Warning ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!';
  assert.deepEqual(binder.events, [lost]);
});

describe('two volumes for one claim, or two claims for one volume', () => {
  const drop = { persistentVolumeReclaimPolicy: 'Delete' };
  const made = { 'pv.kubernetes.io/provisioned-by': 'csi.example.com' };
  const reserved = { 'pv.kubernetes.io/bound-by-controller': 'yes' };
  const cases: [name: string, annotations: Record<string, string>, spec: object, want: string][] = [
    ['one that was reserved is free again', reserved, {}, 'Available'],
    ['one that a user has set aside stays so', {}, {}, 'Available:(a)'],
    ['one that was made for the claim is let go', made, drop, 'Released:a'],
  ];
  for (const [name, annotations, spec, want] of cases) {
    test(name, async () => {
      const api = await startApi({ claims: [claim('a')], volumes: [volume('v')] });
      await new Binder(api).settle();
      const { uid } = (await api.send('GET', `${claimsPath}/a`)).metadata;
      const { spec: full } = volume('w', { ...refTo('a', uid), ...spec, csi: { driver: 'd', volumeHandle: 'h' } });
      const { hostPath: _, ...body } = full;
      await api.send('POST', volumesPath, { body: { metadata: { name: 'w', annotations }, spec: body } });
      await new Binder(api).settle();
      assert.equal(await stateOf(api), `a=Bound:v v=Bound:a w=${want}`);
      const { metadata } = await api.send('GET', `${volumesPath}/w`);
      assert.equal(metadata.annotations?.['pv.kubernetes.io/bound-by-controller'], undefined);
    });
  }

  test('a claim that says it has the volume of another is lost', async () => {
    const api = await startApi({ claims: [claim('a')], volumes: [volume('v')] });
    await new Binder(api).settle();
    const annotations = { 'pv.kubernetes.io/bind-completed': 'yes' };
    const body = { metadata: { name: 'b', annotations }, spec: { ...claim('b').spec, volumeName: 'v' } };
    await api.send('POST', claimsPath, { body });
    const binder = new Binder(api);
    await binder.settle();
    assert.equal(await stateOf(api), 'a=Bound:v b=Lost:v v=Bound:a');
    const message = 'Two claims are bound to the same volume, this one is bound incorrectly';
    assert.deepEqual(binder.events, [`b Warning ClaimMisbound: ${message}`]);
  });
});

test('a volume is not released because the cache has not seen its claim', async () => {
  const api = await startApi({ claims: [claim('a')], volumes: [volume('v')] });
  await new Binder(api).settle();
  const behind = new Binder(api);
  await behind.watch();
  behind.claims.remove(behind.claims.lister.get('default/a')!);
  await behind.sync('v');
  assert.equal(await stateOf(api), 'a=Bound:v v=Bound:a');
});

const given: Given = {
  claims: [claim('a'), claim('b', { volumeName: 'w' }), claim('c', { storageClassName: 'fast' })],
  volumes: [volume('u'), volume('w', { capacity: { storage: '2Gi' } }), volume('x', { capacity: { storage: '3Gi' } })],
  classes: [storageClass('fast')],
};
const wanted = 'a=Bound:u b=Bound:w c=Pending u=Bound:a w=Bound:b x=Available';

test('a process that dies at any of its writes is followed by one that ends where it would have', async () => {
  const api = await startApi(given);
  const undisturbed = new Binder(api);
  await undisturbed.settle();
  assert.equal(await stateOf(api), wanted);
  assert.ok(undisturbed.writes >= 9, `${undisturbed.writes} writes`);
  for (let at = 1; at <= undisturbed.writes; at++) {
    for (const fault of [{ diesBefore: at }, { diesAfter: at }]) {
      const api = await startApi(given);
      await assert.rejects(new Binder(api, fault).settle(), Killed);
      await new Binder(api).settle();
      assert.equal(await stateOf(api), wanted, JSON.stringify(fault));
    }
  }
});

test('two that run at once and see the past bind no volume twice', async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const random = seededRandom(seed);
    const claims = ['a', 'b', 'c', 'd'].map((name) => claim(name));
    const api = await startApi({ claims, volumes: ['u', 'v', 'w'].map((name) => volume(name)) });
    const binders = [new Binder(api), new Binder(api)];
    const keys = [...claims.map(keyOf), 'u', 'v', 'w'];
    for (let step = 0; step < 40; step++) {
      for (const binder of binders) await binder.watch(() => random.next() < 0.3);
      const key = () => keys[Math.floor(random.next() * keys.length)]!;
      await Promise.all(binders.map((binder) => binder.sync(key())));
      await mustBeOneToOne(api, seed);
    }
    await binders[0]!.settle();
    await mustBeOneToOne(api, seed);
    const state = await stateOf(api);
    assert.equal(state.match(/[abcd]=Bound/g)?.length, 3, `seed ${seed}: ${state}`);
    assert.equal(state.match(/[uvw]=Bound/g)?.length, 3, `seed ${seed}: ${state}`);
  }
});

/** No two claims name one volume. */
async function mustBeOneToOne(api: MemoryApi, seed: number): Promise<void> {
  const claims: PersistentVolumeClaim[] = await api.send('GET', claimsPath);
  const names = claims.flatMap(({ spec }) => spec.volumeName ?? []);
  assert.equal(new Set(names).size, names.length, `seed ${seed}: ${names}`);
}
