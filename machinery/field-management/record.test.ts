import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type ManagedFieldsEntry, objectMeta } from '../metadata.ts';
import { s } from '../schema.ts';
import { finish } from '../steps.ts';
import { capUpdaters, storedManagers } from './managers.ts';
import { blankOf, decidedPart, recordUpdate, type View, type Writer } from './record.ts';

const port = s.object('t.Port', '', {
  port: s.int32('', { always: true }),
  protocol: s.string('', { default: 'TCP' }),
  name: s.string(''),
});
const schema = s.object('t.Service', '', {
  apiVersion: s.string(''),
  kind: s.string(''),
  metadata: s.field(objectMeta, '', { always: true }),
  spec: s.field(
    s.object('t.Spec', '', {
      replicas: s.int32('', { pointer: true }),
      ports: s.list(port, '', { listType: 'map', listMapKeys: ['port', 'protocol'], always: true }),
      selector: s.map(s.string(''), '', { mapType: 'atomic' }),
      args: s.list(s.string(''), ''),
      zones: s.list(s.string(''), '', { listType: 'set' }),
      free: s.any('', ''),
      raw: s.any('t.Raw', ''),
    }),
    '',
    { always: true },
  ),
  status: s.field(s.object('t.Status', '', { phase: s.string('') }), ''),
  data: s.map(s.string(''), ''),
});

const at = (manager: string, time: string, subresource = ''): Writer => ({
  manager,
  apiVersion: 'v1',
  subresource,
  time,
});
const object = (fields: object, managedFields?: ManagedFieldsEntry[]): any => ({
  metadata: { name: 'x', ...(managedFields ? { managedFields } : {}) },
  ...fields,
});
const part = (subresource: string) => ({ hasStatus: true, subresource, statusKeeps: [] });

/** The entries after `writer` made `next` of `old`. */
function record(old: any, next: any, writer: Writer, sent?: ManagedFieldsEntry[]): ManagedFieldsEntry[] {
  const view: View = {
    schema,
    old: decidedPart(old ?? blankOf(schema), part(writer.subresource)),
    next: decidedPart(next, part(writer.subresource)),
  };
  const views = (apiVersion: string) => (apiVersion === 'v1' ? view : undefined);
  return finish(recordUpdate({ writer, views, stored: old?.metadata.managedFields, sent, isCreate: !old }));
}

/** An object that `manager` made. */
function made(fields: object, manager = 'one', time = '2026-01-01T00:00:00Z'): any {
  const plain = object(fields);
  return object(fields, record(undefined, plain, at(manager, time)));
}

const later = '2026-01-02T00:00:00Z';
const managersOf = (entries: ManagedFieldsEntry[]) => entries.map((e) => [e.manager, e.fieldsV1]);

describe('a create', () => {
  test('owns everything that was set, and nothing that the server set', () => {
    const next = object({
      apiVersion: 'v1',
      spec: {
        replicas: 1,
        ports: [{ port: 443, protocol: 'TCP' }, { port: 80 }],
        selector: { a: 'b' },
        args: ['x'],
        zones: ['z'],
        free: { k: [1] },
        raw: { k: [1] },
      },
      data: { k: 'v' },
      status: { phase: 'Sent' },
    });
    next.metadata.labels = { l: '1' };
    next.metadata.uid = 'u';
    const [entry, ...others] = record(undefined, next, at('one', later));
    assert.deepEqual(others, []);
    assert.deepEqual(entry, {
      manager: 'one',
      operation: 'Update',
      apiVersion: 'v1',
      time: later,
      fieldsType: 'FieldsV1',
      fieldsV1: {
        'f:data': { '.': {}, 'f:k': {} },
        'f:metadata': { 'f:labels': { '.': {}, 'f:l': {} } },
        'f:spec': {
          'f:args': {},
          'f:free': { '.': {}, 'f:k': {} },
          'f:ports': {
            'k:{"port":80,"protocol":"TCP"}': { '.': {}, 'f:port': {} },
            'k:{"port":443,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
          },
          'f:raw': {},
          'f:replicas': {},
          'f:selector': {},
          'f:zones': { '.': {}, 'v:"z"': {} },
        },
      },
    });
    const ports = Object.keys(entry!.fieldsV1['f:spec']['f:ports']);
    assert.deepEqual(
      ports,
      ['k:{"port":80,"protocol":"TCP"}', 'k:{"port":443,"protocol":"TCP"}'],
      'in order of numbers',
    );
  });

  test('in which nothing is set has no manager', () => {
    assert.deepEqual(record(undefined, object({ spec: { ports: null } }), at('one', later)), []);
  });

  test('takes entries that were sent, where they are of fields that are not in it', () => {
    const sent = record(undefined, object({ data: { a: '1', z: '1' } }), at('old', later));
    const entries = record(undefined, object({ data: { a: '1' } }), at('one', later), sent);
    assert.deepEqual(managersOf(entries), [
      ['old', { 'f:data': { 'f:z': {} } }],
      ['one', { 'f:data': { '.': {}, 'f:a': {} } }],
    ]);
  });
});

describe('an update', () => {
  test('takes what it changes from others, and loses what is gone', () => {
    const first = made({ spec: { replicas: 1 }, data: { a: '1', b: '1' } });
    const entries = record(first, object({ spec: { replicas: 2 }, data: { a: '1' } }), at('two', later));
    assert.deepEqual(managersOf(entries), [
      ['one', { 'f:data': { '.': {}, 'f:a': {} } }],
      ['two', { 'f:spec': { 'f:replicas': {} } }],
    ]);
  });

  test('of a value changes the time of its entry, and nothing else of it', () => {
    const first = made({ data: { a: '1' } });
    const [entry] = record(first, object({ data: { a: '2' } }), at('one', later));
    assert.equal(entry!.time, later);
    assert.equal(entry!.fieldsV1, first.metadata.managedFields[0].fieldsV1, 'the set itself');
  });

  test('that changes nothing passes every entry on as it is', () => {
    const first = made({ data: { a: '1' }, spec: { ports: [{ port: 80 }] } });
    for (const manager of ['one', 'two']) {
      const [entry, ...others] = record(first, structuredClone(first), at(manager, later));
      assert.equal(entry, first.metadata.managedFields[0]);
      assert.deepEqual(others, []);
    }
  });

  test('that only takes something away has no entry', () => {
    const first = made({ data: { a: '1', b: '1' } });
    const entries = record(first, object({ data: { a: '1' } }), at('two', later));
    assert.deepEqual(managersOf(entries), [['one', { 'f:data': { '.': {}, 'f:a': {} } }]]);
    assert.equal(entries[0]!.time, '2026-01-01T00:00:00Z');
  });

  test('of another subresource has an entry of its own, and decides its part alone', () => {
    const first = made({ data: { a: '1' } });
    const next = object({ data: { a: '2' }, status: { phase: 'Up' } });
    const entries = record(first, next, at('one', later, 'status'));
    assert.deepEqual(
      entries.map((e) => [e.subresource, e.fieldsV1]),
      [
        [undefined, { 'f:data': { '.': {}, 'f:a': {} } }],
        ['status', { 'f:status': { '.': {}, 'f:phase': {} } }],
      ],
    );
    const back = object({ data: { a: '1' } }, entries);
    assert.deepEqual(record(back, object({ data: { a: '1' } }), at('one', later)), entries);
  });

  test('of an object that nobody manages is not recorded', () => {
    assert.deepEqual(record(object({ data: { a: '1' } }), object({ data: { a: '2' } }), at('one', later)), []);
  });

  test('items that come twice are one part', () => {
    const first = made({ spec: { ports: [{ port: 80, name: 'a' }] } });
    const twice = { spec: { ports: [{ port: 80, name: 'a' }, { port: 80, name: 'b' }] } }; // biome-ignore format: two
    const entries = record(first, object(twice), at('two', later));
    assert.deepEqual(managersOf(entries), [
      ['two', { 'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': {} } } }],
    ]);
  });
});

describe('entries of other versions', () => {
  const old = { data: { a: '1' }, gone: 'x' };
  const next = { data: { a: '2' } };
  const other = s.object('t.Other', '', { datum: s.map(s.string(''), '') });
  const views = (apiVersion: string): View | undefined => {
    if (apiVersion === 'v1') return { schema, old, next };
    return apiVersion === 'v2' ? { schema: other, old: { datum: old.data }, next: { datum: next.data } } : undefined;
  };
  const entry = (manager: string, apiVersion: string, fieldsV1: object): ManagedFieldsEntry => ({
    manager, operation: 'Update', apiVersion, fieldsType: 'FieldsV1', fieldsV1, time: later,
  }); // biome-ignore format: an entry

  test('are compared in their own, and go with it', () => {
    const stored = [
      entry('keeps', 'v2', { 'f:datum': { '.': {}, 'f:a': {}, 'f:b': {} } }),
      entry('loses', 'v2', { 'f:datum': { 'f:a': {} } }),
      entry('obsolete', 'v0', { 'f:data': {} }),
    ];
    const entries = finish(recordUpdate({ writer: at('me', later), views, stored, sent: undefined, isCreate: false }));
    assert.deepEqual(managersOf(entries), [
      ['keeps', { 'f:datum': { '.': {}, 'f:b': {} } }],
      ['me', { 'f:data': { 'f:a': {} } }],
    ]);
  });

  test('of one manager are two', () => {
    const stored = [entry('me', 'v2', { 'f:datum': { '.': {} } })];
    const entries = finish(recordUpdate({ writer: at('me', later), views, stored, sent: undefined, isCreate: false }));
    assert.deepEqual(
      entries.map((e) => [e.manager, e.apiVersion]),
      [
        ['me', 'v1'],
        ['me', 'v2'],
      ],
    );
  });
});

describe('managedFields that a client sends', () => {
  const first = made({ data: { a: '1', b: '1' } });
  const sent = (entry: object) => [
    { manager: 'new', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1: { 'f:data': { 'f:a': {} } }, ...entry },
  ]; // biome-ignore format: an entry
  const unchanged = object({ data: { a: '1', b: '1' } });
  const cases: [name: string, sent: any, managers: string[]][] = [
    ['none', undefined, ['one']],
    ['an empty list', [], []],
    ['one empty entry', [{}], []],
    ['a good one', sent({}), ['new']],
    ['one of another operation', sent({ operation: 'Replace' }), ['one']],
    ['one without a version', sent({ apiVersion: '' }), ['one']],
    ['one without a type', sent({ fieldsType: undefined }), ['one']],
    ['one of another type', sent({ fieldsType: 'FieldsV2' }), ['one']],
    ['one that cannot be read', sent({ fieldsV1: { a: {} } }), ['one']],
    ['one of no version that is served', sent({ apiVersion: 'v9' }), []],
  ];
  for (const [name, entries, managers] of cases)
    test(name, () => {
      const got = record(first, unchanged, at('two', later), entries);
      assert.deepEqual(
        got.map((e) => e.manager),
        managers,
      );
    });

  test('through a subresource are not looked at', () => {
    const got = record(first, unchanged, at('two', later, 'status'), []);
    assert.deepEqual(
      got.map((e) => e.manager),
      ['one'],
    );
  });

  test('come with those of one manager as one', () => {
    const twice = [...sent({}), ...sent({ fieldsV1: { 'f:data': { 'f:b': {} } } })];
    assert.deepEqual(managersOf(record(first, unchanged, at('two', later), twice)), [
      ['new', { 'f:data': { 'f:b': {} } }],
    ]);
  });
});

test('the oldest of more than ten updaters become one, version by version', () => {
  let current = object({ data: {} }, []);
  for (let i = 0; i < 14; i++) {
    const next = object({ data: { ...current.data, [`k${String(i).padStart(2, '0')}`]: '1' } });
    const time = `2026-01-01T00:00:${String(i).padStart(2, '0')}Z`;
    const entries = record(i === 0 ? undefined : current, next, at(`m${String(i).padStart(2, '0')}`, time));
    current = object(next.data ? { data: next.data } : {}, entries);
  }
  const entries: ManagedFieldsEntry[] = current.metadata.managedFields;
  assert.deepEqual(
    entries.map((e) => e.manager),
    ['ancient-changes', 'm05', 'm06', 'm07', 'm08', 'm09', 'm10', 'm11', 'm12', 'm13'],
  );
  assert.equal(entries[0]!.time, '2026-01-01T00:00:04Z');
  assert.deepEqual(Object.keys(entries[0]!.fieldsV1['f:data']), ['.', 'f:k00', 'f:k01', 'f:k02', 'f:k03', 'f:k04']);
});

test('very many updaters become one in time by their number', () => {
  const given: ManagedFieldsEntry[] = Array.from({ length: 20_000 }, (_, i) => ({
    ...{ manager: `m${i}`, operation: 'Update' as const, apiVersion: 'v1', time: '2025-01-01T00:00:00Z' },
    ...{ fieldsType: 'FieldsV1' as const, fieldsV1: { [`f:a${i}`]: {} } },
  }));
  const managers = storedManagers(given)!;
  const start = process.cpuUsage().user;
  capUpdaters(managers);
  assert.ok(process.cpuUsage().user - start < 2_000_000);
  assert.equal(managers.size, 10);
  const sets = [...managers.values()].map(({ fields }) => Object.keys(fields).length);
  assert.deepEqual(sets.sort((a, b) => a - b).slice(8), [1, 19_991]);
});

test('a map of very many keys costs about as much as reading it', () => {
  const data = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`key-${i}`, 'v']));
  const first = made({ data });
  const start = process.cpuUsage().user;
  const [entry] = record(first, object({ data: { ...data, 'key-7': 'w' } }), at('one', later));
  assert.equal(entry!.fieldsV1, first.metadata.managedFields[0].fieldsV1);
  assert.ok(process.cpuUsage().user - start < 2_000_000);
});
