// The first objects of a cluster: created, completed at each start, left alone where that is asked for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { ensureBootstrapObjects } from './bootstrap.ts';

const rbac = '/apis/rbac.authorization.k8s.io/v1';
const mergePatch = 'application/merge-patch+json';

async function startCluster() {
  const api = await startMemoryApi();
  await ensureBootstrapObjects(api.context);
  const start = () => ensureBootstrapObjects(api.context);
  const patch = async (path: string, body: object) => {
    await api.send('PATCH', `${rbac}/${path}`, { body, contentType: mergePatch });
    await api.context.store.cache.waitConsistent();
  };
  const get = (path: string) => api.send('GET', `${rbac}/${path}`);
  return { api, start, patch, get };
}

test('a start that finds everything writes nothing', async () => {
  const { api, start } = await startCluster();
  const before = api.etcd.revision;
  await start();
  assert.equal(api.etcd.revision, before);
});

test('rules and subjects that are gone are put back, those that were added stay', async () => {
  const { start, patch, get } = await startCluster();
  const role = 'clusterroles/system:kube-scheduler';
  const binding = 'clusterrolebindings/system:kube-scheduler';
  const [{ rules }, { subjects }] = [await get(role), await get(binding)];
  const own = { verbs: ['get'], apiGroups: ['example.com'], resources: ['things'] };
  const somebody = { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'somebody' };
  await patch(role, { rules: [own, ...rules.slice(1)], metadata: { labels: null } });
  await patch(binding, { subjects: [somebody] });
  await start();
  const repaired = await get(role);
  assert.deepEqual(repaired.rules, [
    own,
    ...rules.slice(1),
    ...rules[0].apiGroups.map((group: string) => ({ ...rules[0], apiGroups: [group] })),
  ]);
  assert.equal(repaired.metadata.labels['kubernetes.io/bootstrapping'], 'rbac-defaults');
  assert.deepEqual((await get(binding)).subjects, [somebody, ...subjects]);
});

test('a role that sums up others gets its selectors back, and its rules are left to the controller', async () => {
  const { start, patch, get } = await startCluster();
  const { aggregationRule } = await get('clusterroles/view');
  await patch('clusterroles/view', { aggregationRule: null, rules: [] });
  await start();
  const view = await get('clusterroles/view');
  assert.deepEqual([view.aggregationRule, view.rules ?? []], [aggregationRule, []]);
});

test('a binding to another role is made anew', async () => {
  const { api, start, get } = await startCluster();
  const name = 'system:monitoring';
  const { roleRef, metadata } = await get(`clusterrolebindings/${name}`);
  await api.send('DELETE', `${rbac}/clusterrolebindings/${name}`);
  const other = { metadata: { name, annotations: metadata.annotations }, roleRef: { ...roleRef, name: 'view' } };
  await api.send('POST', `${rbac}/clusterrolebindings`, { body: other });
  await api.context.store.cache.waitConsistent();
  await start();
  assert.deepEqual((await get(`clusterrolebindings/${name}`)).roleRef, roleRef);
});

test('what says that it is not to be updated is left alone', async () => {
  const { start, patch, get } = await startCluster();
  const annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' };
  await patch('clusterroles/system:kube-scheduler', { metadata: { annotations }, rules: [] });
  await start();
  assert.deepEqual((await get('clusterroles/system:kube-scheduler')).rules ?? [], []);
});
