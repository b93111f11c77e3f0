import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';

test('an event is called after its object, whatever that is called', async () => {
  const api = await startMemoryApi();
  const create = async (metadata: object) => {
    const body = { metadata, involvedObject: { kind: 'ClusterRole', name: 'system:node' }, reason: 'Seen' };
    return (await api.send('POST', '/api/v1/namespaces/default/events', { body })).metadata?.name;
  };
  assert.match(String(await create({ generateName: 'system:node.' })), /^system:node\.[a-z0-9]{5}$/);
  assert.equal(await create({ name: 'system:node.17' }), 'system:node.17');
  await assert.rejects(create({ name: 'a%b' }), /metadata\.name: Invalid value: "a%b": may not contain '%'/);
});
