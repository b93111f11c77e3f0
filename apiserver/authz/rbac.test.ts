import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { serviceAccountUser } from '../authn/user.ts';
import { requestInfoOf } from '../request-info.ts';
import { type Attributes, describeDenial, type PolicyRule } from './attributes.ts';
import { allows } from './rbac.ts';

const jane = { username: 'jane', groups: ['dev', 'system:authenticated'] };

function attributes(request: string, user: Attributes['user'] = jane): Attributes {
  const [method = '', path = ''] = request.split(' ');
  return { ...requestInfoOf(method, path), user };
}

describe('allows()', () => {
  const podReader: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };
  const cases: [rule: PolicyRule, request: string, want: boolean][] = [
    [podReader, 'GET /api/v1/namespaces/n/pods/p', true],
    [podReader, 'GET /api/v1/namespaces/n/pods', true],
    [podReader, 'DELETE /api/v1/namespaces/n/pods/p', false],
    [podReader, 'GET /api/v1/namespaces/n/pods/p/log', false],
    [podReader, 'GET /apis/metrics.k8s.io/v1/namespaces/n/pods', false],
    [{ ...podReader, resources: ['pods/log'] }, 'GET /api/v1/namespaces/n/pods/p/log', true],
    [{ ...podReader, resources: ['*/log'] }, 'GET /api/v1/namespaces/n/pods/p/log', true],
    [{ ...podReader, resources: ['*/log'] }, 'GET /api/v1/namespaces/n/pods/p', false],
    [{ ...podReader, resources: ['*'] }, 'GET /api/v1/namespaces/n/pods/p/log', true],
    [{ ...podReader, verbs: ['*'] }, 'PATCH /api/v1/namespaces/n/pods/p', true],
    [{ ...podReader, apiGroups: ['*'] }, 'GET /apis/metrics.k8s.io/v1/namespaces/n/pods', true],
    [{ ...podReader, resourceNames: ['p'] }, 'GET /api/v1/namespaces/n/pods/p', true],
    [{ ...podReader, resourceNames: ['p'] }, 'GET /api/v1/namespaces/n/pods/q', false],
    [{ ...podReader, resourceNames: ['p'] }, 'GET /api/v1/namespaces/n/pods', false],
    [podReader, 'GET /healthz', false],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz'] }, 'GET /healthz', true],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, 'GET /healthz/etcd', true],
    [{ verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, 'GET /healthz', false],
    [{ verbs: ['get'], nonResourceURLs: ['*'] }, 'POST /healthz', false],
    [{ verbs: null, apiGroups: ['*'], resources: ['*'] }, 'GET /api/v1/pods', false],
  ];
  for (const [rule, request, want] of cases) {
    test(`${JSON.stringify(rule)} ${want ? 'allows' : 'does not allow'} ${request}`, () => {
      assert.equal(allows(rule, attributes(request)), want);
    });
  }
});

describe('the authorizer', () => {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const rules = [{ verbs: ['get'], apiGroups: [''], resources: ['pods'] }];

  async function bound(subjects: object[], options: { cluster?: boolean } = {}) {
    const api = await startMemoryApi();
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'other' } } });
    await api.send('POST', `${rbac}/clusterroles`, { body: { metadata: { name: 'r' }, rules } });
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'r' };
    const path = options.cluster ? `${rbac}/clusterrolebindings` : `${rbac}/namespaces/default/rolebindings`;
    await api.send('POST', path, { body: { metadata: { name: 'b' }, subjects, roleRef } });
    await api.context.store.cache.waitConsistent();
    return api;
  }
  const group = { kind: 'Group', name: 'dev', apiGroup: 'rbac.authorization.k8s.io' };
  const inDefault = 'GET /api/v1/namespaces/default/pods/p';
  const inOther = 'GET /api/v1/namespaces/other/pods/p';

  test('a role binding counts in its namespace, a cluster role binding everywhere', async () => {
    const narrow = (await bound([group])).authorizer;
    const { allowed, reason } = await narrow.authorize(attributes(inDefault));
    assert.equal(allowed, true);
    assert.equal(reason, 'RBAC: allowed by RoleBinding "b/default" of ClusterRole "r" to Group "dev"');
    assert.equal((await narrow.authorize(attributes(inOther))).allowed, false);
    const wide = (await bound([group], { cluster: true })).authorizer;
    assert.equal((await wide.authorize(attributes(inOther))).allowed, true);
  });

  test('subjects are users, groups and service accounts', async () => {
    const account = serviceAccountUser('other', 'sa', 'u1');
    const { authorizer } = await bound([
      { kind: 'User', name: 'joe', apiGroup: 'rbac.authorization.k8s.io' },
      { kind: 'ServiceAccount', name: 'sa', namespace: 'other' },
    ]);
    assert.equal((await authorizer.authorize(attributes(inDefault, { username: 'joe', groups: [] }))).allowed, true);
    assert.deepEqual(await authorizer.authorize(attributes(inDefault, account)), {
      allowed: true,
      reason: 'RBAC: allowed by RoleBinding "b/default" of ClusterRole "r" to ServiceAccount "sa/other"',
    });
    assert.equal((await authorizer.authorize(attributes(inDefault))).allowed, false);
  });

  test('what changes counts from the next request on', async () => {
    const api = await bound([group]);
    assert.equal((await api.authorizer.authorize(attributes(inDefault))).allowed, true);
    await api.send('DELETE', `${rbac}/clusterroles/r`);
    await api.context.store.cache.waitConsistent();
    assert.deepEqual(await api.authorizer.authorize(attributes(inDefault)), {
      allowed: false,
      reason: 'RBAC: clusterrole.rbac.authorization.k8s.io "r" not found',
    });
    await api.send('DELETE', `${rbac}/namespaces/default/rolebindings/b`);
    await api.context.store.cache.waitConsistent();
    assert.deepEqual(await api.authorizer.authorize(attributes(inDefault)), { allowed: false, reason: '' });
  });

  test('nobody hands out what they do not have', async () => {
    const api = await bound([group], { cluster: true });
    const grant = (verbs: string[], ...more: string[]) =>
      api.send('POST', `${rbac}/namespaces/default/roles`, {
        body: { metadata: { generateName: 'r' }, rules: [{ ...rules[0], verbs, resources: ['pods', ...more] }] },
        user: jane,
      });
    await grant(['get']);
    await assert.rejects(grant(['get', 'delete'], 'nodes'), {
      code: 403,
      message:
        /user "jane" \(groups=\["dev" "system:authenticated"\]\) is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["nodes"\], Verbs:\["get" "delete"\]\}\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["delete"\]\}$/,
    });
  });

  test('nor what a role may come to hold', async () => {
    const api = await bound([group], { cluster: true });
    const apiGroup = 'rbac.authorization.k8s.io';
    const bind = (name: string) =>
      api.send('POST', `${rbac}/namespaces/default/rolebindings`, {
        body: { metadata: { generateName: 'b' }, subjects: [group], roleRef: { apiGroup, kind: 'ClusterRole', name } },
        user: jane,
      });
    await bind('r');
    await assert.rejects(bind('later'), { code: 404, message: /clusterroles\.\S+ "later" not found/ });
    const aggregationRule = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] };
    const gather = { metadata: { name: 'all' }, aggregationRule };
    await assert.rejects(api.send('POST', `${rbac}/clusterroles`, { body: gather, user: jane }), {
      code: 403,
      message: /"all" is forbidden: must have cluster-admin privileges to use the aggregationRule$/,
    });
    await assert.rejects(
      api.send('PATCH', `${rbac}/clusterroles/r`, {
        body: { aggregationRule },
        contentType: 'application/merge-patch+json',
        user: jane,
      }),
      { code: 403 },
    );
    await api.send('POST', `${rbac}/clusterroles`, { body: gather });
  });

  test('a name with a line break is not a name and a group', async () => {
    const { authorizer } = await bound([group]);
    assert.equal((await authorizer.authorize(attributes(inDefault, { username: 'x', groups: ['dev'] }))).allowed, true);
    assert.equal(
      (await authorizer.authorize(attributes(inDefault, { username: 'x\ndev', groups: [] }))).allowed,
      false,
    );
  });

  test('a denial says who may not do what where', () => {
    const says = (request: string) => describeDenial(attributes(request));
    assert.equal(says(inDefault), 'User "jane" cannot get resource "pods" in API group "" in the namespace "default"');
    assert.equal(
      says('PUT /apis/apps/v1/namespaces/n/deployments/d/scale'),
      'User "jane" cannot update resource "deployments/scale" in API group "apps" in the namespace "n"',
    );
    assert.equal(
      says('GET /api/v1/nodes'),
      'User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    );
    assert.equal(says('GET /metrics'), 'User "jane" cannot get path "/metrics"');
    const jane = { ...attributes('GET /metrics').user, username: 'j\x01\u{200b}' };
    assert.equal(
      describeDenial({ ...attributes('GET /metrics'), user: jane }),
      'User "j\\x01\\u200b" cannot get path "/metrics"',
    );
  });
});
