// Validating policies over the verbs of the API: who is asked, what is told, what happens when a rule cannot be told of.
import assert from 'node:assert/strict';
import { beforeEach, describe, test } from 'node:test';
import type { StatusError } from '../../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../../test/builders/memory-api.ts';
import type { UserInfo } from '../../authn/user.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const policies = `${registration}/validatingadmissionpolicies`;
const bindings = `${registration}/validatingadmissionpolicybindings`;
const maps = '/api/v1/namespaces/default/configmaps';
const rule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

let api: MemoryApi;
beforeEach(async () => {
  api = await startMemoryApi();
});

const policy = (spec: object, name = 'p', user?: UserInfo) =>
  api.send('POST', policies, {
    body: { metadata: { name }, spec: { matchConstraints: { resourceRules: [rule] }, ...spec } },
    ...(user && { user }),
  });
const bind = (spec: object = {}, name = 'b', policyName = 'p') =>
  api.send('POST', bindings, {
    body: { metadata: { name }, spec: { policyName, validationActions: ['Deny'], ...spec } },
  });
const create = (name: string, data: object = {}, labels: object = {}) =>
  api.send('POST', maps, { body: { metadata: { name, labels }, data } });

/** The error of a request that must fail. */
async function refused(work: Promise<unknown>): Promise<StatusError> {
  return work.then(
    () => assert.fail('it was let through'),
    (err: StatusError) => err,
  );
}

/** Runs a create and gives what admission warned of and noted. */
async function told(name: string, data: object = {}) {
  const warnings: string[] = [];
  const notes: Record<string, string> = {};
  const { kind } = api.request('POST', maps);
  const object: any = { metadata: { name, namespace: 'default' }, data };
  const request = {
    ...({ operation: 'CREATE', kind, subresource: '', namespace: 'default', name, object, dryRun: false } as const),
    user: { username: 'alice', groups: [] },
    warn: (text: string) => void warnings.push(text),
    annotate: (key: string, value: string) => void Object.assign(notes, { [key]: value }),
    onEnd: () => undefined,
  };
  await api.context.admission.validate(request);
  return { warnings, notes };
}

describe('a policy that is bound', () => {
  test('variables that follow each other without end are an error of the policy', async () => {
    const chain = Array.from({ length: 15_000 }, (_, i) => ({
      name: `v${i}`,
      expression: i === 0 ? '1' : `variables.v${i - 1}`,
    }));
    await policy({ variables: chain, validations: [{ expression: 'variables.v14999 == 1' }] });
    await bind();
    const error = await refused(create('any'));
    assert.match(error.message, /variables are evaluated by each other more than 500 deep/);
    assert.ok(error.message.length < 1000, error.message.slice(0, 1000));
  });

  test('refuses with the text of Kubernetes, and holds as soon as it is there', async () => {
    await policy({ validations: [{ expression: "object.data.?a.orValue('') != 'bad'" }] });
    await create('before', { a: 'bad' });
    await bind();
    await create('good', { a: 'fine' });
    const error = await refused(create('evil', { a: 'bad' }));
    const why = `ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: object.data.?a.orValue('') != 'bad'`;
    assert.deepEqual(error.toStatus(), {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: `configmaps "evil" is forbidden: ${why}`,
      reason: 'Invalid',
      details: { name: 'evil', kind: 'configmaps', causes: [{ message: why }] },
      code: 422,
    });
    await api.send('DELETE', `${bindings}/b`);
    await create('evil', { a: 'bad' });
  });

  test('a changed policy counts at once', async () => {
    await policy({ validations: [{ expression: 'false' }] });
    await bind();
    await refused(create('a'));
    const body = { spec: { validations: [{ expression: 'true' }] } };
    await api.send('PATCH', `${policies}/p`, { body, contentType: 'application/merge-patch+json' });
    await create('a');
  });

  const texts: Record<string, [object, number, string]> = {
    'its own message': [{ message: ' no way ' }, 422, 'no way'],
    'a message from an expression': [
      { message: 'other', messageExpression: "'got ' + object.data.a", reason: 'Forbidden' },
      403,
      'got x',
    ],
    'a message of several lines falls back': [{ message: 'other', messageExpression: "'a\\nb'" }, 422, 'other'],
    'a failing message falls back': [{ messageExpression: 'string(object.data.b)' }, 422, 'failed expression: false'],
    'a reason with a code of its own': [{ message: 'm', reason: 'RequestEntityTooLarge' }, 413, 'm'],
  };
  for (const [name, [validation, code, text]] of Object.entries(texts)) {
    test(name, async () => {
      await policy({ validations: [{ expression: 'false', ...validation }] });
      await bind();
      const error = await refused(create('x', { a: 'x' }));
      assert.equal(error.code, code);
      assert.ok(error.message.endsWith(`denied request: ${text}`), error.message);
    });
  }

  test('variables are made of others', async () => {
    const variables = [
      { name: 'a', expression: "object.data.?a.orValue('none')" },
      { name: 'long', expression: 'variables.a.size() > 3' },
    ];
    const messageExpression = "variables.a + ' is too short'";
    await policy({ variables, validations: [{ expression: 'variables.long', messageExpression }] });
    await bind();
    await create('fine', { a: 'long enough' });
    assert.match((await refused(create('x', { a: 'ab' }))).message, /denied request: ab is too short$/);
  });

  test('deletions show the object that is there, updates both', async () => {
    const validations = [
      { expression: "request.operation != 'DELETE' || oldObject.data.keep != 'yes'", message: 'kept' },
      { expression: "request.operation != 'UPDATE' || object.data.keep == oldObject.data.keep", message: 'fixed' },
      { expression: "request.operation == 'DELETE' ? object == null : has(object.data)", message: 'shown' },
    ];
    await policy({ validations });
    await bind();
    await create('x', { keep: 'yes' });
    assert.match((await refused(api.send('DELETE', `${maps}/x`))).message, /kept$/);
    const patch = { body: { data: { keep: 'no' } }, contentType: 'application/merge-patch+json' };
    assert.match((await refused(api.send('PATCH', `${maps}/x`, patch))).message, /fixed$/);
    await create('y', { keep: 'no' });
    await api.send('DELETE', `${maps}/y`);
  });

  test('knows the namespace and who may do what', async () => {
    const validations = [
      { expression: "namespaceObject.metadata.name == 'default'", message: 'namespace' },
      { expression: "authorizer.group('').resource('configmaps').namespace('default').check('create').allowed()" },
      { expression: "authorizer.requestResource.check('create').allowed() && request.userInfo.username != ''" },
    ];
    await policy({ validations });
    await bind();
    await create('x');
  });
});

describe('whom a policy is for', () => {
  const matches: Record<string, [object, object, boolean]> = {
    'other resources': [{ resourceRules: [{ ...rule, resources: ['secrets'] }] }, {}, false],
    'named objects': [{ resourceRules: [{ ...rule, resourceNames: ['x'] }] }, {}, true],
    'other names': [{ resourceRules: [{ ...rule, resourceNames: ['y'] }] }, {}, false],
    excluded: [{ resourceRules: [rule], excludeResourceRules: [{ ...rule, resourceNames: ['x'] }] }, {}, false],
    'labels of objects': [{ resourceRules: [rule], objectSelector: { matchLabels: { app: 'a' } } }, {}, true],
    'other labels': [{ resourceRules: [rule], objectSelector: { matchLabels: { app: 'b' } } }, {}, false],
    'a binding narrows it': [{ resourceRules: [rule] }, { objectSelector: { matchLabels: { app: 'b' } } }, false],
    'a binding by namespace': [
      { resourceRules: [rule] },
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } },
      true,
    ],
    'a binding by another namespace': [
      { resourceRules: [rule] },
      { namespaceSelector: { matchLabels: { a: 'b' } } },
      false,
    ],
  };
  for (const [name, [matchConstraints, matchResources, isAsked]] of Object.entries(matches)) {
    test(name, async () => {
      await policy({ matchConstraints, validations: [{ expression: 'false' }] });
      await bind({ matchResources });
      const work = create('x', {}, { app: 'a' });
      if (isAsked) await refused(work);
      else await work;
    });
  }

  test('match conditions come first', async () => {
    const matchConditions = [{ name: 'c', expression: "object.metadata.name != 'free'" }];
    await policy({ matchConditions, validations: [{ expression: 'false' }] });
    await bind();
    await create('free');
    await refused(create('x'));
  });

  test('other versions of a resource, unless the policy is exact', async () => {
    const v2 = { operations: ['*'], apiGroups: ['autoscaling'], apiVersions: ['v2'], resources: ['*'] };
    const seen = "object.apiVersion == 'autoscaling/v2' && request.resource.version == 'v2'";
    const messageExpression = "object.apiVersion + ' ' + request.requestResource.version";
    const validations = [{ expression: `!(${seen})`, messageExpression }];
    await policy({ matchConstraints: { resourceRules: [v2] }, validations });
    await bind();
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
    const body = { metadata: { name: 'h' }, spec: { maxReplicas: 2, scaleTargetRef } };
    const path = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers';
    assert.match((await refused(api.send('POST', path, { body }))).message, /denied request: autoscaling\/v2 v1$/);
    const exact = { spec: { matchConstraints: { matchPolicy: 'Exact' } } };
    await api.send('PATCH', `${policies}/p`, { body: exact, contentType: 'application/merge-patch+json' });
    await api.send('POST', path, { body });
  });

  test('never policies and bindings', async () => {
    const resourceRules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }];
    await policy({ matchConstraints: { resourceRules }, validations: [{ expression: 'false' }] });
    await bind();
    await refused(create('x'));
    await policy({ validations: [{ expression: 'false' }] }, 'second');
    await api.send('DELETE', `${bindings}/b`);
    await api.send('DELETE', `${policies}/p`);
    await create('x');
  });
});

describe('parameters', () => {
  const paramKind = { apiVersion: 'v1', kind: 'ConfigMap' };
  const validations = [
    { expression: 'int(object.data.n) <= int(params.data.max)', messageExpression: 'string(params.data.max)' },
  ];
  const paramPolicy = (more: object = {}) =>
    policy({
      paramKind,
      validations,
      matchConditions: [{ name: 'c', expression: "has(object.data) && 'n' in object.data" }],
      ...more,
    });

  test('by name, in the namespace of the request or another', async () => {
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'other' } } });
    await create('limits', { max: '3' });
    await api.send('POST', '/api/v1/namespaces/other/configmaps', {
      body: { metadata: { name: 'limits' }, data: { max: '5' } },
    });
    await paramPolicy();
    await bind({ paramRef: { name: 'limits', parameterNotFoundAction: 'Deny' } });
    await create('fine', { n: '3' });
    assert.match((await refused(create('x', { n: '4' }))).message, /denied request: 3$/);
    await api.send('DELETE', `${bindings}/b`);
    await bind({ paramRef: { name: 'limits', namespace: 'other', parameterNotFoundAction: 'Deny' } }, 'c');
    await create('four', { n: '4' });
    assert.match((await refused(create('x', { n: '6' }))).message, /with binding 'c' denied request: 5$/);
  });

  test('by labels: all of them are asked', async () => {
    await create('a', { max: '3' }, { limits: 'yes' });
    await create('b', { max: '2' }, { limits: 'yes' });
    await paramPolicy();
    await bind({ paramRef: { selector: { matchLabels: { limits: 'yes' } }, parameterNotFoundAction: 'Deny' } });
    await create('fine', { n: '2' });
    assert.match((await refused(create('x', { n: '3' }))).message, /denied request: 2$/);
  });

  test('that are not there', async () => {
    await paramPolicy();
    await bind({ paramRef: { name: 'none', parameterNotFoundAction: 'Deny' } });
    const why =
      "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction";
    assert.equal((await refused(create('x', { n: '1' }))).message, `configmaps "x" is forbidden: ${why}`);
    await api.send('DELETE', `${bindings}/b`);
    await bind({ paramRef: { name: 'none', parameterNotFoundAction: 'Allow' } });
    await create('x', { n: '1' });
  });

  test('of a kind that is not served', async () => {
    await paramPolicy({ paramKind: { apiVersion: 'example.com/v1', kind: 'Limit' } });
    await bind({ paramRef: { name: 'none', parameterNotFoundAction: 'Allow' } });
    const why =
      "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'example.com/v1, Kind=Limit'";
    assert.equal((await refused(create('x'))).message, `configmaps "x" is forbidden: ${why}`);
  });

  test('of a cluster-scoped object cannot be in its namespace', async () => {
    const resourceRules = [{ ...rule, resources: ['nodes'] }];
    await paramPolicy({ matchConstraints: { resourceRules } });
    await bind({ paramRef: { name: 'limits', parameterNotFoundAction: 'Allow' } });
    const error = await refused(api.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n' } } }));
    assert.match(
      error.message,
      /cannot use namespaced paramRef in policy binding that matches cluster-scoped resources$/,
    );
  });
});

describe('what a failure does', () => {
  test('it warns and is noted', async () => {
    await policy({ validations: [{ expression: 'true' }, { expression: 'false', message: 'odd' }] });
    await bind({ validationActions: ['Warn', 'Audit'] });
    const { warnings, notes } = await told('x');
    assert.deepEqual(warnings, ["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': odd"]);
    const [note] = JSON.parse(notes['validation.policy.admission.k8s.io/validation_failure']!);
    assert.deepEqual(note, {
      message: 'odd',
      policy: 'p',
      binding: 'b',
      expressionIndex: 1,
      validationActions: ['Warn', 'Audit'],
    });
  });

  test('annotations go to the audit log, each once', async () => {
    const auditAnnotations = [
      { key: 'size', valueExpression: 'string(object.data.size())' },
      { key: 'none', valueExpression: "' '" },
    ];
    await policy({ auditAnnotations });
    await bind();
    await bind({}, 'again');
    assert.deepEqual((await told('x', { a: 'b' })).notes, { 'p/size': '1' });
  });

  const broken: Record<string, [object, string]> = {
    'a rule that cannot be told of': [
      { validations: [{ expression: 'object.none == 1' }] },
      "expression 'object.none == 1' resulted in error: no such key: none",
    ],
    'a match condition': [
      { matchConditions: [{ name: 'c', expression: 'object.nothing == 1' }], validations: [{ expression: 'false' }] },
      "expression 'object.nothing == 1' resulted in error: no such key: nothing",
    ],
    'an annotation': [
      { auditAnnotations: [{ key: 'k', valueExpression: 'string(object.nothing)' }] },
      "expression 'string(object.nothing)' resulted in error: no such key: nothing",
    ],
    'a variable': [
      {
        variables: [{ name: 'v', expression: '1 / (object.metadata.name.size() - 1)' }],
        validations: [{ expression: 'variables.v == 1' }],
      },
      `expression 'variables.v == 1' resulted in error: composited variable "v" fails to evaluate: division by zero`,
    ],
  };
  for (const [name, [spec, text]] of Object.entries(broken)) {
    test(`${name}: Fail refuses, Ignore goes on`, async () => {
      await policy({ ...spec, failurePolicy: 'Fail' });
      await bind();
      const error = await refused(create('x'));
      assert.equal(error.code, 422);
      assert.equal(
        error.message,
        `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${text}`,
      );
      const body = { spec: { failurePolicy: 'Ignore' } };
      await api.send('PATCH', `${policies}/p`, { body, contentType: 'application/merge-patch+json' });
      await create('x');
    });
  }

  test('what costs too much is broken off', async () => {
    const list = `[${'1,'.repeat(99)}1]`;
    const dear = `${list}.all(a, ${list}.all(b, a + b < 100))`;
    await policy({ validations: Array.from({ length: 300 }, () => ({ expression: dear })) });
    await bind();
    assert.match(
      (await refused(create('x'))).message,
      /running out of cost budget, no further validation rules will be run$/,
    );
  });
});
