import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { s } from '../schema.ts';
import { compile, type Program } from './cel.ts';
import { declFromOpenApi } from './decl-openapi.ts';
import { declFromSchema } from './decl-schema.ts';
import { toJson } from './json-values.ts';
import { crdEnv, policyEnv } from './kubernetes-env.ts';
import { type Authorize, authorizerValue, requestResourceValue } from './lib/authorizer.ts';
import { checkTypeNames } from './lib/patches.ts';
import { PolicyVariables } from './policy-variables.ts';
import type { CelType } from './types.ts';
import { formatType } from './types.ts';

function compiled(source: string, env: Parameters<typeof compile>[1]): { program: Program; type: CelType } {
  const result = compile(source, env);
  assert.ok(result.ok, result.ok ? '' : String(result.issues));
  return result;
}

describe('rules of custom resources', () => {
  const widget = {
    type: 'object',
    properties: {
      size: { type: 'integer' },
      tags: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'set' },
      free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      when: { type: 'string', format: 'date-time' },
    },
  } as const;

  test('see type and name of the resource whatever the schema says, and nothing it does not say', () => {
    const env = crdEnv(declFromOpenApi(widget, 'Widget', true)!);
    const self = { apiVersion: 'a/v1', kind: 'Widget', metadata: { name: 'x', labels: {} }, size: 1 };
    const rule = compiled(
      "self.kind == 'Widget' && self.metadata.name == 'x' && !has(self.metadata.generateName)",
      env,
    );
    assert.deepEqual(rule.program.evaluate({ self }), { ok: true, value: true, cost: 10 });
    assert.equal(compile('self.metadata.labels.size() == 0', env).ok, false);
    assert.equal(compile('self.free.anything == 1', env).ok, false);
  });

  test('name fields by words that are reserved, escaped or not, and see no metadata but the name', () => {
    const properties = {
      namespace: { type: 'string' },
      true: { type: 'string' },
      metadata: { type: 'object' },
    } as const;
    const env = crdEnv(declFromOpenApi({ type: 'object', properties }, 'Widget', true)!);
    const self = { namespace: 'n', true: 't', metadata: { name: 'x', namespace: 'n' } };
    for (const [source, isOk] of [
      ["self.namespace == 'n' && self.__namespace__ == 'n'", true],
      ["self.__true__ == 't'", true],
      ["self.metadata.name == 'x'", true],
      ["self.metadata.namespace == 'n'", false],
      ["self.true == 't'", false],
    ] as const) {
      const result = compile(source, env);
      assert.equal(result.ok, isOk, source);
      if (result.ok) assert.deepEqual((result.program.evaluate({ self }) as { value?: unknown }).value, true);
    }
  });

  test('compare with what was before', () => {
    const decl = declFromOpenApi(widget, 'Widget')!;
    const rule = compiled('self.size >= oldSelf.size && self.tags == oldSelf.tags', crdEnv(decl)).program;
    const result = rule.evaluate({ self: { size: 2, tags: ['a', 'b'] }, oldSelf: { size: 1, tags: ['b', 'a'] } });
    assert.ok(result.ok && result.value === true);
    assert.equal(compile('oldSelf.size == 1', crdEnv(decl, 'none')).ok, false);
    const optional = compiled('oldSelf.?size.orValue(0) < self.size', crdEnv(decl, 'optional'));
    assert.equal(formatType(optional.type), 'bool');
  });

  test('objects are equal by all of their fields, also those without a schema', () => {
    const env = crdEnv(declFromOpenApi({ type: 'array', items: widget }, 'Widgets')!);
    const rule = compiled('self[0] == self[1]', env).program;
    const equal = (...self: unknown[]) => rule.evaluate({ self });
    assert.ok((equal({ size: 1, x: [1] }, { size: 1, x: [1] }) as { value: unknown }).value);
    assert.equal((equal({ size: 1, x: [1] }, { size: 1, x: [2] }) as { value: unknown }).value, false);
    const [early, late] = ['2024-01-01T00:00:00Z', '2024-01-01T01:00:00+01:00'];
    assert.equal((equal({ when: early }, { when: late }) as { value: unknown }).value, true);
  });
});

describe('policies', () => {
  test('see objects of any form, or of the form they are given', () => {
    const any = compiled("object.spec.replicas <= 5 && object.metadata.?labels.a.orValue('') == ''", policyEnv());
    assert.ok(any.program.evaluate({ object: { spec: { replicas: 3 }, metadata: {} } }).ok);
    const schema = s.object('Thing', 'A thing.', {
      spec: s.object('Spec', 'Its spec.', { replicas: s.int32('How many.'), image: s.string('What.') }),
    });
    const env = policyEnv({ object: declFromSchema(schema) });
    assert.equal(compile('object.spec.replica == 1', env).ok, false);
    assert.equal(compile('object.spec.image == 1', env).ok, false);
    assert.ok(compile('object.spec.replicas == 1', env).ok);
  });

  test('see the request, the namespace and the parameters', () => {
    const env = policyEnv({ params: true });
    const rule = "request.operation == 'CREATE' && namespaceObject.metadata.name == 'n' && params.max == 5";
    const variables = {
      request: { operation: 'CREATE', userInfo: { groups: ['g'] } },
      namespaceObject: { metadata: { name: 'n', creationTimestamp: '2024-01-01T00:00:00Z' } },
      params: { max: 5 },
    };
    const result = compiled(rule, env).program.evaluate(variables);
    assert.ok(result.ok && result.value === true);
    assert.equal(compile('params.max == 5', policyEnv()).ok, false);
    assert.equal(compile('request.nothing == 5', env).ok, false);
  });

  test('have variables, evaluated when they are looked at, and once', () => {
    const programs = new Map<string, Program>();
    const types = new Map<string, CelType>();
    for (const [name, source] of [
      ['images', 'object.images.map(i, i)'],
      ['count', 'variables.images.size()'],
      ['wrong', '1 / (object.images.size() - 2)'],
      ['unused', 'object.absent'],
    ] as const) {
      const { program, type } = compiled(source, policyEnv({ variables: types }));
      programs.set(name, program);
      types.set(name, type);
    }
    const env = policyEnv({ variables: types });
    assert.equal(compile('variables.nothing == 1', env).ok, false);
    assert.equal(compile("variables.count == 'a'", env).ok, false);
    const object = { images: ['a', 'b'] };
    const variables = new PolicyVariables(programs, { object }, () => 1000);
    const rule = compiled('variables.count == 2 && variables.count + variables.images.size() == 4', env).program;
    const result = rule.evaluate({ object, variables });
    assert.ok(result.ok && result.value === true);
    const { cost } = variables;
    assert.ok(cost > 0);
    rule.evaluate({ object, variables });
    assert.equal(variables.cost, cost, 'what is known is not evaluated again');
    const failing = compiled('variables.wrong == 1', env).program.evaluate({ object, variables });
    assert.deepEqual(!failing.ok && failing.message, 'composited variable "wrong" fails to evaluate: division by zero');
  });
});

describe('the authorizer', () => {
  const env = policyEnv({ hasAuthorizer: true });
  const question = "authorizer.group('apps').resource('deployments').namespace('n').name('d').subresource('scale')";

  test('is asked what the expression says', () => {
    const asked: unknown[] = [];
    const authorize: Authorize = (what) => {
      asked.push(what);
      return { isAllowed: true, reason: 'because' };
    };
    const { program } = compiled(`${question}.check('get').allowed()`, env);
    assert.ok(program.evaluate({ authorizer: authorizerValue(authorize) }).ok);
    assert.deepEqual(asked, [
      { group: 'apps', resource: 'deployments', namespace: 'n', name: 'd', subresource: 'scale', verb: 'get' },
    ]);
    const own = compiled("authorizer.requestResource.check('custom').reason() == 'because'", env).program;
    const resource = requestResourceValue(authorize, { group: '', resource: 'pods', namespace: 'n' });
    assert.deepEqual(own.evaluate({ 'authorizer.requestResource': resource }), {
      ok: true,
      value: true,
      cost: 350_003,
    });
    assert.deepEqual(asked[1], { group: '', resource: 'pods', namespace: 'n', verb: 'custom' });
  });

  test('may take its time: the evaluation waits, and asks each question once', async () => {
    let asked = 0;
    const authorize: Authorize = async (what) => {
      asked++;
      await Promise.resolve();
      if (what.verb === 'fail') throw new Error('no answer');
      return { isAllowed: what.verb === 'get' };
    };
    const { program } = compiled(`${question}.check('get').allowed() && ${question}.check('get').reason() == ''`, env);
    const result = await program.evaluateAsync({ authorizer: authorizerValue(authorize) });
    assert.ok(result.ok && result.value === true);
    assert.equal(asked, 1);
    const failing = compiled(`${question}.check('fail').error() == 'no answer'`, env).program;
    const failed = await failing.evaluateAsync({ authorizer: authorizerValue(authorize) });
    assert.ok(failed.ok && failed.value === true);
  });

  const refused: Record<string, string> = {
    "authorizer.path(' ').check('get').allowed()": 'path must not be empty',
    "authorizer.group('').resource('').check('get').allowed()": 'resource must not be empty',
    "authorizer.serviceAccount('not@ns', 'a').path('/').check('get').allowed()": 'Invalid service account namespace',
    "authorizer.serviceAccount('ns', 'a@b').path('/').check('get').allowed()": 'Invalid service account name',
  };
  for (const [source, message] of Object.entries(refused)) {
    test(source, () => {
      const result = compiled(source, env).program.evaluate({
        authorizer: authorizerValue(() => ({ isAllowed: true })),
      });
      assert.equal(!result.ok && result.message, message);
    });
  }
});

describe('mutating policies', () => {
  const env = policyEnv({ hasPatchTypes: true });

  test('make objects and patches', () => {
    const apply = compiled(
      "Object{spec: Object.spec{replicas: 2, template: Object.spec.template{labels: {'a': 'b'}}, ?none: optional.none()}}",
      env,
    );
    assert.equal(formatType(apply.type), 'Object');
    const made = apply.program.evaluate({ object: {} });
    assert.ok(made.ok);
    checkTypeNames(made.value);
    assert.deepEqual(toJson(made.value), { spec: { replicas: 2, template: { labels: { a: 'b' } } } });
    const patch = compiled("[JSONPatch{op: 'add', path: '/a/' + jsonpatch.escapeKey('x/~y'), value: 1}]", env);
    assert.equal(formatType(patch.type), 'list(JSONPatch)');
    const patches = patch.program.evaluate({ object: {} });
    assert.ok(patches.ok);
    assert.deepEqual(toJson(patches.value), [{ op: 'add', path: '/a/x~1~0y', value: 1 }]);
  });

  test('name them after their place', () => {
    const wrong = compiled('Object{spec: Object.status{replicas: 2}}', env).program.evaluate({ object: {} });
    assert.ok(wrong.ok);
    assert.throws(() => checkTypeNames(wrong.value), {
      message:
        'type mismatch: unexpected type name "Object.status", expected "Object.spec", which must match field name path from root Object type',
    });
    assert.equal(compile('JSONPatch{nothing: 1}', env).ok, false);
    assert.equal(compile('JSONPatch{op: 1}', env).ok, false);
    assert.equal(compile('Object{spec: 1}', policyEnv()).ok, false);
  });
});
