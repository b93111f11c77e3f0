// Quotas in force, and volumes that are let go, with the API server's admission and the controllers together.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

describe('quotas and protected volumes', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster(() => 'ready');
  });
  after(() => cluster[Symbol.asyncDispose]());

  const used = (ns: string, want: Record<string, string>) =>
    cluster.until(`${core}/${ns}/resourcequotas/q`, ({ status }) =>
      Object.entries(want).every(([name, amount]) => status?.used?.[name] === amount),
    );
  const tryPost = (path: string, body: object) => cluster.api.request('POST', path, { body });
  const map = (name: string) => ({ metadata: { name } });

  test('what goes is given back, and no more is let in at any time', async () => {
    const ns = await cluster.namespace('counted');
    await cluster.until(`${core}/${ns}/configmaps/kube-root-ca.crt`, ({ data }) => data !== undefined);
    const hard = { configmaps: '4', pods: '1' };
    await cluster.post(`${core}/${ns}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard } });
    await used(ns, { configmaps: '1', pods: '0' });
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
    const answers = await Promise.all(names.map((name) => tryPost(`${core}/${ns}/configmaps`, map(name))));
    const made = names.filter((_, i) => answers[i]!.status === 201);
    assert.equal(made.length, 3);
    const refused = answers.find(({ status }) => status === 403)!.body;
    assert.match(
      refused.message,
      /^configmaps "m\d+" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=4, limited: configmaps=4$/,
    );
    await cluster.delete(`${core}/${ns}/configmaps/${made[0]}`);
    await used(ns, { configmaps: '3' });
    await cluster.post(`${core}/${ns}/configmaps`, map('again'));
    assert.equal((await tryPost(`${core}/${ns}/configmaps`, map('more'))).status, 403);
  });

  test('a limit that is changed is in force soon', async () => {
    const ns = await cluster.namespace('changed');
    await cluster.post(`${core}/${ns}/resourcequotas`, { metadata: { name: 'q' }, spec: { hard: { secrets: '0' } } });
    await used(ns, { secrets: '0' });
    assert.equal((await tryPost(`${core}/${ns}/secrets`, map('s'))).status, 403);
    await cluster.patch(`${core}/${ns}/resourcequotas/q`, { spec: { hard: { secrets: '1' } } });
    await cluster.until(`${core}/${ns}/resourcequotas/q`, ({ status }) => status.hard.secrets === '1');
    await cluster.post(`${core}/${ns}/secrets`, map('s'));
    await used(ns, { secrets: '1' });
  });

  test('a claim waits for its pod, a volume for its claim; nothing holds what nobody uses', async () => {
    const ns = await cluster.namespace('volumes');
    const claim = (name: string) => ({
      metadata: { name },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    });
    const claims = `${core}/${ns}/persistentvolumeclaims`;
    for (const name of ['free', 'taken']) await cluster.post(claims, claim(name));
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'taken' } }];
    const spec = { volumes, containers: [{ name: 'c', image: 'i' }] };
    await cluster.post(`${core}/${ns}/pods`, { metadata: { name: 'p' }, spec });
    await cluster.until(
      `${core}/${ns}/pods/p`,
      ({ spec: { nodeName }, status }) => nodeName && status.phase === 'Running',
    );
    for (const name of ['free', 'taken']) await cluster.delete(`${claims}/${name}`);
    await cluster.untilGone(`${claims}/free`);
    assert.ok((await cluster.get(`${claims}/taken`)).metadata.deletionTimestamp);
    await cluster.delete(`${core}/${ns}/pods/p`, { gracePeriodSeconds: 0 });
    await cluster.untilGone(`${claims}/taken`);

    const path = '/api/v1/persistentvolumes';
    const capacity = { storage: '1Gi' };
    const volume = { capacity, accessModes: ['ReadWriteOnce'], hostPath: { path: '/x' } };
    await cluster.post(path, { metadata: { name: 'pv' }, spec: volume });
    const bound = claim('bound');
    await cluster.post(claims, { ...bound, spec: { ...bound.spec, storageClassName: '', volumeName: 'pv' } });
    await cluster.until(`${path}/pv`, ({ status }) => status.phase === 'Bound');
    await cluster.delete(`${path}/pv`);
    assert.ok((await cluster.get(`${path}/pv`)).metadata.deletionTimestamp);
    await cluster.delete(`${claims}/bound`);
    await cluster.untilGone(`${path}/pv`);
  });

  test('no controller ended', () => assert.deepEqual(cluster.failures, []));
});
