// Server-side apply of custom resources: the schema is the definition's, and versions convert.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { serveCustom, thingDefinition } from '../../test/builders/custom-things.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';

const applyType = 'application/apply-patch+yaml';
const text = { type: 'string' };
const listed = {
  type: 'array',
  items: { type: 'object', properties: { name: text, kind: { type: 'string', default: 'X' }, value: text } },
  'x-kubernetes-list-type': 'map',
  'x-kubernetes-list-map-keys': ['name', 'kind'],
};
const version = (name: string, sizeField: string) => ({
  name,
  served: true,
  storage: name === 'v1',
  subresources: { status: {} },
  schema: {
    openAPIV3Schema: {
      type: 'object',
      properties: {
        spec: {
          type: 'object',
          properties: {
            [sizeField]: { type: 'integer' },
            listed,
            open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
            whole: { type: 'object', additionalProperties: text, 'x-kubernetes-map-type': 'atomic' },
            plain: { type: 'array', items: text },
          },
        },
        status: { type: 'object', properties: { phase: text } },
      },
    },
  },
});
const definition = thingDefinition([version('v1', 'size'), version('v2', 'extent')], {
  conversion: { strategy: 'Webhook' },
});

/** As a webhook would: later, and with the field that each version has its own name for. */
const convert = async (_: unknown, objects: readonly any[], apiVersion: string) => {
  await Promise.resolve();
  return objects.map((object) => {
    const { size, extent, ...spec } = object.spec ?? {};
    const value = size ?? extent;
    const field = apiVersion.endsWith('v1') ? 'size' : 'extent';
    return { ...object, apiVersion, spec: { ...spec, ...(value === undefined ? {} : { [field]: value }) } };
  });
};

let api: MemoryApi;
before(async () => {
  api = await startMemoryApi();
  await serveCustom(api, definition, convert as any);
});

const things = (v: string) => `/apis/example.com/${v}/namespaces/default/things`;
const thing = (v: string, name: string, spec: object) => ({
  apiVersion: `example.com/${v}`,
  kind: 'Thing',
  metadata: { name },
  spec,
});
const apply = (v: string, name: string, spec: object, query = 'fieldManager=m') =>
  api.send('PATCH', `${things(v)}/${name}?${query}`, { body: thing(v, name, spec), contentType: applyType });
const owned = (object: any, manager: string) =>
  object.metadata.managedFields.find((e: any) => e.manager === manager)?.fieldsV1;

describe('an apply of a custom resource', () => {
  test('divides it as its definition says', async () => {
    const made = await apply('v1', 'divided', {
      size: 1,
      listed: [{ name: 'a', value: '1' }],
      open: { deep: { a: 1 }, list: [1] },
      whole: { a: '1' },
      plain: ['x'],
    });
    assert.deepEqual(owned(made, 'm'), {
      'f:spec': {
        'f:listed': { 'k:{"kind":"X","name":"a"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
        'f:open': { 'f:deep': { '.': {}, 'f:a': {} }, 'f:list': {} },
        'f:plain': {},
        'f:size': {},
        'f:whole': {},
      },
    });
    const more = await apply('v1', 'divided', { listed: [{ name: 'b' }], open: { deep: { b: 2 } } }, 'fieldManager=n');
    assert.deepEqual(
      more.spec.listed.map((item: any) => [item.name, item.kind]),
      [
        ['a', 'X'],
        ['b', 'X'],
      ],
    );
    assert.deepEqual(more.spec.open, { deep: { a: 1, b: 2 }, list: [1] });
    await assert.rejects(apply('v1', 'divided', { plain: ['y'], whole: { a: '1', b: '2' } }, 'fieldManager=n'), {
      message: 'Apply failed with 2 conflicts: conflicts with "m":\n- .spec.plain\n- .spec.whole',
    });
    const less = await apply('v1', 'divided', { size: 1 });
    assert.deepEqual([less.spec.listed.length, less.spec.open, less.spec.plain], [1, { deep: { b: 2 } }, undefined]);
  });

  test('again changes nothing, and a create by other means names all fields', async () => {
    const body = thing('v1', 'created', { size: 1 });
    const made = await api.send('POST', `${things('v1')}?fieldManager=c`, { body });
    assert.deepEqual(owned(made, 'c'), { 'f:spec': { '.': {}, 'f:size': {} } });
    const first = await apply('v1', 'created', { size: 1 });
    const again = await apply('v1', 'created', { size: 1 });
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
  });

  test('refuses fields that the definition does not have', async () => {
    await assert.rejects(apply('v1', 'wrong', { sise: 1 }), {
      code: 500,
      message:
        'failed to create typed patch object (/wrong; example.com/v1, Kind=Thing): .spec.sise: field not declared in schema',
    });
  });

  test('has a status of its own', async () => {
    await apply('v1', 'status', { size: 1 });
    const after = await api.send('PATCH', `${things('v1')}/status/status?fieldManager=s`, {
      body: { ...thing('v1', 'status', { size: 9 }), status: { phase: 'Up' } },
      contentType: applyType,
    });
    assert.deepEqual([after.spec.size, after.status], [1, { phase: 'Up' }]);
    assert.deepEqual(owned(after, 's'), { 'f:status': { 'f:phase': {} } });
  });

  test('meets the managers of another version in theirs', async () => {
    await apply('v1', 'versions', { size: 1 }, 'fieldManager=one');
    await assert.rejects(apply('v2', 'versions', { extent: 2 }, 'fieldManager=two'), {
      message: 'Apply failed with 1 conflict: conflict with "one": .spec.size',
    });
    const forced = await apply('v2', 'versions', { extent: 2 }, 'fieldManager=two&force=true');
    assert.equal(forced.spec.extent, 2);
    assert.equal(owned(forced, 'one'), undefined);
    const body = { spec: { size: 3 } };
    const patched = await api.send('PATCH', `${things('v1')}/versions?fieldManager=p`, { body, contentType: 'application/merge-patch+json' }); // biome-ignore format: one
    assert.deepEqual([owned(patched, 'two'), owned(patched, 'p')], [undefined, { 'f:spec': { 'f:size': {} } }]);
  });

  test('gives up in one version what it wanted in another', async () => {
    await apply('v1', 'moved', { size: 1, plain: ['x'] });
    const moved = await apply('v2', 'moved', { plain: ['x'] });
    assert.deepEqual(moved.spec, { plain: ['x'] });
    assert.deepEqual(
      moved.metadata.managedFields.map((e: any) => e.apiVersion),
      ['example.com/v2'],
    );
  });
});
