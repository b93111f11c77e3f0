import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attributes, Authorizer } from '../authz/attributes.ts';
import { impersonate } from './impersonate.ts';

const real = { username: 'boss', groups: [] };

/** An authorizer that allows everything but `refused`, and what it was asked. */
function recorder(refused = '') {
  const asked: string[] = [];
  const authorizer: Authorizer = {
    async authorize({ verb, group, resource, subresource, namespace, name }: Attributes) {
      const what = `${verb} ${[group, resource, subresource, namespace].filter(Boolean).join('/')} ${name}`;
      asked.push(what);
      return { allowed: what !== refused, reason: '' };
    },
    rulesFor: () => ({ rules: [] }),
  };
  return { asked, authorizer };
}

describe('impersonation', () => {
  test('every part of the other identity is asked for by itself', async () => {
    const { asked, authorizer } = recorder();
    const headers = {
      'impersonate-user': 'jane',
      'impersonate-uid': '42',
      'impersonate-group': 'dev, ops',
      'impersonate-extra-acme.com%2fproject': 'a',
      'impersonate-extra-odd%': 'b',
    };
    assert.deepEqual(await impersonate(real, headers, authorizer), {
      username: 'jane',
      uid: '42',
      groups: ['dev', 'ops', 'system:authenticated'],
      extra: { 'acme.com/project': ['a'], 'odd%': ['b'] },
    });
    assert.deepEqual(asked, [
      'impersonate users jane',
      'impersonate groups dev',
      'impersonate groups ops',
      'impersonate authentication.k8s.io/uids 42',
      'impersonate authentication.k8s.io/userextras/acme.com/project a',
      'impersonate authentication.k8s.io/userextras/odd% b',
    ]);
  });

  test('a uid may be refused, and is not taken without a user', async () => {
    const headers = { 'impersonate-uid': '42' };
    const { authorizer } = recorder('impersonate authentication.k8s.io/uids 42');
    const both = { ...headers, 'impersonate-user': 'jane' };
    await assert.rejects(impersonate(real, both, authorizer), { code: 403 });
    await assert.rejects(impersonate(real, headers, authorizer), { code: 400 });
  });

  const groups: [user: string, group: string, want: string[]][] = [
    ['system:anonymous', '', ['system:unauthenticated']],
    ['jane', '', ['system:authenticated']],
    ['jane', 'system:unauthenticated', ['system:unauthenticated']],
    ['system:serviceaccount:n:a', '', ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated']],
  ];
  for (const [user, group, want] of groups) {
    test(`${user} of ${group || 'no group'} is in ${want.join(', ')}`, async () => {
      const headers = { 'impersonate-user': user, 'impersonate-group': group };
      assert.deepEqual((await impersonate(real, headers, recorder().authorizer)).groups, want);
    });
  }
});
