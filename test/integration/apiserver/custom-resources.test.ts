// Custom resources from their definition to their end, as clients see them: names and conditions, pruning, defaults,
// validation, versions, status and scale, tables, watches, discovery and OpenAPI, and what comes back after a restart.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { defineKind } from '../../../machinery/kind.ts';
import { s } from '../../../machinery/schema.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually } from '../../environment/kubectl.ts';
import { startWebhookServer } from '../../environment/webhook-server.ts';

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
});
after(() => api[Symbol.asyncDispose]());

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const text = { type: 'string' };

const widgetSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      required: ['size'],
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 9 },
        color: { ...text, default: 'red', enum: ['red', 'blue'] },
        replicas: { type: 'integer' },
        note: { ...text, nullable: true, maxLength: 5 },
        parts: {
          type: 'array',
          items: { type: 'object', required: ['k'], properties: { k: text, v: { ...text, default: 'none' } } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['k'],
        },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
        limit: { 'x-kubernetes-int-or-string': true },
        inner: {
          type: 'object',
          'x-kubernetes-embedded-resource': true,
          'x-kubernetes-preserve-unknown-fields': true,
        },
      },
    },
    status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: text } },
  },
};

function definition(plural: string, kind: string, spec: object = {}, version: object = {}): any {
  const name = `${plural}.example.com`;
  return {
    metadata: { name },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural, kind, shortNames: [plural.slice(0, 3)], categories: ['all'] },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: widgetSchema }, ...version }],
      ...spec,
    },
  };
}

const condition = (object: any, type: string) => object.status?.conditions?.find((one: any) => one.type === type);

/** Creates a definition and waits until it is established. */
async function define(body: any): Promise<void> {
  const { name } = body.metadata;
  assert.equal((await api.request('POST', definitions, { body })).status, 201);
  await eventually(`${name} is established`, async () => {
    const { body: now } = await api.request('GET', `${definitions}/${name}`);
    return condition(now, 'Established')?.status === 'True' || undefined;
  });
}

const at = (plural: string, name = '', version = 'v1') =>
  `/apis/example.com/${version}/namespaces/default/${plural}${name && `/${name}`}`;
const widget = (name: string, spec: object) => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
});

describe('a custom resource', () => {
  before(async () => {
    const scale = {
      specReplicasPath: '.spec.replicas',
      statusReplicasPath: '.status.replicas',
      labelSelectorPath: '.status.selector',
    };
    await define(
      definition(
        'widgets',
        'Widget',
        {},
        {
          subresources: { status: {}, scale },
          selectableFields: [{ jsonPath: '.spec.color' }],
          additionalPrinterColumns: [
            { name: 'Size', type: 'integer', jsonPath: '.spec.size' },
            { name: 'Color', type: 'string', jsonPath: '.spec.color', priority: 1 },
          ],
        },
      ),
    );
  });

  test('is pruned, gets its defaults, and warns of what it does not know', async () => {
    const body = {
      ...widget('a', { size: 2, junk: 1, parts: [{ k: 'x', more: 1 }], free: { any: [1, { b: null }] } }),
      stray: 1,
    };
    const made = await api.request('POST', at('widgets'), { body });
    assert.equal(made.status, 201, JSON.stringify(made.body));
    const { size, color, parts, free, junk } = made.body.spec;
    assert.deepEqual([size, color, junk, made.body.stray], [2, 'red', undefined, undefined]);
    assert.deepEqual(parts, [{ k: 'x', v: 'none' }]);
    assert.deepEqual(free, { any: [1, { b: null }] });
    assert.equal(made.body.metadata.generation, 1);
    const strict = await api.request('POST', `${at('widgets')}?fieldValidation=Strict`, {
      body: { ...body, metadata: { name: 'b' } },
    });
    assert.equal(strict.status, 400);
    assert.match(strict.body.message, /strict decoding error: unknown field "spec.junk".*unknown field "stray"/);
  });

  const refused: [why: string, spec: object, message: string][] = [
    ['a missing field', {}, 'spec.size: Required value'],
    [
      'a wrong type',
      { size: 'x' },
      'spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"',
    ],
    [
      'a number too large',
      { size: 10 },
      'spec.size: Invalid value: 10: spec.size in body should be less than or equal to 9',
    ],
    [
      'a value that is none of those listed',
      { size: 1, color: 'green' },
      'spec.color: Unsupported value: "green": supported values: "red", "blue"',
    ],
    ['a text too long', { size: 1, note: 'abcdef' }, 'spec.note: Too long: may not be more than 5 bytes'],
    [
      'an item that comes twice',
      { size: 1, parts: [{ k: 'a' }, { k: 'a' }] },
      'spec.parts[1]: Duplicate value: {"k":"a"}',
    ],
    [
      'neither number nor text',
      { size: 1, limit: true },
      'spec.limit: Invalid value: "boolean": spec.limit in body must be of type integer,string: "boolean"',
    ],
  ];
  for (const [why, spec, message] of refused) {
    test(`is refused for ${why}`, async () => {
      const { status, body } = await api.request('POST', at('widgets'), { body: widget('bad', spec) });
      assert.equal(status, 422);
      assert.equal(body.message, `Widget.example.com "bad" is invalid: ${message}`);
    });
  }

  test('null is a value where the schema says so, and else nothing', async () => {
    const made = await api.request('POST', at('widgets'), {
      body: widget('nulls', { size: 1, note: null, color: null, replicas: null }),
    });
    assert.deepEqual(made.body.spec, { size: 1, note: null, color: 'red' });
  });

  test('status is apart, and generation counts the rest', async () => {
    await api.request('POST', at('widgets'), { body: { ...widget('s', { size: 1 }), status: { replicas: 9 } } });
    const merge = { contentType: 'application/merge-patch+json' };
    const { body: patched } = await api.request('PATCH', at('widgets', 's'), {
      body: { spec: { size: 3 }, status: { replicas: 8 } },
      ...merge,
    });
    assert.deepEqual([patched.spec.size, patched.status, patched.metadata.generation], [3, undefined, 2]);
    const { body: status } = await api.request('PATCH', `${at('widgets', 's')}/status`, {
      body: { metadata: { labels: { a: 'b' } }, spec: { size: 4 }, status: { replicas: 7, selector: 'a=b' } },
      ...merge,
    });
    const { generation, labels } = status.metadata;
    assert.deepEqual([status.spec.size, status.status.replicas, generation, labels], [3, 7, 2, undefined]);
    const scaled = await api.request('PATCH', `${at('widgets', 's')}/scale`, {
      body: { spec: { replicas: 5 } },
      ...merge,
    });
    assert.deepEqual(
      [scaled.body.kind, scaled.body.spec, scaled.body.status],
      ['Scale', { replicas: 5 }, { replicas: 7, selector: 'a=b' }],
    );
  });

  test('lists, tables and selectors', async () => {
    await api.request('POST', at('widgets'), { body: widget('blue', { size: 5, color: 'blue' }) });
    const { body: list } = await api.request('GET', `${at('widgets')}?fieldSelector=spec.color%3Dblue`);
    assert.deepEqual([list.kind, list.items.map((item: any) => item.metadata.name)], ['WidgetList', ['blue']]);
    const unknown = await api.request('GET', `${at('widgets')}?fieldSelector=spec.size%3D1`);
    assert.equal(unknown.status, 400);
    const { body: table } = await api.request('GET', at('widgets', 'blue'), {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    assert.deepEqual(table.rows[0].cells, ['blue', 5, 'blue']);
  });

  test('a strategic merge patch is refused, protobuf too', async () => {
    const patched = await api.request('PATCH', at('widgets', 'blue'), {
      body: {},
      contentType: 'application/strategic-merge-patch+json',
    });
    assert.equal(patched.status, 415);
    assert.match(
      patched.body.message,
      /accepted media types include: application\/json-patch\+json, application\/merge-patch\+json, application\/apply-patch\+yaml$/,
    );
  });

  test('is in discovery and OpenAPI', async () => {
    const { body: resources } = await api.request('GET', '/apis/example.com/v1');
    assert.deepEqual(
      resources.resources.map(({ name }: { name: string }) => name),
      ['widgets', 'widgets/status', 'widgets/scale'],
    );
    const { body: openApi } = await api.request('GET', '/openapi/v3/apis/example.com/v1');
    const schema = openApi.components.schemas['com.example.v1.Widget'];
    assert.equal(schema.properties.spec.properties.size.maximum, 9);
    assert.deepEqual(schema['x-kubernetes-group-version-kind'], [
      { group: 'example.com', version: 'v1', kind: 'Widget' },
    ]);
    const { body: v2 } = await api.request('GET', '/openapi/v2');
    assert.ok(v2.definitions['com.example.v1.Widget']);
    assert.ok(v2.paths['/apis/example.com/v1/namespaces/{namespace}/widgets']);
  });
});

describe('definitions', () => {
  test('names that are taken are not accepted, until they are free', async () => {
    await define(definition('gadgets', 'Gadget'));
    const rival = definition('gizmos', 'Gadget');
    assert.equal((await api.request('POST', definitions, { body: rival })).status, 201);
    const refused = await eventually('the names are refused', async () => {
      const { body } = await api.request('GET', `${definitions}/gizmos.example.com`);
      return condition(body, 'NamesAccepted')?.status === 'False' ? body : undefined;
    });
    const { reason, message } = condition(refused, 'NamesAccepted');
    assert.deepEqual([reason, message], ['ListKindConflict', '"GadgetList" is already in use']);
    assert.equal(condition(refused, 'Established').reason, 'NotAccepted');
    assert.equal((await api.request('GET', at('gizmos'))).status, 404);
    await api.request('DELETE', `${definitions}/gadgets.example.com`);
    await eventually('it gets them', async () => (await api.request('GET', at('gizmos'))).status === 200 || undefined);
  });

  test('a change of the schema holds for objects that are there', async () => {
    await define(definition('plans', 'Plan'));
    await api.request('POST', at('plans'), { body: { ...widget('a', { size: 1, free: { x: 1 } }), kind: 'Plan' } });
    const { body: now } = await api.request('GET', `${definitions}/plans.example.com`);
    const properties = now.spec.versions[0].schema.openAPIV3Schema.properties.spec.properties;
    delete properties.free;
    properties.added = { type: 'string', default: 'later' };
    assert.equal((await api.request('PUT', `${definitions}/plans.example.com`, { body: now })).status, 200);
    const spec = await eventually('the default is there', async () => {
      const { body } = await api.request('GET', at('plans', 'a'));
      return body.spec.added ? body.spec : undefined;
    });
    assert.deepEqual(spec, { size: 1, color: 'red', added: 'later' });
  });

  test('versions with other names of the same objects, and the warning of an old one', async () => {
    const body = definition('tools', 'Tool');
    const [v1] = body.spec.versions;
    body.spec.versions.push({ ...v1, name: 'v1beta1', storage: false, deprecated: true });
    await define(body);
    await api.request('POST', at('tools', '', 'v1beta1'), {
      body: { ...widget('t', { size: 2 }), kind: 'Tool', apiVersion: 'example.com/v1beta1' },
    });
    const old = await api.request('GET', at('tools', 't', 'v1beta1'));
    assert.deepEqual(
      [old.body.apiVersion, old.headers.warning],
      ['example.com/v1beta1', '299 - "example.com/v1beta1 Tool is deprecated; use example.com/v1 Tool"'],
    );
    assert.equal((await api.request('GET', at('tools', 't'))).body.apiVersion, 'example.com/v1');
    const { body: group } = await api.request('GET', '/apis/example.com');
    assert.equal(group.preferredVersion.version, 'v1');
  });

  test('one that is deleted empties itself first; an object that is held holds it', async () => {
    await define(definition('dooms', 'Doom'));
    const body = { ...widget('held', { size: 1 }), kind: 'Doom' };
    await api.request('POST', at('dooms'), {
      body: { ...body, metadata: { name: 'held', finalizers: ['example.com/wait'] } },
    });
    await api.request('POST', at('dooms'), { body: { ...body, metadata: { name: 'free' } } });
    const { body: going } = await api.request('DELETE', `${definitions}/dooms.example.com`);
    assert.ok(going.metadata?.deletionTimestamp ?? going.status === 'Success');
    await eventually('it is being emptied', async () => {
      const { body: now } = await api.request('GET', `${definitions}/dooms.example.com`);
      return condition(now, 'Terminating')?.reason === 'InstanceDeletionInProgress' || undefined;
    });
    assert.equal((await api.request('GET', at('dooms', 'free'))).status, 404);
    assert.equal(
      (await api.request('POST', at('dooms'), { body: { ...body, metadata: { name: 'new' } } })).status,
      403,
    );
    await api.request('PATCH', at('dooms', 'held'), {
      body: { metadata: { finalizers: null } },
      contentType: 'application/merge-patch+json',
    });
    await eventually(
      'it is gone',
      async () => (await api.request('GET', `${definitions}/dooms.example.com`)).status === 404 || undefined,
    );
    await eventually('its path too', async () => (await api.request('GET', at('dooms'))).status === 404 || undefined);
  });
});

describe('conversion by a webhook', () => {
  test('each version is served from objects that lie in another; lists, watches, writes and patches', async () => {
    await using webhook = await startWebhookServer(api);
    // v1 has a size, v2 the same as a width.
    const rename = (object: any, apiVersion: string) => {
      const { size, width } = object.spec;
      const value = size ?? width;
      return { ...object, apiVersion, spec: apiVersion.endsWith('v2') ? { width: value } : { size: value } };
    };
    webhook.reply = ({ request }: any) => ({
      result: { status: 'Success' },
      convertedObjects: request.objects.map((object: any) => rename(object, request.desiredAPIVersion)),
    });
    const schemaOf = (field: string) => ({
      openAPIV3Schema: {
        type: 'object',
        properties: { spec: { type: 'object', properties: { [field]: { type: 'integer' } } } },
      },
    });
    const body = definition('doors', 'Door');
    body.spec.versions = [
      { name: 'v1', served: true, storage: true, schema: schemaOf('size') },
      { name: 'v2', served: true, storage: false, schema: schemaOf('width') },
    ];
    body.spec.conversion = {
      strategy: 'Webhook',
      webhook: { clientConfig: webhook.clientConfig(), conversionReviewVersions: ['v1'] },
    };
    await define(body);
    const door = (name: string, version: string, spec: object) => ({
      apiVersion: `example.com/${version}`,
      kind: 'Door',
      metadata: { name },
      spec,
    });
    const v1 = await api.request('POST', at('doors'), { body: door('one', 'v1', { size: 1 }) });
    const v2 = await api.request('POST', at('doors', '', 'v2'), { body: door('two', 'v2', { width: 2 }) });
    assert.deepEqual([v1.status, v2.status, v2.body.spec], [201, 201, { width: 2 }]);
    const specs = async (version: string) =>
      (await api.request('GET', at('doors', '', version))).body.items.map(({ spec }: any) => spec);
    assert.deepEqual(await specs('v1'), [{ size: 1 }, { size: 2 }]);
    assert.deepEqual(await specs('v2'), [{ width: 1 }, { width: 2 }]);
    const patched = await api.request('PATCH', at('doors', 'one', 'v2'), {
      body: { spec: { width: 5 } },
      contentType: 'application/merge-patch+json',
    });
    assert.deepEqual([patched.status, patched.body.spec], [200, { width: 5 }]);
    assert.deepEqual((await api.request('GET', at('doors', 'one'))).body.spec, { size: 5 });
    const served = [{ group: 'example.com', version: 'v2', schema: s.object('', '', {}) }];
    const kind = defineKind({ kind: 'Door', plural: 'doors', scope: 'Namespaced', served });
    const events: any[] = [];
    await api
      .client()
      .resource(kind)
      .watch({ namespace: 'default', timeoutSeconds: 1 }, (event) => void events.push(event));
    assert.deepEqual(
      events.map(({ type, object }: any) => [type, object.apiVersion, object.spec]),
      [
        ['ADDED', 'example.com/v2', { width: 5 }],
        ['ADDED', 'example.com/v2', { width: 2 }],
        ['BOOKMARK', 'example.com/v2', undefined],
      ],
    );
    webhook.reply = () => ({ result: { status: 'Failure', message: 'no way' } });
    await api.request('POST', at('doors'), { body: door('three', 'v1', { size: 3 }) });
    const failed = await api.request('GET', at('doors', 'three', 'v2'));
    assert.equal(failed.status, 500);
    assert.match(failed.body.message, /conversion webhook for example\.com\/v1, Kind=Door failed: no way/);
  });
});
