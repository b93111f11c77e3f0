// From a pod's volume to the volume behind its claim, and the words in which that fails.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { ClaimError, findBoundClaim } from './claims.ts';
import { NotYetError, StepError } from './plugin.ts';
import { describeUnmounted } from './volume-error.ts';

const claims = '/api/v1/namespaces/default/persistentvolumeclaims';
const volumes = '/api/v1/persistentvolumes';
const shared = { accessModes: ['ReadWriteOnce'] };

describe('findBoundClaim()', () => {
  let api: MemoryApi;
  before(async () => {
    api = await startMemoryApi();
  });

  /** A claim and its volume, bound as told. */
  async function make(name: string, { pv = {} as object | null, phase = 'Bound', ref = true, metadata = {} } = {}) {
    const volumeName = `pv-${name}`;
    const spec = { ...shared, volumeName, resources: { requests: { storage: '1Gi' } } };
    const claim = await api.send('POST', claims, { body: { metadata: { name, ...metadata }, spec } });
    await api.send('PUT', `${claims}/${name}/status`, { body: { ...claim, status: { phase } } });
    if (!pv) return claim;
    const claimRef = ref ? { claimRef: { namespace: 'default', name, uid: claim.metadata.uid } } : {};
    const body = { ...shared, capacity: { storage: '1Gi' }, hostPath: { path: '/x' }, ...claimRef, ...pv };
    await api.send('POST', volumes, { body: { metadata: { name: volumeName }, spec: body } });
    return claim;
  }
  const pod = (container: object = {}): Pod => ({
    metadata: { name: 'p', namespace: 'default', uid: 'pod-uid' },
    spec: { containers: [{ name: 'c', ...container }] },
    status: {},
  });
  const find = (claimName: string, container?: object) =>
    findBoundClaim(memoryClient(api), pod(container), { name: 'v', persistentVolumeClaim: { claimName } });

  test('the claim and its volume', async () => {
    const made = await make('good');
    const { claim, pv } = await find('good', { volumeMounts: [{ name: 'v', mountPath: '/v' }] });
    assert.deepEqual([claim.metadata.uid, pv.metadata.name], [made.metadata.uid, 'pv-good']);
  });

  const head = 'error processing PVC default/';
  const refusals: [string, () => Promise<unknown>, string][] = [
    [
      'absent',
      async () => undefined,
      `${head}absent: failed to fetch PVC from API server: persistentvolumeclaims "absent" not found`,
    ],
    ['pending', () => make('pending', { phase: 'Pending' }), `${head}pending: PVC is not bound`],
    [
      'lost',
      () => make('lost', { pv: null }),
      `${head}lost: failed to fetch PV pv-lost from API server: persistentvolumes "pv-lost" not found`,
    ],
    [
      'unheld',
      () => make('unheld', { ref: false }),
      `${head}unheld: found PV object pv-unheld but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    ],
  ];
  for (const [name, prepare, text] of refusals) {
    test(`refused: ${name}`, async () => {
      await prepare();
      await assert.rejects(find(name), { constructor: ClaimError, message: text });
    });
  }

  test('refused: a claim that goes, and a volume of another claim of the name', async () => {
    await make('going', { metadata: { finalizers: ['example.com/keep'] } });
    await api.send('DELETE', `${claims}/going`);
    await assert.rejects(find('going'), { message: `${head}going: PVC is being deleted` });
    const claimRef = { namespace: 'default', name: 'second', uid: 'first-uid' };
    const made = await make('second', { pv: { claimRef } });
    const text = `found PV object pv-second but its pv.Spec.ClaimRef.UID first-uid does not point to claim.UID ${made.metadata.uid}`;
    await assert.rejects(find('second'), { message: `${head}second: ${text}` });
  });

  test('a device is not a folder', async () => {
    await make('device', { pv: { volumeMode: 'Block' } });
    await make('folder');
    const mount = { volumeMounts: [{ name: 'v', mountPath: '/v' }] };
    const device = { volumeDevices: [{ name: 'v', devicePath: '/dev/v' }] };
    await assert.rejects(find('device', mount), {
      message: 'volume v has volumeMode Block, but is specified in volumeMounts',
    });
    await assert.rejects(find('folder', device), {
      message: 'volume v has volumeMode Filesystem, but is specified in volumeDevices',
    });
    for (const how of [device, {}]) assert.equal((await find('device', how)).pv.spec.volumeMode, 'Block');
  });

  test('an ephemeral claim is its pod’s', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod-uid', controller: true };
    const ask = () => findBoundClaim(memoryClient(api), pod(), { name: 'e', ephemeral: {} } as never);
    await make('p-e');
    await assert.rejects(ask(), { message: 'PVC default/p-e was not created for pod default/p (pod is not owner)' });
    const claim = await api.send('GET', `${claims}/p-e`);
    await api.send('PUT', `${claims}/p-e`, {
      body: { ...claim, metadata: { ...claim.metadata, ownerReferences: [owner] } },
    });
    assert.equal((await ask()).pv.metadata.name, 'pv-p-e');
  });
});

test('what has failed is told in one event a volume, and claims in one for all', () => {
  const failure = (name: string, cause: Error, spec?: object) => ({
    ref: { volume: { name }, ...(spec ? { pv: { metadata: { name: `pv-${name}` }, spec } as never } : {}) },
    cause,
  });
  const failures = [
    failure('a', new Error('no such thing')),
    failure('b', new StepError('MountVolume.MountDevice failed', new Error('busy')), {}),
    failure('c', new ClaimError('not bound')),
    failure('d', new ClaimError('not there')),
    failure('e', new NotYetError('attaching'), {}),
    failure('f', new StepError('MountVolume.MountDevice failed', new Error('busy')), { volumeMode: 'Block' }),
    failure('g', new Error('no device'), { volumeMode: 'Block' }),
  ];
  assert.deepEqual(describeUnmounted(failures, ['e', 'a', 'b', 'c', 'd']), [
    { reason: 'FailedMount', message: 'MountVolume.SetUp failed for volume "a" : no such thing', isWaiting: false },
    { reason: 'FailedMount', message: 'MountVolume.MountDevice failed for volume "pv-b" : busy', isWaiting: false },
    { reason: 'FailedMapVolume', message: 'MapVolume.SetUpDevice failed for volume "pv-f" : busy', isWaiting: false },
    {
      reason: 'FailedMapVolume',
      message: 'MapVolume.MapPodDevice failed for volume "pv-g" : no device',
      isWaiting: false,
    },
    {
      reason: 'FailedMount',
      message:
        'Unable to attach or mount volumes: unmounted volumes=[a b c d e], unattached volumes=[e], failed to process volumes=[c d]: not bound; not there',
      isWaiting: false,
    },
  ]);
  const [waiting, ...others] = describeUnmounted(failures.slice(4, 5), ['e']);
  assert.deepEqual([waiting?.isWaiting, others], [true, []]);
  assert.match(
    waiting!.message,
    /unattached volumes=\[e\], failed to process volumes=\[\]: context deadline exceeded$/,
  );
});
