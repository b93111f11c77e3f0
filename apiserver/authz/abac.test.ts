import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createAbacAuthorizer, readPolicyFile } from './abac.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8ts-abac-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const head = { apiVersion: 'abac.authorization.kubernetes.io/v1beta1', kind: 'Policy' };
const lineOf = (spec: object) => JSON.stringify({ ...head, spec });

function read(text: string) {
  const path = join(folder, 'policies.jsonl');
  writeFileSync(path, text);
  return readPolicyFile(path);
}

const specs = [
  { user: 'alice', namespace: '*', resource: '*', apiGroup: '*' },
  { user: 'bob', namespace: 'caribou', resource: 'pods', readonly: true },
  { group: 'ops', namespace: 'caribou', resource: 'deployments', apiGroup: 'apps' },
  { user: 'carol', group: 'ops', nonResourcePath: '/logs' },
  { group: 'system:authenticated', readonly: true, nonResourcePath: '/healthz/*' },
  { user: '*', group: 'guests', nonResourcePath: '*' },
  { namespace: '*', resource: '*', apiGroup: '*' },
];
const authorizer = createAbacAuthorizer(read(`# who may do what\n\n${specs.map(lineOf).join('\r\n')}\n`));

describe('policies allow', () => {
  const cases: [allowed: boolean, who: string, verb: string, what: string][] = [
    [true, 'alice', 'delete', 'apps/deployments in any'],
    [false, 'alice', 'get', '/healthz'],
    [true, 'bob', 'list', '/pods in caribou'],
    [false, 'bob', 'create', '/pods in caribou'],
    [false, 'bob', 'list', '/pods in other'],
    [false, 'bob', 'list', 'apps/pods in caribou'],
    [true, 'joe ops', 'update', 'apps/deployments in caribou'],
    [false, 'joe', 'update', 'apps/deployments in caribou'],
    [true, 'carol ops', 'get', '/logs'],
    [false, 'carol', 'get', '/logs'],
    [false, 'joe ops', 'get', '/logs'],
    [true, 'joe system:authenticated', 'get', '/healthz/etcd'],
    [false, 'joe system:authenticated', 'get', '/healthz'],
    [false, 'joe system:authenticated', 'post', '/healthz/etcd'],
    [true, 'joe guests', 'post', '/anything'],
    [false, 'nobody', 'get', '/pods in caribou'],
  ];
  for (const [allowed, who, verb, what] of cases) {
    test(`${who} to ${verb} ${what}: ${allowed}`, async () => {
      const [username = '', ...groups] = who.split(' ');
      const [, group = '', resource = '', namespace = ''] = /^(.*)\/(.*) in (.*)$/.exec(what) ?? [];
      const place = {
        isResource: namespace !== '',
        group,
        resource,
        namespace,
        version: '',
        subresource: '',
        name: '',
      };
      const decision = await authorizer.authorize({ user: { username, groups }, verb, ...place, path: what });
      assert.deepEqual(decision, { allowed, reason: allowed ? '' : 'No policy matched.' });
    });
  }
});

test('what somebody may do in a namespace is told', () => {
  const rules = (username: string, groups: string[], namespace: string) =>
    authorizer.rulesFor({ username, groups }, namespace).rules;
  const pods = { verbs: ['get', 'list', 'watch'], apiGroups: [''], resources: ['pods'] };
  assert.deepEqual(rules('bob', [], 'caribou'), [pods]);
  assert.deepEqual(rules('bob', [], 'other'), []);
  assert.deepEqual(rules('joe', ['guests'], 'a'), [{ verbs: ['*'], nonResourceURLs: ['*'] }]);
});

describe('a file of policies is refused with', () => {
  const cases: [what: string, line: string, why: RegExp][] = [
    ['no JSON', 'user: bob', /policies\.jsonl, line 2: user: bob: /],
    ['no version', '{"user":"bob"}', /line 2: .*it must be a Policy of abac\.authorization\.kubernetes\.io\/v1beta1/],
    ['a type that is wrong', lineOf({ user: 7 }), /line 2: /],
    ['a field that nobody knows', lineOf({ user: 'bob', readOnly: true }), /line 2: .*"spec\.readOnly"/],
  ];
  for (const [what, line, why] of cases) test(what, () => assert.throws(() => read(`#\n${line}`), why));
  test('nothing, where it is not there', () =>
    assert.throws(() => readPolicyFile('/none/x'), /policy file \/none\/x: E/));
});
