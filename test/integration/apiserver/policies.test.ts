// Admission policies behind the real API server, with the controller that checks their types.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { toLoop } from '../../../client/controller.ts';
import { validatingAdmissionPolicyStatusController } from '../../../controllers/admission-policy/status.ts';
import { type Answer, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/judged/configmaps';
const deployments = '/apis/apps/v1/namespaces/judged/deployments';
const merge = 'application/merge-patch+json';
const only = { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'judged' } } };

describe('admission policies', () => {
  let api: TestControlPlane;
  let controllers: RunningControllers;
  before(async () => {
    api = await startControlPlane();
    await api.namespace('judged');
    controllers = await runControllers(api, [toLoop(validatingAdmissionPolicyStatusController)]);
  });
  after(async () => {
    await controllers?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const sort of ['validating', 'mutating']) {
      await api.request('DELETE', `${registration}/${sort}admissionpolicybindings`);
      await api.request('DELETE', `${registration}/${sort}admissionpolicies`);
    }
  });

  const post = async (path: string, body: object): Promise<Answer> => {
    const answer = await api.request('POST', path, { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    return answer;
  };
  const ruleFor = (apiGroups: string[], resources: string[], operations = ['CREATE', 'UPDATE']) => ({
    resourceRules: [{ operations, apiGroups, apiVersions: ['v1'], resources }],
    ...only,
  });
  const install = async (sort: 'validating' | 'mutating', spec: object, binding: object = {}) => {
    const actions = sort === 'validating' ? { validationActions: ['Deny'] } : {};
    await post(`${registration}/${sort}admissionpolicies`, { metadata: { name: 'p' }, spec });
    const bound = { policyName: 'p', ...actions, ...binding };
    await post(`${registration}/${sort}admissionpolicybindings`, { metadata: { name: 'b' }, spec: bound });
  };
  const deployment = (name: string, replicas: number) => ({
    metadata: { name },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });

  test('a rule over variables refuses deployments that break it', async () => {
    await install('validating', {
      matchConstraints: ruleFor(['apps'], ['deployments']),
      variables: [
        { name: 'replicas', expression: 'object.spec.replicas' },
        { name: 'isOdd', expression: 'variables.replicas % 2 == 1' },
      ],
      validations: [
        { expression: 'variables.replicas > 1' },
        { expression: 'variables.isOdd', messageExpression: "'even: ' + string(variables.replicas)" },
      ],
    });
    await post(deployments, deployment('three', 3));
    const refused = await api.request('POST', deployments, { body: deployment('two', 2) });
    assert.equal(refused.status, 422);
    const why = "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: even: 2";
    assert.equal(refused.body.message, `deployments.apps "two" is forbidden: ${why}`);
    assert.deepEqual(refused.body.details, {
      name: 'two',
      group: 'apps',
      kind: 'deployments',
      causes: [{ message: why }],
    });
    const one = await api.request('PATCH', `${deployments}/three`, {
      body: { spec: { replicas: 1 } },
      contentType: merge,
    });
    assert.match(one.body.message, /denied request: failed expression: variables.replicas > 1$/);
  });

  test('warnings reach the client', async () => {
    const validations = [{ expression: 'false', message: 'mind the gap' }];
    const spec = { matchConstraints: ruleFor([''], ['configmaps']), validations };
    await install('validating', spec, { validationActions: ['Warn', 'Audit'] });
    const { headers } = await post(maps, { metadata: { name: 'warned' } });
    const text = "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': mind the gap";
    assert.equal(headers.warning, `299 - "${text}"`);
  });

  test('a stream to a pod is asked for before it begins', async () => {
    await install('validating', {
      matchConstraints: ruleFor([''], ['pods/exec'], ['CONNECT']),
      validations: [{ expression: "object.command != ['sh']", message: 'no shells' }],
    });
    const pod = { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } };
    await post('/api/v1/namespaces/judged/pods', pod);
    const path = '/api/v1/namespaces/judged/pods/p/exec?command=sh&stdout=true&container=c';
    const answer = await api.request('POST', path);
    assert.equal(answer.status, 422);
    assert.match(answer.body.message, /^pods "p" is forbidden: .* denied request: no shells$/);
  });

  test('a mutating policy changes deployments, and says nothing of who owns the fields', async () => {
    const annotations = "Object.metadata{annotations: {'team': 'a'}}";
    const expression = `Object{metadata: ${annotations}, spec: Object.spec{replicas: object.spec.replicas + 1}}`;
    await install('mutating', {
      matchConstraints: ruleFor(['apps'], ['deployments'], ['CREATE']),
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      reinvocationPolicy: 'Never',
    });
    const { body } = await post(deployments, deployment('mutated', 2));
    assert.equal(body.spec.replicas, 3);
    assert.deepEqual(body.metadata.annotations, { team: 'a' });
  });

  test('custom resources are changed by their schemas, and can be parameters', async () => {
    const ports = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        required: ['name'],
        properties: { name: { type: 'string' }, port: { type: 'integer', default: 80 } },
      },
    };
    const properties = { spec: { type: 'object', properties: { ports } } };
    const version = {
      name: 'v1',
      served: true,
      storage: true,
      schema: { openAPIV3Schema: { type: 'object', properties } },
    };
    const names = { plural: 'gates', kind: 'Gate' };
    await post('/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      metadata: { name: 'gates.g.example' },
      spec: { group: 'g.example', scope: 'Namespaced', names, versions: [version] },
    });
    const path = '/apis/g.example/v1/namespaces/judged/gates';
    const gate = (name: string) => ({
      apiVersion: 'g.example/v1',
      kind: 'Gate',
      metadata: { name },
      spec: { ports: [{ name: 'own', port: 1 }] },
    });
    await eventually(
      'the custom resource',
      () => api.request('GET', path),
      ({ status }) => status === 200,
    );
    await post(path, gate('params'));
    const expression =
      "Object{spec: Object.spec{ports: params.spec.ports.map(p, Object.spec.ports{name: p.name + '2'})}}";
    const spec = {
      paramKind: { apiVersion: 'g.example/v1', kind: 'Gate' },
      matchConstraints: ruleFor(['g.example'], ['gates']),
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }],
      reinvocationPolicy: 'IfNeeded',
    };
    await install('mutating', spec, { paramRef: { name: 'params', parameterNotFoundAction: 'Deny' } });
    const { body } = await post(path, gate('changed'));
    assert.deepEqual(body.spec.ports, [
      { name: 'own', port: 1 },
      { name: 'own2', port: 80 },
    ]);
    await install('validating', {
      matchConstraints: ruleFor(['g.example'], ['gates']),
      validations: [{ expression: "object.spec.ports == 'a'" }],
    });
    const judged = async () => (await api.request('GET', `${registration}/validatingadmissionpolicies/p`)).body.status;
    const { typeChecking } = await eventually('a status', judged, (status) => status?.observedGeneration === 1);
    assert.match(typeChecking.expressionWarnings[0].warning, /^g\.example\/v1, Kind=Gate: ERROR/);
  });

  test('the status tells what types say of the expressions', async () => {
    await install('validating', {
      matchConstraints: ruleFor(['apps'], ['deployments']),
      validations: [{ expression: 'object.replicas > 1' }],
    });
    const path = `${registration}/validatingadmissionpolicies/p`;
    const status = async () => (await api.request('GET', path)).body.status ?? {};
    const first = await eventually('a status', status, ({ observedGeneration }) => observedGeneration === 1);
    const [{ fieldRef, warning }] = first.typeChecking.expressionWarnings;
    assert.equal(fieldRef, 'spec.validations[0].expression');
    assert.match(warning, /^apps\/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'/);
    const body = { spec: { validations: [{ expression: 'object.spec.replicas > 1' }] } };
    await api.request('PATCH', path, { body, contentType: merge });
    const second = await eventually('the next', status, ({ observedGeneration }) => observedGeneration === 2);
    assert.deepEqual(second, { observedGeneration: 2, typeChecking: {} });
    assert.deepEqual(controllers.failures, []);
  });
});
