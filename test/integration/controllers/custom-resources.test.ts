// Controllers that deal with everything there is deal with custom resources too, whenever those come.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { core, startWorkloadCluster, type WorkloadCluster } from '../../environment/workload-cluster.ts';

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
const definition = (plural: string, kind: string) => ({
  metadata: { name: `${plural}.example.com` },
  spec: {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural, kind },
    versions: [{ name: 'v1', served: true, storage: true, schema }],
  },
});
const at = (ns: string, plural: string) => `/apis/example.com/v1/namespaces/${ns}/${plural}`;

describe('custom resources', () => {
  let cluster: WorkloadCluster;
  before(async () => {
    cluster = await startWorkloadCluster();
    for (const [plural, kind] of [
      ['owners', 'Owner'],
      ['parts', 'Part'],
    ] as const) {
      await cluster.post(definitions, definition(plural, kind));
      await cluster.until(`${definitions}/${plural}.example.com`, (d) =>
        d.status?.conditions?.some((c: any) => c.type === 'Established' && c.status === 'True'),
      );
    }
  });
  after(() => cluster[Symbol.asyncDispose]());

  const make = async (ns: string, plural: string, kind: string, metadata: object) => {
    await cluster.post(at(ns, plural), { apiVersion: 'example.com/v1', kind, metadata });
  };
  const ownedBy = (owner: any) => [
    {
      apiVersion: 'example.com/v1',
      kind: 'Owner',
      name: owner.metadata.name,
      uid: owner.metadata.uid,
      blockOwnerDeletion: true,
    },
  ];

  test('what a custom resource owns goes with it, built-in or custom; in the foreground before it', async () => {
    await cluster.namespace('owned');
    await make('owned', 'owners', 'Owner', { name: 'o' });
    const owner = await cluster.get(`${at('owned', 'owners')}/o`);
    const hold = { finalizers: ['example.com/hold'] };
    await make('owned', 'parts', 'Part', { name: 'p', ownerReferences: ownedBy(owner), ...hold });
    await cluster.post(`${core}/owned/configmaps`, { metadata: { name: 'c', ownerReferences: ownedBy(owner) } });
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Foreground' };
    await cluster.delete(`${at('owned', 'owners')}/o`, options);
    await cluster.untilGone(`${core}/owned/configmaps/c`);
    assert.deepEqual((await cluster.get(`${at('owned', 'owners')}/o`)).metadata.finalizers, ['foregroundDeletion']);
    const { status } = await cluster.api.request('PATCH', `${at('owned', 'parts')}/p`, {
      body: { metadata: { finalizers: null } },
      contentType: 'application/merge-patch+json',
    });
    assert.equal(status, 200);
    await cluster.untilGone(`${at('owned', 'owners')}/o`);
  });

  test('a namespace that goes is emptied of them', async () => {
    await cluster.namespace('doomed');
    await make('doomed', 'parts', 'Part', { name: 'p' });
    await cluster.delete('/api/v1/namespaces/doomed');
    await cluster.untilGone('/api/v1/namespaces/doomed');
    assert.equal((await cluster.api.request('GET', `${at('doomed', 'parts')}/p`)).status, 404);
  });
});
