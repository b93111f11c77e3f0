// Writes of custom resources, where they are read and refused otherwise than built-in kinds.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { serveCustom, thingDefinition } from '../../test/builders/custom-things.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { scaleSubresource } from '../subresources/scale.ts';

const integer = { type: 'integer' };
const schema = {
  openAPIV3Schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          n: integer,
          m: { type: 'object', additionalProperties: integer },
          o: { type: 'object', properties: { n: integer, d: { type: 'string', default: 'as ever' } } },
        },
      },
      status: { type: 'object', properties: { n: integer } },
    },
  },
};
const scalePaths = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' };
const definition = thingDefinition([
  { name: 'v1', served: true, storage: true, subresources: { status: {}, scale: scalePaths }, schema },
  { name: 'v2', served: true, storage: false, schema },
]);
const things = '/apis/example.com/v1/namespaces/default/things';
const merge = 'application/merge-patch+json';
const typed = '"apiVersion":"example.com/v1","kind":"Thing"';
const sent = (text: string) => ({ body: text, contentType: 'application/json' });
const thing = (more: object = {}) => ({ metadata: { name: 'a' }, ...more });

describe('a custom resource', () => {
  let api: MemoryApi;
  before(async () => {
    api = await startMemoryApi();
    await serveCustom(api, definition);
    await api.send('POST', things, { body: thing({ spec: { n: 1 } }) });
    await api.send('POST', things, { body: { metadata: { name: 'none' } } });
  });

  test('what an applier leaves out in another version has its default again', async () => {
    const apply = async (version: string, spec: object) => {
      const body = { apiVersion: `example.com/${version}`, kind: 'Thing', metadata: { name: 'applied' }, spec };
      const path = `${things.replace('/v1/', `/${version}/`)}/applied`;
      const contentType = 'application/apply-patch+yaml';
      return (await api.send('PATCH', `${path}?fieldManager=m`, { body, contentType })).spec;
    };
    assert.deepEqual(await apply('v2', { o: { n: 1, d: 'odd' } }), { o: { n: 1, d: 'odd' } });
    assert.deepEqual(await apply('v1', { o: { n: 1 } }), { o: { n: 1, d: 'as ever' } });
  });

  test('an integer may have a fraction that is nothing', async () => {
    const body = (n: string) => `{${typed},"metadata":{"name":"whole"},"spec":{"o":{"n":${n}}}}`;
    assert.equal((await api.send('POST', things, sent(body('1.0')))).spec.o.n, 1);
    const message = /spec\.o\.n: Invalid value: "number": spec\.o\.n in body must be of type integer: "number",/;
    await assert.rejects(api.send('POST', things, sent(body('1.5'))), { code: 422, message });
  });

  test('while its definition goes nothing new comes, by no way', async () => {
    const ending = await startMemoryApi();
    const going = { ...definition, metadata: { ...definition.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    await serveCustom(ending, going);
    const message =
      'things.example.com "a" is forbidden: create not allowed while custom resource definition is terminating';
    const body = { apiVersion: 'example.com/v1', kind: 'Thing', ...thing() };
    await assert.rejects(ending.send('POST', things, { body }), { code: 403, message });
    const contentType = 'application/apply-patch+yaml';
    await assert.rejects(ending.send('PATCH', `${things}/a?fieldManager=m`, { body, contentType }), {
      code: 403,
      message,
    });
  });

  const refused: [method: string, path: string, text: string, code: number, message: RegExp][] = [
    [
      'POST',
      things,
      '{"apiVersion":"example.com/v1"}',
      400,
      /Object 'Kind' is missing in '\{"apiVersion":"example.com\/v1"\}' \(/,
    ],
    ['POST', things, '{"kind":"Thing"}', 400, /^the API version in the data \(\) does not match/],
    [
      'POST',
      things,
      '{"apiVersion":"example.com/v1","kind":"Other"}',
      422,
      /^Other.example.com "" is invalid: kind: Invalid value: "Other": must be Thing$/,
    ],
    ['POST', things, '{"apiVersion":"v1","kind":"Other"}', 400, /^the API version in the data \(v1\) does not match/],
    ['POST', things, `{${typed},"metadata":{"name":1}}`, 400, /Go struct field ObjectMeta.name of type string$/],
    ['POST', things, `{${typed},"metadata":5}`, 400, /cannot unmarshal number into Go value of type v1.ObjectMeta$/],
    [
      'POST',
      `${things}?fieldValidation=Strict`,
      `{${typed},"z":1,"spec":{"b":1},"a":1}`,
      400,
      /"a", unknown field "spec.b", unknown field "z"$/,
    ],
    [
      'PATCH',
      `${things}/a`,
      '{"apiVersion":"example.com/v2"}',
      422,
      /apiVersion: Invalid value: "example.com\/v2": must be example.com\/v1$/,
    ],
    ['PATCH', `${things}/a`, '{"metadata":{"uid":"x"}}', 422, /metadata.uid: Invalid value: "x": field is immutable/],
    [
      'PATCH',
      `${things}/a`,
      '{"metadata":{"deletionTimestamp":"2020-01-01T00:00:00Z"}}',
      422,
      /deletionTimestamp: .*field is immutable/,
    ],
  ];
  for (const [method, path, body, code, message] of refused) {
    test(`${method} ${body} is refused with ${code}`, async () => {
      const contentType = method === 'PATCH' ? merge : 'application/json';
      await assert.rejects(api.send(method, path, { body, contentType }), { code, message });
    });
  }

  test('loses nulls that it may not have, also of maps', async () => {
    const { spec } = await api.send('POST', `${things}?dryRun=All`, {
      body: { metadata: { name: 'b' }, spec: { n: null, m: { a: null, b: 1 } } },
    });
    assert.deepEqual(spec, { m: { b: 1 } });
  });

  test('is written to at its status without having one', async () => {
    const { status } = await api.send('PATCH', `${things}/a/status`, { ...sent('{}'), contentType: merge });
    assert.equal(status, undefined);
  });

  test('keeps its managed fields where none are given', async () => {
    const { metadata } = await api.send('PATCH', `${things}/a`, {
      ...sent('{"metadata":{"managedFields":[]}}'),
      contentType: merge,
    });
    assert.equal(metadata.managedFields.length, 1);
  });

  test('warns of finalizers that others may have too', async () => {
    const finalizers = ['x', 'a.b', 'example.com/y', 'orphan'];
    const answer: any = await api.answer('POST', `${things}?dryRun=All`, {
      body: { metadata: { name: 'b', finalizers } },
    });
    const rest = 'to avoid accidental conflicts with other finalizer writers';
    assert.deepEqual(answer.warnings, [
      `metadata.finalizers: "a.b": prefer a domain-qualified finalizer name including a path (/) ${rest}`,
      `metadata.finalizers: "x": prefer a domain-qualified finalizer name ${rest}`,
    ]);
  });

  const scale = async (method: string, name: string, body?: string, contentType = 'application/json') => {
    const request = api.request(method, `${things}/${name}/scale`, { body, contentType });
    const answer: any = await scaleSubresource.handle(api.context as never, request, {} as never);
    return answer.value;
  };
  const asked = (n: number) =>
    `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"},"spec":{"replicas":${n}}}`;

  test('a scale that nobody manages is not managed from an update on', async () => {
    const apply = { contentType: 'application/apply-patch+yaml' };
    for (const [name, spec, want] of [
      ['unowned', {}, []],
      ['owned', { n: 1 }, ['test scale']],
    ] as const) {
      const body = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name }, spec: { o: {}, ...spec } };
      await api.send('PATCH', `${things}/${name}?fieldManager=m`, { ...apply, body });
      await scale('PATCH', name, '{"spec":{"replicas":3}}', merge);
      const { metadata, spec: scaled } = await api.send('GET', `${things}/${name}`);
      const others = metadata.managedFields.filter(({ manager }: { manager: string }) => manager !== 'm');
      assert.deepEqual([scaled.n, others.map((e: any) => `${e.manager} ${e.subresource}`)], [3, want]);
    }
  });

  test('is scaled without naming its version, and shows no selector that it has not', async () => {
    const { spec, status } = await scale('PUT', 'a', asked(3));
    assert.deepEqual({ spec, status }, { spec: { replicas: 3 }, status: { replicas: 0 } });
    await assert.rejects(scale('PUT', 'a', asked(-3)), {
      code: 422,
      message: /^Thing.example.com "a" is invalid: \.spec\.n: Invalid value: -3: should be a non-negative integer$/,
    });
  });

  test('has no scale without replicas', async () => {
    await assert.rejects(scale('GET', 'none'), {
      code: 500,
      message: /the spec replicas field "\.spec\.n" does not exist$/,
    });
    await assert.rejects(scale('PATCH', 'none', '{}', merge), {
      code: 400,
      message: /^the spec replicas field "\.spec\.n" cannot be empty$/,
    });
    await assert.rejects(scale('PATCH', 'none', '{"spec":{"replicas":"x"}}', merge), {
      code: 422,
      message:
        / "" is invalid: patch: .*cannot unmarshal string into Go struct field ScaleSpec\.spec\.replicas of type int32$/,
    });
    await scale('PATCH', 'none', '{"spec":{"replicas":0}}', merge);
    assert.deepEqual((await api.send('GET', `${things}/none`)).spec, { n: 0 });
  });
});

test('a delete takes its options from the body, or else from the query', async () => {
  const api = await startMemoryApi();
  const configMaps = '/api/v1/namespaces/default/configmaps';
  await api.send('POST', configMaps, { body: { metadata: { name: 'c' } } });
  await api.send('DELETE', `${configMaps}/c?dryRun=All&fieldValidation=nonsense`);
  await api.send('GET', `${configMaps}/c`);
  await api.send('DELETE', `${configMaps}/c?dryRun=All`, { body: { kind: 'DeleteOptions' } });
  await assert.rejects(api.send('GET', `${configMaps}/c`), { code: 404 });
});
