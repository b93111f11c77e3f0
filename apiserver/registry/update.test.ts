// How often the next state of an object is made.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { badRequestError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { readWriteOptions } from '../endpoints/options.ts';
import { updateObject } from './update.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
let api: MemoryApi;
before(async () => {
  api = await startMemoryApi();
  await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
});

/** How often a change was asked for that is refused whatever the object is. */
async function triesOf(): Promise<number> {
  let tries = 0;
  const produce = () => {
    tries++;
    throw badRequestError('no');
  };
  const request = api.request('PUT', `${configMaps}/a`);
  const target = { namespace: 'default', name: 'a', subresource: '', produce };
  const work = updateObject(api.context, request.kind, target, readWriteOptions(request, 'UpdateOptions'));
  await assert.rejects(work, { code: 400, message: 'no' });
  return tries;
}

test('a refusal stands where etcd has nothing newer', async () => {
  assert.equal(await triesOf(), 1);
});

test('and is looked at again where it has', async () => {
  api.etcd.lag();
  await api.send('PUT', `${configMaps}/a`, { body: { metadata: { name: 'a' }, data: { b: 'c' } } });
  assert.equal(await triesOf(), 2);
  api.etcd.catchUp();
});
