import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attributes, Authorizer } from '../authz/attributes.ts';
import { Impersonation } from './impersonate.ts';
import type { UserInfo } from './user.ts';

const boss: UserInfo = { username: 'boss', groups: [] };
const podOf = (node: string): UserInfo => ({
  username: 'system:serviceaccount:n:agent',
  groups: ['system:serviceaccounts'],
  extra: { 'authentication.kubernetes.io/node-name': [node], 'authentication.kubernetes.io/pod-name': ['p'] },
});
const request = { verb: 'list', group: '', version: 'v1', resource: 'pods', subresource: '', namespace: 'n', name: '' };

/** An authorizer that allows what begins with one of these, and what it was asked. */
function recorder(...allowed: string[]) {
  const asked: string[] = [];
  const users: UserInfo[] = [];
  const authorizer: Authorizer = {
    async authorize({ verb, group, resource, subresource, namespace, name, user }: Attributes) {
      const what = `${verb} ${[group, resource, subresource, namespace].filter(Boolean).join('/')} ${name}`.trim();
      asked.push(what);
      users.push(user);
      return { allowed: allowed.some((start) => `${what} `.startsWith(`${start} `)), reason: '' };
    },
    rulesFor: () => ({ rules: [] }),
  };
  return { asked, users, authorizer };
}

type Recorder = ReturnType<typeof recorder>;
type Headers = Record<string, string>;
const act = (real: UserInfo, headers: Headers, { authorizer }: Recorder, by = new Impersonation()) =>
  by.actAs(real, headers, { authorizer, attributes: () => ({ ...request, user: real, isResource: true, path: '' }) });

const everything = {
  'impersonate-user': 'jane',
  'impersonate-uid': '42',
  'impersonate-group': 'dev, ops',
  'impersonate-extra-acme.com%2fproject': 'a, b',
};
const jane = { username: 'jane', uid: '42', groups: ['dev', 'ops', 'system:authenticated'] };

describe('impersonation', () => {
  test('every part of the other identity is asked for by itself', async () => {
    const seen = recorder('impersonate');
    const headers = { ...everything, 'impersonate-extra-odd%': 'b' };
    const acting = await act(boss, headers, seen);
    assert.deepEqual(acting, { user: { ...jane, extra: { 'acme.com/project': ['a', 'b'], 'odd%': ['b'] } } });
    assert.deepEqual(seen.asked, [
      'impersonate-on:user-info:list pods/n',
      'impersonate users jane',
      'impersonate authentication.k8s.io/uids 42',
      'impersonate groups dev',
      'impersonate groups ops',
      'impersonate authentication.k8s.io/userextras/acme.com/project a',
      'impersonate authentication.k8s.io/userextras/acme.com/project b',
      'impersonate authentication.k8s.io/userextras/odd% b',
    ]);
  });

  test('without its headers nobody acts as somebody', async () => {
    assert.equal(await act(boss, { accept: '*/*' }, recorder()), undefined);
  });

  const refusals: [name: string, headers: Headers, allowed: string[], want: { code: number; message: string }][] = [
    [
      'a uid without a user',
      { 'impersonate-uid': '42', 'impersonate-extra-b': 'x', 'impersonate-extra-a': 'y, z' },
      [],
      {
        code: 400,
        message:
          'requested &user.DefaultInfo{Name:"", UID:"42", Groups:[]string(nil), Extra:map[string][]string{"a":[]string{"y", "z"}, "b":[]string{"x"}}} without impersonating a user name',
      },
    ],
    [
      'what no mode allows',
      { 'impersonate-user': 'jane' },
      [],
      {
        code: 403,
        message:
          'pods is forbidden: User "boss" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "n"',
      },
    ],
    [
      'an identity that may not be had for this request',
      everything,
      ['impersonate-on:user-info:list', 'impersonate:user-info authentication.k8s.io/users'],
      {
        code: 403,
        message:
          'uids.authentication.k8s.io "42" is forbidden: User "boss" cannot impersonate:user-info resource "uids" in API group "authentication.k8s.io" at the cluster scope',
      },
    ],
    ...(
      [
        ['impersonate-group', 'a, ', '', 'impersonating the empty string group is not allowed'],
        [
          'impersonate-group',
          'a, system:masters',
          ' "system:masters"',
          'impersonating the system:masters group is not allowed',
        ],
        [
          'impersonate-extra-scopes',
          'a',
          '',
          'impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")',
        ],
        ['impersonate-extra-a.io/b', '', '', 'impersonating the empty string value in extra is not allowed'],
      ] as const
    ).map(([header, value, name, why]): (typeof refusals)[number] => {
      const resource = header === 'impersonate-group' ? 'groups' : 'userextras';
      const message = `${resource}.authentication.k8s.io${name} is forbidden: User "boss" cannot impersonate:user-info resource "${resource}" in API group "authentication.k8s.io" at the cluster scope: ${why}`;
      const allowed = ['impersonate-on:user-info:list', 'impersonate:user-info'];
      return [why, { 'impersonate-user': 'jane', [header]: value }, allowed, { code: 403, message }];
    }),
  ];
  for (const [name, headers, allowed, want] of refusals) {
    test(`is refused: ${name}`, () => assert.rejects(act(boss, headers, recorder(...allowed)), want));
  }

  const groups: [user: string, group: string | undefined, want: string[]][] = [
    ['system:anonymous', undefined, ['system:unauthenticated']],
    ['jane', undefined, ['system:authenticated']],
    ['jane', 'system:unauthenticated', ['system:unauthenticated']],
    [
      'system:serviceaccount:n:a',
      undefined,
      ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'],
    ],
    ['system:serviceaccount:n:a', 'x', ['x', 'system:authenticated']],
    ['system:serviceaccount:N:a', undefined, ['system:authenticated']],
    ['system:node:n1', undefined, ['system:authenticated']],
  ];
  for (const [user, group, want] of groups) {
    test(`${user} of ${group ?? 'no group'} is in ${want.join(', ')}`, async () => {
      const headers: Headers = { 'impersonate-user': user, ...(group !== undefined && { 'impersonate-group': group }) };
      const acting = await act(boss, headers, recorder('impersonate'));
      assert.deepEqual(acting?.user.groups, want);
    });
  }
});

describe('constrained impersonation', () => {
  const authentication = 'authentication.k8s.io';
  const cases: [name: string, real: UserInfo, headers: Headers, want: object, asked: string[]][] = [
    [
      'user-info',
      boss,
      everything,
      { ...jane, extra: { 'acme.com/project': ['a', 'b'] } },
      [
        `users jane`,
        `uids 42`,
        'groups dev',
        'groups ops',
        'userextras/acme.com/project a',
        'userextras/acme.com/project b',
      ],
    ],
    [
      'user-info',
      boss,
      { 'impersonate-user': 'jane', 'impersonate-group': 'a, b, c, d' },
      { username: 'jane', groups: ['a', 'b', 'c', 'd', 'system:authenticated'] },
      ['users jane', 'groups *'],
    ],
    [
      'serviceaccount',
      boss,
      { 'impersonate-user': 'system:serviceaccount:n:a' },
      {
        username: 'system:serviceaccount:n:a',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'],
      },
      ['serviceaccounts/n a'],
    ],
    [
      'arbitrary-node',
      boss,
      { 'impersonate-user': 'system:node:n1' },
      { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
      ['nodes n1'],
    ],
    [
      'associated-node',
      podOf('n1'),
      { 'impersonate-user': 'system:node:n1' },
      { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] },
      ['nodes *'],
    ],
  ];
  for (const [mode, real, headers, user, asked] of cases) {
    test(`${mode}: ${asked.join(', ')}`, async () => {
      const on = `impersonate-on:${mode}:list`;
      const seen = recorder(on, `impersonate:${mode}`);
      assert.deepEqual(await act(real, headers, seen), { user, constraint: `impersonate:${mode}` });
      const whole = asked.map((what) => `impersonate:${mode} ${authentication}/${what}`);
      assert.deepEqual(seen.asked, [`${on} pods/n`, ...whole]);
      // Each of the two alone is not enough.
      for (const part of [on, `impersonate:${mode}`]) {
        await assert.rejects(act(real, headers, recorder(part)), { code: 403 });
      }
    });
  }

  test('an account is its own node only, and is asked about without saying which', async () => {
    const seen = recorder('impersonate-on:associated-node:list', 'impersonate:associated-node');
    await assert.rejects(act(podOf('n2'), { 'impersonate-user': 'system:node:n1' }, seen), { code: 403 });
    assert.ok(!seen.asked.some((what) => what.includes('associated-node')));
    await act(podOf('n1'), { 'impersonate-user': 'system:node:n1' }, seen);
    const keys = ['authentication.kubernetes.io/node-name', 'authentication.kubernetes.io/pod-name'];
    assert.deepEqual(seen.users.at(-1)?.extra, { 'authentication.kubernetes.io/associated-node-keys': keys });
  });

  test('a node and an account have no other parts', async () => {
    const headers = { 'impersonate-user': 'system:node:n1', 'impersonate-group': 'system:masters' };
    await assert.rejects(
      act(boss, headers, recorder('impersonate-on:arbitrary-node:list', 'impersonate:arbitrary-node')),
      {
        code: 403,
      },
    );
  });

  test('the mode that was allowed is tried first the next time', async () => {
    const by = new Impersonation();
    const seen = recorder('impersonate');
    for (let i = 0; i < 2; i++) await act(boss, { 'impersonate-user': 'jane' }, seen, by);
    assert.deepEqual(seen.asked, ['impersonate-on:user-info:list pods/n', ...Array(2).fill('impersonate users jane')]);
  });
});
