import assert from 'node:assert/strict';
import { test } from 'node:test';
import { recordUpdate } from './managed-fields.ts';
import { objectMeta } from './metadata.ts';
import { s } from './schema.ts';

const port = s.object('t.Port', '', {
  port: s.int32(''),
  protocol: s.string('', { default: 'TCP' }),
  name: s.string(''),
});
const schema = s.object('t.Service', '', {
  metadata: s.field(objectMeta, '', { always: true }),
  spec: s.field(
    s.object('t.Spec', '', {
      replicas: s.int32('', { pointer: true }),
      ports: s.list(port, '', { listType: 'map', listMapKeys: ['port', 'protocol'] }),
      selector: s.map(s.string(''), '', { mapType: 'atomic' }),
      args: s.list(s.string(''), ''),
    }),
    '',
    { always: true },
  ),
  data: s.map(s.string(''), ''),
});
const at = (manager: string, time: string, subresource = '') => ({ manager, apiVersion: 'v1', subresource, time });
const object = (fields: object, managedFields: object[] = []) =>
  ({ metadata: { name: 'x', managedFields }, ...fields }) as any;

test('a create owns everything that was set, and nothing that the server set', () => {
  const made = object({
    spec: { replicas: 1, ports: [{ port: 80, protocol: 'TCP' }], selector: { a: 'b' }, args: ['x'] },
    data: { k: 'v' },
  });
  made.metadata.labels = { l: '1' };
  made.metadata.uid = 'u';
  const [entry, ...others] = recordUpdate(schema, undefined, made, at('one', 't1'));
  assert.deepEqual(others, []);
  assert.deepEqual(entry, {
    manager: 'one',
    operation: 'Update',
    apiVersion: 'v1',
    time: 't1',
    fieldsType: 'FieldsV1',
    fieldsV1: {
      'f:data': { '.': {}, 'f:k': {} },
      'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
      'f:spec': {
        'f:args': {},
        'f:ports': { '.': {}, 'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} } },
        'f:replicas': {},
        'f:selector': {},
      },
    },
  });
});

test('an update takes what it changes from others, and loses what is gone', () => {
  const first = object({ spec: { replicas: 1 }, data: { a: '1', b: '1' } });
  first.metadata.managedFields = recordUpdate(schema, undefined, first, at('one', 't1'));
  const second = object({ spec: { replicas: 2 }, data: { a: '1' } });
  const entries = recordUpdate(schema, first, second, at('two', 't2'));
  assert.deepEqual(
    entries.map((e) => [e.manager, e.fieldsV1]),
    [
      ['one', { 'f:data': { '.': {}, 'f:a': {} } }],
      ['two', { 'f:spec': { 'f:replicas': {} } }],
    ],
  );
});

test('an update that changes nothing of its own keeps its time', () => {
  const first = object({ data: { a: '1' } });
  first.metadata.managedFields = recordUpdate(schema, undefined, first, at('one', 't1'));
  const again = recordUpdate(schema, first, object({ data: { a: '2' } }), at('one', 't2'));
  assert.deepEqual(
    again.map((e) => e.time),
    ['t1'],
  );
});

test('each subresource has an entry of its own', () => {
  const first = object({ data: { a: '1' } });
  first.metadata.managedFields = recordUpdate(schema, undefined, first, at('one', 't1'));
  const entries = recordUpdate(schema, first, object({ data: { a: '1', b: '2' } }), at('one', 't2', 'status'));
  assert.deepEqual(
    entries.map((e) => e.subresource),
    [undefined, 'status'],
  );
});

test('the oldest of more than ten entries are merged', () => {
  let current = object({ data: {} });
  for (let i = 0; i < 14; i++) {
    const next = object({ data: { ...current.data, [`k${i}`]: '1' } });
    next.metadata.managedFields = recordUpdate(schema, current, next, at(`m${i}`, `t${String(i).padStart(2, '0')}`));
    current = next;
  }
  const managers = current.metadata.managedFields.map((e: { manager: string }) => e.manager);
  assert.equal(managers.length, 10);
  assert.ok(managers.includes('ancient-changes'));
});
