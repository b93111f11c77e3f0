// What an update of a pod may hold that a comparison of specs alone would refuse.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../../test/builders/memory-api.ts';

const pods = '/api/v1/namespaces/default/pods';
const container = { name: 'c', image: 'i' };

test('a negative grace period is one second, on create and on update', async () => {
  const api = await startMemoryApi();
  const spec = { terminationGracePeriodSeconds: -1, containers: [container] };
  const made = await api.send('POST', pods, { body: { metadata: { name: 'p' }, spec } });
  assert.equal(made.spec.terminationGracePeriodSeconds, 1);
  const again = { ...made, spec: { ...made.spec, terminationGracePeriodSeconds: -7 } };
  assert.equal((await api.send('PUT', `${pods}/p`, { body: again })).spec.terminationGracePeriodSeconds, 1);
  const other = { ...made, spec: { ...made.spec, terminationGracePeriodSeconds: 2 } };
  await assert.rejects(api.send('PUT', `${pods}/p`, { body: other }), { code: 422 });
});

test('search domains may have underscores, and be the root', async () => {
  const api = await startMemoryApi();
  const create = (search: string) => {
    const spec = { containers: [container], dnsConfig: { searches: [search] } };
    return api.send('POST', pods, { body: { metadata: { generateName: 'p' }, spec } });
  };
  for (const search of ['.', '_sip._tcp.example.com', 'a_b']) await create(search);
  for (const search of ['-a', 'A.b', 'a..b', '', '_', 'x_.y'])
    await assert.rejects(create(search), { code: 422 }, search);
});

test('a default stands for what is written as empty', async () => {
  const api = await startMemoryApi();
  const body = { metadata: { name: 'b' }, roleRef: { apiGroup: '', kind: 'ClusterRole', name: 'view' } };
  const made = await api.send('POST', '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings', { body });
  assert.equal(made.roleRef.apiGroup, 'rbac.authorization.k8s.io');
});
