// Objects of as many values as there is room for, through every verb: they are stored as they were sent, and others have
// their turn meanwhile.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { countRounds } from '../../test/builders/rounds.ts';
import { slowClock } from '../../test/builders/slow-clock.ts';
import { LargeRequests } from '../large-requests.ts';
import type { ApiContext } from '../registry/context.ts';
import { handleCreate } from './create.ts';
import { handlePatch } from './patch.ts';
import { handleUpdate } from './update.ts';

const core = '/api/v1/namespaces/default';
const revisions = '/apis/apps/v1/namespaces/default/controllerrevisions';
const ones = (count: number) => `[${'1,'.repeat(count - 1)}1]`;
const keys = (count: number, value = 'v') => Array.from({ length: count }, (_, i) => `"k${i}":"${value}"`).join(',');
const verbs = { create: handleCreate, update: handleUpdate, patch: handlePatch };

let api: MemoryApi;
let context: ApiContext;
before(async () => {
  api = await startMemoryApi();
  context = { ...api.context, clock: slowClock() };
});

async function write(method: string, url: string, body: string, contentType = 'application/json') {
  const request = api.request(method, url, { body, contentType });
  const work = () => verbs[request.info.verb as keyof typeof verbs](context, request);
  const { value, rounds } = await countRounds(() => new LargeRequests(context.clock).run(request, work));
  assert.ok(value.type === 'object');
  return { object: value.stored.object as any, rounds };
}

const patch = (name: string) => `application/${name}-patch+${name === 'apply' ? 'yaml' : 'json'}`;

describe('a list of 600,000 numbers', () => {
  const count = 600_000;
  const config = (revision: number) =>
    `{"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"r"},"revision":${revision},"data":${ones(count)}}`;
  const one = `${revisions}/r`;
  const writes: [what: string, method: string, url: string, body: string, contentType?: string][] = [
    ['created', 'POST', revisions, config(1)],
    ['replaced', 'PUT', one, config(2)],
    ['merged', 'PATCH', one, `{"revision":3,"data":${ones(count)}}`, patch('merge')],
    ['merged strategically', 'PATCH', one, '{"revision":4}', patch('strategic-merge')],
    ['patched', 'PATCH', one, '[{"op":"replace","path":"/revision","value":5}]', patch('json')],
    ['applied', 'PATCH', `${one}?fieldManager=a&force=true`, config(6), patch('apply')],
  ];
  for (const [i, [what, method, url, body, contentType]] of writes.entries())
    test(what, async () => {
      const { object, rounds } = await write(method, url, body, contentType);
      assert.equal(object.revision, i + 1);
      assert.equal(object.data.length, count);
      assert.ok(rounds >= 5, `others had ${rounds} turns`);
    });
});

describe('a map of 30,000 keys', () => {
  const count = 30_000;
  const one = `${core}/configmaps/m`;
  const config = (value: string) =>
    `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{${keys(count, value)}}}`;
  const writes: [what: string, method: string, url: string, body: string, contentType?: string][] = [
    ['a', 'POST', `${core}/configmaps`, config('a')],
    ['b', 'PUT', one, config('b')],
    ['c', 'PATCH', one, `{"data":{${keys(count, 'c')}}}`, patch('merge')],
    ['d', 'PATCH', one, `{"data":{${keys(count, 'd')}}}`, patch('strategic-merge')],
    ['e', 'PATCH', `${one}?fieldManager=a&force=true`, config('e'), patch('apply')],
  ];
  for (const [value, method, url, body, contentType] of writes)
    test(`${method} ${contentType ?? ''}`, async () => {
      const { object, rounds } = await write(method, url, body, contentType);
      assert.equal(Object.keys(object.data).length, count);
      assert.ok(Object.values(object.data).every((given) => given === value));
      const [owner] = object.metadata.managedFields.filter((entry: any) => entry.fieldsV1['f:data']);
      assert.ok(Object.keys(owner.fieldsV1['f:data']).length >= count);
      assert.ok(rounds >= 5, `others had ${rounds} turns`);
    });
});

test('managers of 20,000 names have their fields read in turns', async () => {
  const entry = (i: number) =>
    `{"manager":"m${i}","operation":"Apply","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:k${i}":{}}}}`;
  const managers = Array.from({ length: 20_000 }, (_, i) => entry(i)).join(',');
  const config = `{"metadata":{"name":"managed","managedFields":[${managers}]},"data":{"a":"b"}}`;
  const { rounds } = await write('POST', `${core}/configmaps`, config);
  assert.ok(rounds >= 4_000, `others had ${rounds} turns`);
});

test('what would take more room than there is gets a clear refusal', async () => {
  const env = Array.from({ length: 80_000 }, (_, i) => `{"name":"V${i}","value":"v"}`).join(',');
  const pod = (containers: string) => `{"metadata":{"name":"p"},"spec":{"containers":[${containers}]}}`;
  const refused: [url: string, body: string, message: RegExp][] = [
    [
      `${core}/configmaps`,
      `{"metadata":{"name":"x"},"data":{${keys(200_000)}}}`,
      /the object is larger than etcd keeps/,
    ],
    [`${core}/pods`, pod(`{"name":"c","image":"i","env":[${env}]}`), /the object is larger than etcd keeps/],
    [`${core}/pods`, pod(Array(400_000).fill('{}').join(',')), /limit is 200000 values/],
  ];
  for (const [url, body, message] of refused)
    await assert.rejects(write('POST', url, body), { code: 413, reason: 'RequestEntityTooLarge', message });
});
