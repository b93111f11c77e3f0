import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { KubeClient } from '../../client/rest.ts';
import { silentLogger } from '../../machinery/log.ts';
import { realRandom } from '../../machinery/random.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
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
