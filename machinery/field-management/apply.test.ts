// What applying does, as tables. Each case was compared with what structured-merge-diff does.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ManagedFieldsEntry } from '../metadata.ts';
import { s } from '../schema.ts';
import { finish } from '../steps.ts';
import { applyFields, ConflictError, type Versions } from './apply.ts';
import { checkFields } from './check.ts';
import { recordUpdate } from './record.ts';

const container = s.object('t.Container', '', {
  name: s.string('', { always: true }),
  image: s.string(''),
  ports: s.list(
    s.object('t.Port', '', {
      containerPort: s.int32('', { always: true }),
      protocol: s.string('', { default: 'TCP' }),
      name: s.string(''),
    }),
    '',
    { listType: 'map', listMapKeys: ['containerPort', 'protocol'] },
  ),
});
const pick = s.object('t.Pick', '', { key: s.string(''), name: s.string('') }, { mapType: 'atomic' });
const schema = s.object('t.Thing', '', {
  metadata: s.object('t.Meta', '', {
    labels: s.map(s.string(''), ''),
    finalizers: s.list(s.string(''), '', { listType: 'set' }),
  }),
  replicas: s.int32(''),
  paused: s.boolean(''),
  args: s.list(s.string(''), ''),
  data: s.map(s.string(''), ''),
  cpu: s.quantity(''),
  when: s.time(''),
  pick: s.field(pick, ''),
  containers: s.list(container, '', { listType: 'map', listMapKeys: ['name'] }),
  keyed: s.list(s.object('', '', { id: s.string(''), v: s.string('') }), '', { listType: 'map', listMapKeys: ['id'] }),
  raw: s.any('', ''),
  open: s.object('t.Open', '', { known: s.string('') }, { preserveUnknown: true }),
});

const versions: Versions = {
  schemaOf: (apiVersion) => (apiVersion === 'v1' ? schema : undefined),
  convert: (object) => object,
  decided: (object) => object,
};
const writer = (manager: string, time = '2026-01-01T00:00:00Z') => ({
  manager,
  apiVersion: 'v1',
  subresource: '',
  time,
});

type Step =
  | { apply: object; by: string; force?: boolean }
  | { update: object; by: string }
  /** The conflicts of the apply before, by manager. */
  | { refused: string }
  | { want: object; owned?: Record<string, object> };

async function play(steps: readonly Step[]): Promise<void> {
  let live: any = { metadata: {} };
  let managed: ManagedFieldsEntry[] = [];
  let refusal: string | undefined;
  for (const step of steps) {
    if ('refused' in step) {
      assert.equal(refusal, step.refused);
      refusal = undefined;
      continue;
    }
    assert.equal(refusal, undefined);
    if ('want' in step) {
      const { metadata, ...rest } = live;
      assert.deepEqual(Object.keys(metadata).length > 0 ? live : rest, step.want);
      if (step.owned) assert.deepEqual(Object.fromEntries(managed.map((e) => [e.manager, e.fieldsV1])), step.owned);
    } else if ('update' in step) {
      const next: any = { metadata: {}, ...step.update };
      const view = { schema, old: live, next };
      const update = { writer: writer(step.by), views: () => view, stored: managed, sent: undefined, isCreate: true };
      managed = finish(recordUpdate(update));
      live = next;
    } else {
      const config: any = step.apply;
      const present = { ...live, metadata: { ...live.metadata, managedFields: managed } };
      const asked = { live: present, config, writer: writer(step.by), force: step.force ?? false, versions };
      try {
        const { object, managedFields } = await applyFields(asked);
        if (object) live = object;
        managed = managedFields;
      } catch (err) {
        if (!(err instanceof ConflictError)) throw err;
        refusal = err.message;
      }
    }
  }
  assert.equal(refusal, undefined);
}

const containers = (...list: object[]) => ({ containers: list });

describe('applying', () => {
  const cases: Record<string, Step[]> = {
    'sets what is not there': [
      { apply: { replicas: 1, data: { a: '1' } }, by: 'x' },
      { want: { replicas: 1, data: { a: '1' } }, owned: { x: { 'f:data': { 'f:a': {} }, 'f:replicas': {} } } },
    ],
    'takes away what is not wanted any more': [
      { apply: { replicas: 1, data: { a: '1', b: '1' } }, by: 'x' },
      { apply: { data: { b: '1' } }, by: 'x' },
      { want: { data: { b: '1' } }, owned: { x: { 'f:data': { 'f:b': {} } } } },
    ],
    'leaves what another applier wants too': [
      { apply: { data: { a: '1', b: '1' } }, by: 'x' },
      { apply: { data: { a: '1' } }, by: 'y' },
      { apply: { data: { b: '1' } }, by: 'x' },
      { want: { data: { a: '1', b: '1' } }, owned: { x: { 'f:data': { 'f:b': {} } }, y: { 'f:data': { 'f:a': {} } } } },
    ],
    'leaves what an updater has set': [
      { apply: { data: { a: '1' } }, by: 'x' },
      { update: { data: { a: '2' } }, by: 'u' },
      { apply: { replicas: 1 }, by: 'x' },
      { want: { data: { a: '2' }, replicas: 1 }, owned: { x: { 'f:replicas': {} }, u: { 'f:data': { 'f:a': {} } } } },
    ],
    'shares a field that has the same value': [
      { apply: { replicas: 1 }, by: 'x' },
      { apply: { replicas: 1 }, by: 'y' },
      { want: { replicas: 1 }, owned: { x: { 'f:replicas': {} }, y: { 'f:replicas': {} } } },
      { apply: { replicas: 2 }, by: 'y' },
      { refused: 'Apply failed with 1 conflict: conflict with "x": .replicas' },
    ],
    'by force takes a field from everybody': [
      { apply: { replicas: 1 }, by: 'x' },
      { apply: { replicas: 1 }, by: 'y' },
      { apply: { replicas: 2 }, by: 'z', force: true },
      { want: { replicas: 2 }, owned: { z: { 'f:replicas': {} } } },
    ],
    'meets updaters by their version': [
      { update: { replicas: 1, data: { a: '1' } }, by: 'u' },
      { apply: { replicas: 2 }, by: 'x' },
      { refused: 'Apply failed with 1 conflict: conflict with "u" using v1: .replicas' },
    ],
    'counts all conflicts, manager by manager': [
      { apply: { replicas: 1, data: { a: '1', b: '1' } }, by: 'x' },
      { apply: { data: { a: '1' } }, by: 'v' },
      { apply: { replicas: 2, data: { a: '2', b: '2' } }, by: 'y' },
      {
        refused:
          'Apply failed with 4 conflicts: conflicts with "v":\n- .data.a\nconflicts with "x":\n- .replicas\n- .data.a\n- .data.b',
      },
    ],
    'again changes nothing': [
      { apply: { replicas: 1, ...containers({ name: 'c', ports: [{ containerPort: 80 }] }) }, by: 'x' },
      { apply: { replicas: 1, ...containers({ name: 'c', ports: [{ containerPort: 80 }] }) }, by: 'x' },
      { want: { replicas: 1, ...containers({ name: 'c', ports: [{ containerPort: 80 }] }) } },
    ],
    'merges items by their keys': [
      { apply: containers({ name: 'a', image: '1' }), by: 'x' },
      { apply: containers({ name: 'b', image: '1' }), by: 'y' },
      { want: containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }) },
      { apply: containers({ name: 'b', image: '2' }, { name: 'a', image: '1' }), by: 'y' },
      { want: containers({ name: 'b', image: '2' }, { name: 'a', image: '1' }) },
      { apply: {}, by: 'x' },
      { want: containers({ name: 'b', image: '2' }, { name: 'a', image: '1' }), owned: {
        y: { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {}, 'f:name': {} }, 'k:{"name":"b"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
      } },
    ],
    'takes an item away whole': [
      { apply: containers({ name: 'a', image: '1' }, { name: 'b' }), by: 'x' },
      { apply: containers({ name: 'b' }), by: 'x' },
      { want: containers({ name: 'b' }) },
    ],
    'leaves what others have put into an item that it wants no longer': [
      { apply: containers({ name: 'a', image: '1' }), by: 'x' },
      { apply: containers({ name: 'a', ports: [{ containerPort: 80 }] }), by: 'y' },
      { apply: { replicas: 1 }, by: 'x' },
      { want: { replicas: 1, ...containers({ name: 'a', ports: [{ containerPort: 80 }] }) } },
    ],
    'knows an item by the default of its key': [
      { apply: containers({ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP' }] }), by: 'x' },
      { apply: containers({ name: 'a', ports: [{ containerPort: 80, name: 'web' }] }), by: 'y' },
      { want: containers({ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP', name: 'web' }] }) },
    ],
    'unites sets': [
      { apply: { metadata: { finalizers: ['a', 'b'] } }, by: 'x' },
      { apply: { metadata: { finalizers: ['b', 'c'] } }, by: 'y' },
      { want: { metadata: { finalizers: ['a', 'b', 'c'] } } },
      { apply: { metadata: { finalizers: ['a'] } }, by: 'x' },
      { want: { metadata: { finalizers: ['a', 'b', 'c'] } }, owned: {
        x: { 'f:metadata': { 'f:finalizers': { 'v:"a"': {} } } },
        y: { 'f:metadata': { 'f:finalizers': { 'v:"b"': {}, 'v:"c"': {} } } },
      } },
    ],
    'takes what is atomic as one': [
      { apply: { args: ['a'], pick: { key: 'k', name: 'n' } }, by: 'x' },
      { apply: { args: ['a', 'b'] }, by: 'y' },
      { refused: 'Apply failed with 1 conflict: conflict with "x": .args' },
      { apply: { args: ['b'], pick: { key: 'z' } }, by: 'y', force: true },
      { want: { args: ['b'], pick: { key: 'z' } }, owned: { y: { 'f:args': {}, 'f:pick': {} } } },
    ],
    'divides what no schema describes by its fields': [
      { apply: { raw: { a: { b: 1 }, list: [1] } }, by: 'x' },
      { apply: { raw: { a: { c: 1 } } }, by: 'y' },
      { want: { raw: { a: { b: 1, c: 1 }, list: [1] } }, owned: {
        x: { 'f:raw': { 'f:a': { '.': {}, 'f:b': {} }, 'f:list': {} } },
        y: { 'f:raw': { 'f:a': { '.': {}, 'f:c': {} } } },
      } },
      { apply: { open: { known: 'k', unknown: { n: [{}] } } }, by: 'z' },
      { want: { raw: { a: { b: 1, c: 1 }, list: [1] }, open: { known: 'k', unknown: { n: [{}] } } } },
    ],
    'keeps an empty map': [
      { apply: { data: { a: '1' } }, by: 'x' },
      { apply: { data: {} }, by: 'x' },
      { want: { data: null }, owned: { x: { 'f:data': {} } } },
    ],
    'of null unsets a value': [
      { update: { replicas: 3 }, by: 'u' },
      { apply: { replicas: null }, by: 'x', force: true },
      { want: { replicas: null }, owned: { x: { 'f:replicas': {} } } },
    ],
    'mends an item that is there twice': [
      { update: { keyed: [{ id: 'a', v: '1' }, { id: 'a', v: '2' }] }, by: 'u' },
      { apply: { keyed: [{ id: 'a', v: '3' }] }, by: 'x', force: true },
      { want: { keyed: [{ id: 'a', v: '3' }] } },
    ],
  }; // biome-ignore format: a table
  for (const [name, steps] of Object.entries(cases)) test(name, () => play(steps));
});

describe('times', () => {
  const apply = (live: any, config: any, manager: string, time: string) =>
    applyFields({ live, config, writer: writer(manager, time), force: true, versions });
  const times = (entries: ManagedFieldsEntry[]) => entries.map((e) => [e.manager, e.time]);

  test('change with the object, and not for an applier who finds it as it wants it', async () => {
    const first = await apply({ metadata: {} }, { data: { a: '1' } }, 'x', '2026-01-01T00:00:01Z');
    const live: any = { ...first.object, metadata: { managedFields: first.managedFields } };
    const again = await apply(live, { data: { a: '1' } }, 'x', '2026-01-01T00:00:02Z');
    assert.equal(again.object, undefined);
    assert.deepEqual(again.managedFields, first.managedFields);
    assert.equal(again.managedFields[0], first.managedFields[0], 'the entry itself');
    const shared = await apply(live, { data: { a: '1' } }, 'y', '2026-01-01T00:00:03Z');
    assert.deepEqual(times(shared.managedFields), [
      ['y', undefined],
      ['x', '2026-01-01T00:00:01Z'],
    ]);
    const other = await apply(live, { data: { a: '2' } }, 'x', '2026-01-01T00:00:04Z');
    assert.deepEqual(times(other.managedFields), [['x', '2026-01-01T00:00:04Z']]);
  });
});

describe('several versions', () => {
  // v2 calls the replicas `count`.
  const v2 = s.object('t.Thing2', '', {
    metadata: schema.fields.metadata as any,
    count: s.int32(''),
    data: s.map(s.string(''), ''),
  });
  const both: Versions = {
    schemaOf: (apiVersion) => (apiVersion === 'v1' ? schema : apiVersion === 'v2' ? v2 : undefined),
    async convert({ replicas, count, ...object }, apiVersion) {
      const value = replicas ?? count;
      const name = apiVersion === 'v2' ? 'count' : 'replicas';
      return { ...object, apiVersion, ...(value === undefined ? {} : { [name]: value }) };
    },
    decided: ({ apiVersion: _, ...object }) => object,
  };
  const apply = (live: any, config: any, apiVersion: string, manager = 'x') =>
    applyFields({ live, config, writer: { ...writer(manager), apiVersion }, force: false, versions: both });

  test('an applier that goes to another one gives up what it wanted in the former', async () => {
    const first = await apply({ apiVersion: 'v1', metadata: {} }, { replicas: 1, data: { a: '1' } }, 'v1');
    const metadata = { managedFields: first.managedFields };
    const moved = await apply({ apiVersion: 'v2', count: 1, data: { a: '1' }, metadata }, { data: { a: '1' } }, 'v2');
    assert.deepEqual(moved.object, { apiVersion: 'v2', metadata: {}, data: { a: '1' } });
    assert.deepEqual(
      moved.managedFields.map((e) => [e.apiVersion, e.fieldsV1]),
      [['v2', { 'f:data': { 'f:a': {} } }]],
    );
  });

  test('conflicts are told in the version of who has the field', async () => {
    const first = await apply({ apiVersion: 'v1', metadata: {} }, { replicas: 1 }, 'v1');
    const live = { apiVersion: 'v2', count: 1, metadata: { managedFields: first.managedFields } };
    await assert.rejects(apply(live, { count: 2 }, 'v2', 'y'), {
      message: 'Apply failed with 1 conflict: conflict with "x": .replicas',
    });
  });
});

describe('checkFields()', () => {
  const cases: [value: unknown, problem: string | undefined][] = [
    [{ replicas: 1, cpu: 1, when: '2026-01-01T00:00:00Z', data: { a: 'b' }, raw: { x: [1] }, open: { any: 1 } }, undefined],
    [{ replicas: null, data: null, containers: null }, undefined],
    [{ nope: 1 }, '.nope: field not declared in schema'],
    [{ replicas: '1' }, '.replicas: expected numeric (int or float), got string'],
    [{ replicas: { a: 1 } }, '.replicas: expected numeric (int or float), got map[string]interface {}'],
    [{ paused: 'yes' }, '.paused: expected boolean, got &{yes}'],
    [{ data: { a: 5 } }, '.data.a: expected string, got &value.valueUnstructured{Value:5}'],
    [{ data: { a: { b: ['c'] } } }, '.data.a: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"b":[]interface {}{"c"}}}'],
    [{ data: ['a'] }, '.data: expected map, got &{[a]}'],
    [{ args: { a: 1 } }, '.args: expected list, got &{map[a:1]}'],
    [{ args: [1] }, '.args[0]: expected string, got &value.valueUnstructured{Value:1}'],
    [{ cpu: [] }, '.cpu: expected any scalar, got &{[]}'],
    [{ metadata: { finalizers: ['a', 'a'] } }, '.metadata.finalizers: duplicate entries for key [="a"]'],
    [{ metadata: { finalizers: [{}] } }, ".metadata.finalizers: element 0: associative list without keys has an element that's a map type"],
    [{ metadata: { finalizers: [null] } }, ".metadata.finalizers: element 0: associative list without keys has an element that's an explicit null"],
    [{ containers: [null] }, '.containers: element 0: associative list with keys may not have a null element'],
    [{ containers: ['a'] }, '.containers: element 0: associative list with keys may not have non-map elements'],
    [{ containers: [{ name: 'c', image: 5 }] }, '.containers[name="c"].image: expected string, got &value.valueUnstructured{Value:5}'],
    [{ containers: [{ name: 'c', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'TCP' }] }] }, '.containers[name="c"].ports: duplicate entries for key [containerPort=80,protocol="TCP"]'],
    [{ containers: [{}, {}] }, '.containers: duplicate entries for key [name=""]'],
    [{ keyed: [{ v: 'x' }] }, '.keyed: element 0: associative list with keys has an element that omits all key fields ["id"] (and doesn\'t have default values for any key fields)'],
    [{ replicas: 'a', paused: 1 }, 'errors:\n  .replicas: expected numeric (int or float), got string\n  .paused: expected boolean, got &{1}'],
  ]; // biome-ignore format: a table
  for (const [value, problem] of cases)
    test(JSON.stringify(value), () => assert.equal(checkFields(value, schema), problem));
});
