import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SubjectAccessReviewStatus } from '../../api/authorization/access-attributes.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { requestInfoOf } from '../request-info.ts';
import type { Review, ReviewVersion } from '../review-webhook.ts';
import { WebhookClient, WebhookError } from '../webhook-client.ts';
import type { Attributes } from './attributes.ts';
import { authorizationDefaults } from './flags.ts';
import { createAuthorizer } from './index.ts';
import { createWebhookAuthorizer } from './webhook.ts';

const user = { username: 'joe', uid: '1', groups: ['dev'], extra: { team: ['a'] } };

function attributes(path: string): Attributes {
  return { ...requestInfoOf('GET', path), user };
}

function start(answer: () => SubjectAccessReviewStatus, version: ReviewVersion = 'v1') {
  const asked: Review[] = [];
  const clock = new FakeClock();
  const authorizer = createWebhookAuthorizer({
    async ask(review) {
      asked.push(review);
      return answer();
    },
    version,
    authorizedTtlMs: 300_000,
    unauthorizedTtlMs: 30_000,
    clock,
  });
  return { asked, clock, authorizer };
}

describe('the webhook of rights', () => {
  test('is asked who wants to do what', async () => {
    const { asked, authorizer } = start(() => ({ allowed: true }));
    await authorizer.authorize(attributes('/api/v1/namespaces/n/pods/p/log'));
    await authorizer.authorize(attributes('/metrics'));
    const who = { user: 'joe', uid: '1', groups: ['dev'], extra: { team: ['a'] } };
    const what = { namespace: 'n', verb: 'get', version: 'v1', resource: 'pods', subresource: 'log', name: 'p' };
    assert.deepEqual(
      asked.map(({ spec }) => spec),
      [
        { resourceAttributes: what, ...who },
        { nonResourceAttributes: { path: '/metrics', verb: 'get' }, ...who },
      ],
    );
    const [{ group, version, kind }] = asked as [Review];
    assert.deepEqual([group, version, kind], ['authorization.k8s.io', 'v1', 'SubjectAccessReview']);
  });

  test('is told of selectors, as far as they can be read', async () => {
    const { asked, authorizer } = start(() => ({ allowed: true }));
    const of = (fieldSelector: string, labelSelector: string) =>
      authorizer.authorize({ ...attributes('/api/v1/pods'), fieldSelector, labelSelector });
    await of('spec.nodeName=n1,status.phase!=Running', 'a=b,c notin (d,e),f,!g,h>1');
    await of('nonsense', 'a=b=c');
    const what = { verb: 'list', version: 'v1', resource: 'pods' };
    assert.deepEqual(
      asked.map(({ spec }) => (spec as { resourceAttributes: object }).resourceAttributes),
      [
        {
          ...what,
          fieldSelector: {
            requirements: [
              { key: 'spec.nodeName', operator: 'In', values: ['n1'] },
              { key: 'status.phase', operator: 'NotIn', values: ['Running'] },
            ],
          },
          labelSelector: {
            requirements: [
              { key: 'a', operator: 'In', values: ['b'] },
              { key: 'c', operator: 'NotIn', values: ['d', 'e'] },
              { key: 'f', operator: 'Exists' },
              { key: 'g', operator: 'DoesNotExist' },
            ],
          },
        },
        what,
      ],
    );
  });

  test('in the older version groups have another name', async () => {
    const { asked, authorizer } = start(() => ({ allowed: true }), 'v1beta1');
    await authorizer.authorize(attributes('/metrics'));
    const { group, groups } = asked[0]!.spec as { group: string[]; groups?: string[] };
    assert.deepEqual([group, groups], [['dev'], undefined]);
  });

  const cases: [status: SubjectAccessReviewStatus, want: object][] = [
    [
      { allowed: true, reason: 'yes' },
      { allowed: true, reason: 'yes' },
    ],
    [
      { allowed: false, reason: 'unknown' },
      { allowed: false, reason: 'unknown' },
    ],
    [
      { allowed: false, denied: true, reason: 'no' },
      { allowed: false, denied: true, reason: 'no' },
    ],
    [
      { allowed: true, denied: true },
      {
        allowed: false,
        denied: true,
        reason: '',
        error: 'webhook subject access review returned both allow and deny response',
      },
    ],
    [{ allowed: false }, { allowed: false, reason: '' }],
  ];
  for (const [status, want] of cases) {
    test(`${JSON.stringify(status)} is ${JSON.stringify(want)}`, async () => {
      assert.deepEqual(await start(() => status).authorizer.authorize(attributes('/metrics')), want);
    });
  }

  test('its answers are kept: a yes longer than others', async () => {
    for (const [allowed, ttlMs] of [
      [true, 300_000],
      [false, 30_000],
    ] as const) {
      const { asked, clock, authorizer } = start(() => ({ allowed }));
      const ask = () => authorizer.authorize(attributes('/metrics'));
      await Promise.all([ask(), ask()]);
      await clock.advance(ttlMs - 1);
      await ask();
      assert.equal(asked.length, 1);
      await clock.advance(1);
      await ask();
      assert.equal(asked.length, 2);
    }
  });

  test('that cannot be asked has no opinion, and is asked again', async () => {
    let fails = true;
    const { authorizer } = start(() => {
      if (fails) throw new WebhookError('connection refused');
      return { allowed: true };
    });
    const failed = await authorizer.authorize(attributes('/metrics'));
    assert.deepEqual(failed, { allowed: false, reason: '', error: 'connection refused' });
    fails = false;
    assert.equal((await authorizer.authorize(attributes('/metrics'))).allowed, true);
  });
});

describe('modes', () => {
  const create = async (more: object) => {
    const { context } = await startMemoryApi();
    const webhooks = new WebhookClient(context);
    return createAuthorizer({ ...context, webhooks }, { ...authorizationDefaults, ...more });
  };

  const bad: [options: object, why: RegExp][] = [
    [{ 'authorization-mode': [] }, /at least one authorization-mode must be passed/],
    [{ 'authorization-mode': ['Guest'] }, /"Guest" is not a valid mode/],
    [{ 'authorization-mode': ['ABAC'] }, /authorization-mode ABAC's authorization policy file not passed/],
    [{ 'authorization-policy-file': '/none' }, /cannot specify --authorization-policy-file without mode ABAC/],
    [{ 'authorization-mode': ['RBAC', 'RBAC'] }, /given twice/],
    [{ 'authorization-mode': ['Webhook'] }, /config file not passed/],
    [{ 'authorization-webhook-config-file': '/none' }, /without mode Webhook/],
    [
      { 'authorization-mode': ['Webhook'], 'authorization-webhook-config-file': '/none/x' },
      /--authorization-webhook-config-file: ENOENT/,
    ],
  ];
  for (const [options, why] of bad) {
    test(`${JSON.stringify(options)} is refused`, () => assert.rejects(create(options), why));
  }

  test('administrators are asked of nobody; what is allowed or denied to all others is', async () => {
    const admin = { ...attributes('/metrics'), user: { username: 'a', groups: ['system:masters'] } };
    for (const [mode, want] of [
      ['AlwaysAllow', true],
      ['AlwaysDeny', false],
    ] as const) {
      const authorizer = await create({ 'authorization-mode': [mode] });
      assert.equal((await authorizer.authorize(attributes('/metrics'))).allowed, want);
      assert.equal((await authorizer.authorize(admin)).allowed, true);
    }
  });
});
