// kubectl auth: who am I, what may I, and roles brought to what a file says.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';

const apiGroup = 'rbac.authorization.k8s.io';
const role = (verbs: string[]) => ({
  apiVersion: `${apiGroup}/v1`,
  kind: 'ClusterRole',
  metadata: { name: 'pod-reader' },
  rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
});
const binding = {
  apiVersion: `${apiGroup}/v1`,
  kind: 'RoleBinding',
  metadata: { name: 'readers', namespace: 'default' },
  subjects: [{ kind: 'User', name: 'jane', apiGroup }],
  roleRef: { kind: 'ClusterRole', name: 'pod-reader', apiGroup },
};

describe('kubectl auth', { skip: needsNewKubectl }, () => {
  let api: TestControlPlane;
  let admin: Kubectl;
  let jane: Kubectl;
  before(async () => {
    api = await startControlPlane();
    admin = new Kubectl(await api.kubeconfig());
    jane = new Kubectl(await api.kubeconfig({ name: 'jane', groups: 'dev' }));
  });
  after(() => api[Symbol.asyncDispose]());

  test('whoami: of a certificate its digest too, and whom one acts as', () => {
    const { userInfo } = JSON.parse(jane.get('auth', 'whoami', '-o', 'json')).status;
    const { extra, ...rest } = userInfo;
    assert.deepEqual(rest, { username: 'jane', groups: ['dev', 'system:authenticated'] });
    assert.match(extra['authentication.kubernetes.io/credential-id'][0], /^X509SHA256=[0-9a-f]{64}$/);
    const as = ['--as', 'joe', '--as-uid', '7', '--as-group', 'a', '--as-group', 'b'];
    assert.deepEqual(JSON.parse(admin.get('auth', 'whoami', '-o', 'json', ...as)).status.userInfo, {
      username: 'joe',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
    });
    assert.match(
      jane.run(['get', '--raw', '/api/v1/pods', ...as]).stderr,
      /pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope/,
    );
  });

  test('reconcile makes what is missing and adds what a file has more', () => {
    const reconcile = (...objects: object[]) => {
      const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      const { code, stdout, stderr } = admin.run(['auth', 'reconcile', '-f', '-'], input);
      assert.equal(code, 0, stderr);
      return stdout + stderr;
    };
    assert.equal(jane.run(['auth', 'can-i', 'get', 'pods']).code, 1);
    assert.match(reconcile(role(['get']), binding), /reconciliation required create/);
    assert.equal(jane.get('auth', 'can-i', 'get', 'pods').trim(), 'yes');
    assert.doesNotMatch(reconcile(role(['get']), binding), /required/);
    assert.match(reconcile(role(['get', 'list']), binding), /reconciliation required update/);
    assert.equal(jane.get('auth', 'can-i', 'list', 'pods').trim(), 'yes');
  });

  test('can-i --list: every rule, and whether there may be more', () => {
    const table = jane.get('auth', 'can-i', '--list', '-n', 'default');
    assert.match(table, /^pods +\[\] +\[\] +\[get list\]$/m);
    assert.match(table, /^selfsubjectreviews\.authentication\.k8s\.io +\[\] +\[\] +\[create\]$/m);
    assert.match(table, /^ +\[\/healthz\] +\[\] +\[get\]$/m);
    assert.equal(admin.get('auth', 'can-i', '--list').match(/^\*\.\* /gm)?.length, 1);
    const asNode = ['--as', 'system:node:a', '--as-group', 'system:nodes'];
    assert.match(
      admin.run(['auth', 'can-i', '--list', ...asNode]).stderr,
      /the list may be incomplete: node authorizer does not support user rule resolution/,
    );
  });
});
