import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMapKind } from '../../api/core/configmap.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { KubeClient } from '../../client/rest.ts';
import { silentLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { memoryClient } from '../../test/builders/memory-client.ts';
import { WatchedObjects } from './watched-objects.ts';

test('an object that cannot be read is waited for only so long', async () => {
  const clock = new FakeClock();
  const client = { resource: () => ({ list: () => new Promise(() => undefined) }) } as unknown as KubeClient;
  const objects = new WatchedObjects(client, { clock, random: realRandom, log: silentLogger }, () => undefined);
  const found = objects.secret({ metadata: { uid: 'u', namespace: 'ns' }, spec: { containers: [] } } as Pod, 's');
  const refused = assert.rejects(found, /failed to sync secret cache: timed out waiting for the condition/);
  await clock.advance(10_000);
  await refused;
  objects.close();
});

test('an object is watched once for pods that come one after the other, and no longer', async () => {
  const clock = new FakeClock();
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces/default/configmaps', {
    body: { metadata: { name: 'c' }, data: { k: 'v' } },
  });
  const client = memoryClient(api);
  let lists = 0;
  const counted = {
    resource: (kind: typeof ConfigMapKind) => {
      const real = client.resource(kind);
      return Object.assign(Object.create(real), {
        list: (...args: Parameters<typeof real.list>) => {
          lists++;
          return real.list(...args);
        },
      });
    },
  } as unknown as KubeClient;
  const objects = new WatchedObjects(counted, { clock, random: realRandom, log: silentLogger }, () => undefined);
  const pod = (uid: string) => ({ metadata: { uid, namespace: 'default' }, spec: { containers: [] } }) as Pod;
  const read = async (uid: string) => (await objects.configMap(pod(uid), 'c'))?.data?.k;
  assert.equal(await read('a'), 'v');
  objects.release('a');
  await clock.advance(9_000);
  assert.equal(await read('b'), 'v');
  await clock.advance(9_000);
  objects.release('b');
  await clock.advance(9_000);
  assert.deepEqual([await read('c'), lists], ['v', 1]);
  objects.release('c');
  await clock.advance(10_000);
  assert.deepEqual([await read('d'), lists], ['v', 2]);
  objects.close();
});
