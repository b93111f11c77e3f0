// Mutating policies over the verbs of the API: what they change, in which order, and what is told when they cannot.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { StatusError } from '../../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../../test/builders/memory-api.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const policies = `${registration}/mutatingadmissionpolicies`;
const maps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const rule = { operations: ['CREATE', 'UPDATE'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] };
const merge = 'application/merge-patch+json';

let api: MemoryApi;
beforeEach(async () => {
  api = await startMemoryApi();
});

const apply = (expression: string) => ({ patchType: 'ApplyConfiguration', applyConfiguration: { expression } });
const patch = (expression: string) => ({ patchType: 'JSONPatch', jsonPatch: { expression } });

async function install(name: string, mutations: object[], more: object = {}, resources = ['configmaps']) {
  const matchConstraints = { resourceRules: [{ ...rule, resources }] };
  const spec = { matchConstraints, mutations, reinvocationPolicy: 'Never', ...more };
  await api.send('POST', policies, { body: { metadata: { name }, spec } });
  const body = { metadata: { name: `${name}-binding` }, spec: { policyName: name } };
  await api.send('POST', `${registration}/mutatingadmissionpolicybindings`, { body });
}
const create = (name: string, data: object = {}) => api.send('POST', maps, { body: { metadata: { name }, data } });

async function refused(work: Promise<unknown>): Promise<StatusError> {
  return work.then(
    () => assert.fail('it was let through'),
    (err: StatusError) => err,
  );
}

describe('mutating policies', () => {
  test('lay an Object over what is there', async () => {
    await install('p', [apply("Object{data: {'b': object.data.a + '!'}}")]);
    assert.deepEqual((await create('x', { a: '1' })).data, { a: '1', b: '1!' });
    const sent = { body: { data: { a: '2' } }, contentType: merge };
    assert.deepEqual((await api.send('PATCH', `${maps}/x`, sent)).data, { a: '2', b: '2!' });
    await api.send('DELETE', `${maps}/x`);
  });

  test('merge lists by their keys, and what they add is given its defaults', async () => {
    const container =
      "Object.spec.containers{name: 'side', image: 'img', ports: [Object.spec.containers.ports{containerPort: 80}]}";
    await install('p', [apply(`Object{spec: Object.spec{containers: [${container}]}}`)], {}, ['pods']);
    const spec = { containers: [{ name: 'main', image: 'own' }] };
    const { containers } = (await api.send('POST', pods, { body: { metadata: { name: 'x' }, spec } })).spec;
    assert.deepEqual(
      containers.map((c: any) => [c.name, c.image, c.imagePullPolicy]),
      [
        ['main', 'own', 'Always'],
        ['side', 'img', 'Always'],
      ],
    );
    assert.deepEqual(containers[1].ports, [{ containerPort: 80, protocol: 'TCP' }]);
  });

  test('carry out the operations of a JSON patch, each mutation after the other', async () => {
    const variables = [{ name: 'count', expression: 'object.data.size()' }];
    const key = "'/metadata/annotations/' + jsonpatch.escapeKey('example.com/count')";
    const mutations = [
      patch(
        "[JSONPatch{op: 'add', path: '/metadata/annotations', value: {'a': 'b'}}, JSONPatch{op: 'add', path: '/data/b', value: 'x'}]",
      ),
      patch(`[JSONPatch{op: 'add', path: ${key}, value: string(variables.count)}]`),
    ];
    await install('p', mutations, { variables });
    const made = await create('x', { a: '1' });
    assert.deepEqual(made.data, { a: '1', b: 'x' });
    assert.deepEqual(made.metadata.annotations, { a: 'b', 'example.com/count': '2' });
  });

  test('a failed test operation leaves the object', async () => {
    const operations = "JSONPatch{op: 'test', path: '/data/a', value: '2'}, JSONPatch{op: 'remove', path: '/data/a'}";
    await install('p', [patch(`[${operations}]`)]);
    assert.deepEqual((await create('x', { a: '1' })).data, { a: '1' });
    assert.equal((await create('y', { a: '2' })).data, undefined);
  });

  test('take parameters, conditions, and other versions of a resource', async () => {
    await create('params', { replicas: '7' });
    const v2 = { ...rule, apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['horizontalpodautoscalers'] };
    const mutation = apply('Object{spec: Object.spec{maxReplicas: int(params.data.replicas)}}');
    const spec = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConstraints: { resourceRules: [v2] },
      matchConditions: [{ name: 'c', expression: 'object.spec.maxReplicas == 2' }],
      mutations: [mutation],
      reinvocationPolicy: 'Never',
    };
    await api.send('POST', policies, { body: { metadata: { name: 'p' }, spec } });
    const paramRef = { name: 'params', parameterNotFoundAction: 'Deny' };
    const binding = { metadata: { name: 'b' }, spec: { policyName: 'p', paramRef } };
    await api.send('POST', `${registration}/mutatingadmissionpolicybindings`, { body: binding });
    const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
    const scaler = (name: string, maxReplicas: number) =>
      api.send('POST', path, { body: { metadata: { name }, spec: { maxReplicas, scaleTargetRef } } });
    assert.equal((await scaler('a', 2)).spec.maxReplicas, 7);
    assert.equal((await scaler('b', 3)).spec.maxReplicas, 3);
  });

  for (const [reinvocationPolicy, count] of [
    ['Never', '1'],
    ['IfNeeded', '3'],
  ] as const) {
    test(`a policy that others changed the object after, with ${reinvocationPolicy}`, async () => {
      const append = (key: string) => apply(`Object{data: {'${key}': string(object.data.size())}}`);
      await install('a', [append('a')], { reinvocationPolicy });
      await install('b', [append('b')]);
      assert.deepEqual((await create('x', { z: '' })).data, { a: count, b: '2', z: '' });
    });
  }

  test('validating policies see what mutating ones have made', async () => {
    await install('p', [apply("Object{data: {'a': 'made'}}")]);
    const spec = {
      matchConstraints: { resourceRules: [{ ...rule, resources: ['configmaps'] }] },
      validations: [{ expression: "object.data.a != 'made'", message: 'seen' }],
    };
    await api.send('POST', `${registration}/validatingadmissionpolicies`, { body: { metadata: { name: 'v' }, spec } });
    const binding = { metadata: { name: 'v' }, spec: { policyName: 'v', validationActions: ['Deny'] } };
    await api.send('POST', `${registration}/validatingadmissionpolicybindings`, { body: binding });
    assert.match((await refused(create('x'))).message, /denied request: seen$/);
  });

  const broken: Record<string, [object, string[], string]> = {
    'an expression that fails': [
      apply("Object{data: {'a': object.data.none}}"),
      ['configmaps'],
      `expression 'Object{data: {'a': object.data.none}}' resulted in error: no such key: data`,
    ],
    'fields of another place': [
      apply('Object{metadata: Object.spec{name: "y"}}'),
      ['configmaps'],
      'type mismatch: unexpected type name "Object.spec", expected "Object.metadata", which must match field name path from root Object type',
    ],
    'fields that are not there': [
      apply('Object{spec: Object.spec{replicas: 1}}'),
      ['configmaps'],
      'error applying patch: failed to convert patch object to typed object: .spec: field not declared in schema',
    ],
    'what would be replaced as a whole': [
      apply('Object{spec: Object.spec{containers: [Object.spec.containers{name: "main", command: ["sh"]}]}}'),
      ['pods'],
      'error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.containers[0].command',
    ],
  };
  for (const [name, [mutation, resources, text]] of Object.entries(broken)) {
    test(`${name}: Fail refuses, Ignore goes on`, async () => {
      await install('p', [mutation], {}, resources);
      const spec = { containers: [{ name: 'main', image: 'own' }] };
      const send = () =>
        resources[0] === 'pods' ? api.send('POST', pods, { body: { metadata: { name: 'x' }, spec } }) : create('x');
      const error = await refused(send());
      const why = `policy 'p' with binding 'p-binding' denied request: ${text}`;
      assert.deepEqual([error.code, error.reason, error.message], [403, 'Invalid', why]);
      assert.deepEqual(error.details, { name: 'x', kind: resources[0], causes: [{ message: why }] });
      await api.send('PATCH', `${policies}/p`, { body: { spec: { failurePolicy: 'Ignore' } }, contentType: merge });
      await send();
    });
  }
});
