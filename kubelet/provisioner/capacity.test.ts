// What is told of the room for volumes of a class, against the API's verbs and the real driver's answers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StorageClass } from '../../api/storage/storageclass.ts';
import type { GetCapacityRequest } from '../../proto/csi.gen.ts';
import type { CsiClient } from '../../proto/csi-client.ts';
import type { Init } from '../../proto/message.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { type CapacityDeps, publishCapacity } from './capacity.ts';

const segments = { 'topology.d/node': 'n' };
const path = '/apis/storage.k8s.io/v1/namespaces/kube-system/csistoragecapacities';

describe('the room for volumes', async () => {
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } });
  const classes = '/apis/storage.k8s.io/v1/storageclasses';
  const makeClass = (name: string, more: object = {}): Promise<StorageClass> =>
    api.send('POST', classes, {
      body: { metadata: { name }, provisioner: 'd', volumeBindingMode: 'WaitForFirstConsumer', ...more },
    });
  const asked: Init<GetCapacityRequest>[] = [];
  let room: object = { available_capacity: '0' };
  let isWanted = true;
  let seen: any[] = [];
  const GetCapacity = async (request: Init<GetCapacityRequest>) => {
    asked.push(request);
    return { maximum_volume_size: null, minimum_volume_size: null, ...room };
  };
  const deps: CapacityDeps = {
    client: memoryClient(api),
    driver: { name: 'd', client: { controller: { GetCapacity } } as unknown as CsiClient, segments, identity: 'me' },
    nodeName: 'n',
    driverObject: () => ({ metadata: { name: 'd' }, spec: { storageCapacity: isWanted } }) as never,
    capacity: (key) => seen.find(({ metadata }) => `${metadata.namespace}/${metadata.name}` === key),
  };
  const publish = async (storageClass: StorageClass) => {
    const result = await publishCapacity(deps, storageClass);
    seen = await api.send('GET', path);
    return result;
  };

  test('is told for a class, looked at again, and taken back', async () => {
    const parameters = { own: '1', 'csi.storage.k8s.io/fstype': 'ext4' };
    const late = await makeClass('late', { parameters });
    room = { available_capacity: String(3 * 2 ** 30) };
    assert.deepEqual(await publish(late), { requeueAfterMs: 60_000 });
    assert.deepEqual(asked, [{ parameters: { own: '1' }, accessible_topology: { segments } }]);
    const [first] = seen;
    assert.deepEqual(
      [first.capacity, first.maximumVolumeSize, first.storageClassName, first.nodeTopology, first.metadata.labels],
      ['3Gi', undefined, 'late', { matchLabels: segments }, { 'csi.storage.k8s.io/drivername': 'd' }],
    );
    assert.equal(first.metadata.ownerReferences[0].uid, late.metadata.uid);
    await publish(late);
    assert.equal(seen[0].metadata.resourceVersion, first.metadata.resourceVersion, 'the same is not written again');
    room = { available_capacity: '1000', maximum_volume_size: { value: '512' } };
    await publish(late);
    assert.deepEqual([seen.length, seen[0].capacity, seen[0].maximumVolumeSize], [1, '1k', '512']);
    isWanted = false;
    assert.equal(await publish(late), undefined);
    assert.deepEqual(seen, []);
    isWanted = true;
  });

  test('is nothing to tell of classes of others, and of those whose volumes are made at once', async () => {
    asked.length = 0;
    for (const more of [{ provisioner: 'other' }, { volumeBindingMode: 'Immediate' }]) {
      assert.equal(await publish(await makeClass(`of-${Object.keys(more)[0]!.toLowerCase()}`, more)), undefined);
    }
    assert.deepEqual([asked, seen], [[], []]);
  });
});
