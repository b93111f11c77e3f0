// What an AuthorizationConfiguration may say, and for which requests its webhooks are asked.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigFileError, parseConfig } from '../../machinery/config-file.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { WebhookError } from '../webhook-client.ts';
import type { Attributes } from './attributes.ts';
import { conditionsOf } from './conditions.ts';
import { authorizationConfigForm } from './config.ts';
import { createWebhookAuthorizer } from './webhook.ts';

const head = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthorizationConfiguration' };
const read = (authorizers: object[]) =>
  parseConfig(JSON.stringify({ ...head, authorizers }), 'z.yaml', authorizationConfigForm);
const webhook = (more: object = {}) => ({
  type: 'Webhook',
  name: 'outside',
  webhook: {
    timeout: '3s',
    subjectAccessReviewVersion: 'v1',
    matchConditionSubjectAccessReviewVersion: 'v1',
    failurePolicy: 'Deny',
    connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: '/a/b' },
    matchConditions: [{ expression: 'has(request.resourceAttributes)' }],
    ...more,
  },
});
const rbac = { type: 'RBAC', name: 'rbac' };

test('authorizers come in their order, several webhooks among them', () => {
  const types = read([webhook(), { type: 'Node', name: 'node' }, rbac, { ...webhook(), name: 'other' }]).authorizers!;
  assert.deepEqual(
    types.map(({ type }) => type),
    ['Webhook', 'Node', 'RBAC', 'Webhook'],
  );
});

describe('it may not have', () => {
  const wrong: [what: string, authorizers: object[], why: RegExp][] = [
    ['nobody', [], /authorizers: .*at least one authorization mode must be defined/],
    ['another type', [{ type: 'ABAC', name: 'a' }], /authorizers\[0\]\.type: Unsupported value: "ABAC"/],
    ['a type twice', [rbac, { ...rbac, name: 'b' }], /authorizers\[1\]\.type: Duplicate value/],
    ['a name twice', [rbac, { type: 'Node', name: 'rbac' }], /authorizers\[1\]\.name: Duplicate value/],
    ['no name', [{ type: 'RBAC' }], /authorizers\[0\]\.name: Required value/],
    ['a name that is none', [{ type: 'RBAC', name: 'A b' }], /authorizer name is invalid/],
    ['a webhook of RBAC', [{ ...webhook(), type: 'RBAC' }], /may only be specified when type=Webhook/],
    ['a Webhook without one', [{ type: 'Webhook', name: 'a' }], /required when type=Webhook/],
    ['no time', [webhook({ timeout: '' })], /webhook\.timeout: Required value/],
    ['too much time', [webhook({ timeout: '31s' })], /webhook\.timeout: .*must be <= 30s/],
    ['no policy', [webhook({ failurePolicy: '' })], /failurePolicy: Required value/],
    ['another policy', [webhook({ failurePolicy: 'Ignore' })], /failurePolicy: Unsupported value/],
    [
      'a place that is not there',
      [webhook({ connectionInfo: { type: 'InClusterConfig' } })],
      /InClusterConfig is not supported/,
    ],
    [
      'a relative file',
      [webhook({ connectionInfo: { type: 'KubeConfigFile', kubeConfigFile: 'a' } })],
      /must be an absolute path/,
    ],
    [
      'no CEL',
      [webhook({ matchConditions: [{ expression: 'request.' }] })],
      /matchConditions\[0\]\.expression: .*compilation failed/,
    ],
    [
      'a field that is none',
      [webhook({ matchConditions: [{ expression: 'request.foo == ""' }] })],
      /undefined field 'foo'/,
    ],
    [
      'a condition that is no bool',
      [webhook({ matchConditions: [{ expression: 'request.user' }] })],
      /must evaluate to bool/,
    ],
    [
      'conditions without a version',
      [webhook({ matchConditionSubjectAccessReviewVersion: '' })],
      /matchConditionSubjectAccessReviewVersion: Required/,
    ],
  ];
  for (const [what, authorizers, why] of wrong) {
    test(what, () => {
      assert.throws(
        () => read(authorizers),
        (err) => (err instanceof ConfigFileError && why.test(err.message)) || assert.fail(String(err)),
      );
    });
  }
});

describe('a webhook with conditions', () => {
  const request = (more: Partial<Attributes> = {}): Attributes => ({
    ...{ user: { username: 'joe', groups: ['g'] }, verb: 'get', isResource: true, group: '', version: 'v1' },
    ...{ resource: 'pods', subresource: '', namespace: 'a', name: '', path: '' },
    ...more,
  });
  const conditions = [
    'has(request.resourceAttributes)',
    "request.resourceAttributes.namespace == 'a' && request.uid == ''",
  ];

  for (const [what, attributes, want] of [
    ['fits', request(), true],
    ['another namespace', request({ namespace: 'b' }), false],
    ['no resource', request({ isResource: false, path: '/livez' }), false],
  ] as const) {
    test(`is asked when they hold: ${what}`, () => assert.equal(conditionsOf(conditions)(attributes), want));
  }

  for (const denies of [true, false]) {
    test(`${denies ? 'denies' : 'has no opinion'} where it cannot be asked, or nobody can say whether it should`, async () => {
      const deps = { version: 'v1', authorizedTtlMs: 0, unauthorizedTtlMs: 0, clock: new FakeClock(), denies } as const;
      const gone = async () => {
        throw new WebhookError('nobody there');
      };
      const decide = (expression: string, attributes: Attributes) =>
        createWebhookAuthorizer({ ...deps, ask: gone, isAskedAbout: conditionsOf([expression]) }).authorize(attributes);
      const failed = await decide('true', request());
      assert.deepEqual([failed.allowed, failed.denied ?? false, failed.error], [false, denies, 'nobody there']);
      const untold = await decide("request.resourceAttributes.name == ''", request({ isResource: false }));
      assert.deepEqual([untold.allowed, untold.denied ?? false], [false, denies]);
      assert.match(untold.error!, /no such key: resourceAttributes/);
      assert.deepEqual(await decide('false', request()), { allowed: false, reason: '' });
    });
  }
});
