import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { makeCertificateRequest } from '../../test/builders/certificate-request.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import type { UserInfo } from '../authn/user.ts';
import { selectedValue } from '../endpoints/selection.ts';
import { requestInfoOf } from '../request-info.ts';

const node = (name: string): UserInfo => ({
  username: `system:node:${name}`,
  groups: ['system:nodes', 'system:authenticated'],
});

const core = '/api/v1/namespaces/default';
const podOn = (nodeName: string, name: string, spec: object = {}) => ({
  metadata: { name, labels: { on: nodeName } },
  spec: { nodeName, containers: [{ name: 'c', image: 'i' }], ...spec },
});

/** `a` has a pod that names a Secret, a ConfigMap and a service account; `b` another one. */
async function startCluster(): Promise<MemoryApi> {
  const api = await startMemoryApi();
  await api.send('POST', `${core}/serviceaccounts`, { body: { metadata: { name: 'own' } } });
  const volumes = [
    { name: 's', secret: { secretName: 'own' } },
    { name: 'm', configMap: { name: 'own' } },
  ];
  const resourceClaims = [{ name: 'c', resourceClaimName: 'x' }];
  await api.send('POST', `${core}/pods`, {
    body: podOn('a', 'on-a', { volumes, serviceAccountName: 'own', resourceClaims }),
  });
  await api.send('POST', `${core}/pods`, { body: podOn('b', 'on-b') });
  await api.context.store.cache.waitConsistent();
  return api;
}

describe('the node authorizer', () => {
  let api: MemoryApi;
  before(async () => {
    api = await startCluster();
  });
  const decide = (request: string, user: UserInfo) => {
    const [method = '', url = ''] = request.split(' ');
    const info = requestInfoOf(method, url);
    const fieldSelector = info.query.get('fieldSelector') ?? '';
    const name = info.name || (selectedValue(fieldSelector, 'metadata.name') ?? '');
    return api.authorizer.authorize({ ...info, name, user, fieldSelector });
  };
  const unrelated = "no relationship found between node 'a' and this object";
  const cases: [request: string, want: true | string][] = [
    [`GET ${core}/secrets/own`, true],
    [`GET ${core}/secrets?fieldSelector=metadata.name%3Down&watch=1`, true],
    [`GET ${core}/secrets/other`, unrelated],
    [`GET /api/v1/namespaces/kube-system/secrets/own`, unrelated],
    [`GET ${core}/secrets`, 'No Object name found'],
    ['GET /api/v1/secrets?watch=1', 'No Object name found'],
    [`PUT ${core}/secrets/own`, 'can only read resources of this type'],
    [`DELETE ${core}/secrets/own`, 'can only read resources of this type'],
    [`GET ${core}/configmaps/own`, true],
    [`GET ${core}/configmaps/kube-root-ca.crt`, true],
    [`GET ${core}/configmaps/other`, unrelated],
    [`POST ${core}/configmaps`, 'can only read resources of this type'],
    [`POST ${core}/serviceaccounts/own/token`, true],
    [`POST ${core}/serviceaccounts/default/token`, unrelated],
    [`GET ${core}/serviceaccounts/own`, true],
    [`GET ${core}/serviceaccounts`, 'can only create tokens for individual service accounts'],
    ['GET /api/v1/nodes/a', true],
    ['GET /api/v1/nodes?fieldSelector=metadata.name%3Da&watch=1', true],
    ['GET /api/v1/nodes', "node 'a' cannot read all nodes, only its own Node object"],
    ['GET /api/v1/nodes/b', "node 'a' cannot read 'b', only its own Node object"],
    ['POST /api/v1/nodes', true],
    ['PATCH /api/v1/nodes/a/status', true],
    ['DELETE /api/v1/nodes/a', ''],
    [`GET ${core}/pods/on-a`, true],
    [`GET ${core}/pods/on-b`, unrelated],
    ['GET /api/v1/pods?fieldSelector=spec.nodeName%3Da&watch=1', true],
    ['GET /api/v1/pods?fieldSelector=spec.nodeName%3Db', 'can only list/watch pods with spec.nodeName field selector'],
    ['GET /api/v1/pods?fieldSelector=spec.nodeName!%3Da', 'can only list/watch pods with spec.nodeName field selector'],
    ['GET /api/v1/pods', 'can only list/watch pods with spec.nodeName field selector'],
    [`GET ${core}/pods/on-a/log`, ''],
    [`POST ${core}/pods/on-a/exec`, ''],
    [`PATCH ${core}/pods/on-a`, ''],
    [`DELETE ${core}/pods`, ''],
    [`PATCH ${core}/pods/on-a/status`, true],
    ['PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/a', true],
    ['POST /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases', true],
    [
      'PATCH /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/b',
      'can only access node lease with the same name as the requesting node',
    ],
    [
      'GET /apis/coordination.k8s.io/v1/namespaces/kube-system/leases/a',
      'can only access leases in the "kube-node-lease" system namespace',
    ],
    [
      'GET /apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases',
      'can only get, create, update, patch, or delete a node lease',
    ],
    ['GET /api/v1/services?watch=1', true],
    [`POST ${core}/events`, true],
    ['POST /apis/authentication.k8s.io/v1/tokenreviews', true],
    ['GET /apis/apps/v1/deployments', ''],
    ['GET /metrics', ''],
  ];
  for (const [request, want] of cases) {
    test(`${request}: ${want === true ? 'yes' : want || 'no'}`, async () => {
      const { allowed, reason } = await decide(request, node('a'));
      assert.deepEqual([allowed, reason], [want === true, want === true ? '' : want]);
    });
  }

  test('a node is a name and a group', async () => {
    const [request] = cases[0]!;
    assert.equal((await decide(request, { ...node('a'), groups: ['system:authenticated'] })).allowed, false);
    const nameless = await decide(request, { ...node('a'), username: 'mallory' });
    assert.deepEqual(nameless, { allowed: false, reason: 'unknown node for user "mallory"' });
  });
});

describe('NodeRestriction', () => {
  async function refusal(work: Promise<unknown>): Promise<string | undefined> {
    try {
      await work;
      return undefined;
    } catch (err) {
      return (err as Error).message;
    }
  }
  const user = node('a');
  const nodeBody = (name: string, labels: object = {}) => ({ metadata: { name, labels } });
  const merge = { contentType: 'application/merge-patch+json' };

  test('a node makes and changes itself alone, and not what others select it by', async () => {
    const api = await startCluster();
    const create = (body: object) => refusal(api.send('POST', '/api/v1/nodes', { body, user }));
    assert.equal(await create(nodeBody('c')), 'nodes "c" is forbidden: node "a" is not allowed to modify node "c"');
    for (const label of ['node-role.kubernetes.io/control-plane', 'node-restriction.kubernetes.io/x', 'x.k8s.io/y']) {
      const want = `nodes "a" is forbidden: node "a" is not allowed to set the following labels: ${label}`;
      assert.equal(await create(nodeBody('a', { [label]: '' })), want);
    }
    const own = { 'kubernetes.io/hostname': 'a', 'topology.kubernetes.io/zone': 'z', 'example.com/x': 'y' };
    assert.equal(await create(nodeBody('a', own)), undefined);
    const patch = (body: object) => refusal(api.send('PATCH', '/api/v1/nodes/a', { body, user, ...merge }));
    const role = { metadata: { labels: { 'node-role.kubernetes.io/x': '' } } };
    assert.match((await patch(role))!, /forbidden: is not allowed to modify labels: node-role.kubernetes.io\/x$/);
    assert.match((await patch({ spec: { taints: [] } }))!, /is not allowed to modify taints$/);
    assert.equal(await patch({ metadata: { annotations: { a: 'b' } } }), undefined);
  });

  test('a node deletes its own pods, and makes mirror pods only', async () => {
    const api = await startCluster();
    await api.send('POST', '/api/v1/nodes', { body: nodeBody('a'), user });
    const { uid } = (await api.send('GET', '/api/v1/nodes/a')).metadata;
    const remove = (name: string) => refusal(api.send('DELETE', `${core}/pods/${name}`, { user }));
    const others = 'node "a" can only delete pods with spec.nodeName set to itself';
    assert.equal(await remove('on-b'), `pods "on-b" is forbidden: ${others}`);
    assert.equal(await remove('on-a'), undefined);
    const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'a', uid, controller: true }];
    const mirror = { annotations: { 'kubernetes.io/config.mirror': 'x' }, ownerReferences };
    const create = (nodeName: string, metadata: object, spec: object = {}) => {
      const body = podOn(nodeName, 'm', spec);
      const whole = { ...body, metadata: { ...body.metadata, ...metadata } };
      return refusal(api.send('POST', `${core}/pods`, { body: whole, user }));
    };
    assert.match((await create('a', {}))!, /node "a" can only create mirror pods$/);
    assert.match((await create('b', mirror))!, /can only create pods with spec.nodeName set to itself$/);
    const refuseOwners = async (owners: object[], want: RegExp) =>
      assert.match((await create('a', { ...mirror, ownerReferences: owners }))!, want);
    const [own] = ownerReferences;
    await refuseOwners([], /can only create pods with an owner reference set to itself$/);
    await refuseOwners(
      [own!, { ...own, controller: false, uid: 'u' }],
      /can only create pods with a single owner reference set to itself$/,
    );
    await refuseOwners([{ ...own, controller: false }], /with a controller owner reference set to itself$/);
    await refuseOwners([{ ...own, uid: 'u' }], new RegExp(`node a UID mismatch: expected u got ${uid}$`));
    const claim = { resourceClaims: [{ name: 'c', resourceClaimName: 'x' }] };
    assert.match((await create('a', mirror, claim))!, /can not create pods that reference resourceclaims$/);
    const volumes = [{ name: 's', secret: { secretName: 'any' } }];
    assert.match((await create('a', mirror, { volumes }))!, /a mirror pod may not reference secrets$/);
    assert.equal(await create('a', mirror), undefined);
  });

  test("a node writes its own pods' status, without their labels", async () => {
    const api = await startCluster();
    const patch = (name: string, body: object) =>
      refusal(api.send('PATCH', `${core}/pods/${name}/status`, { body, user, ...merge }));
    assert.match(
      (await patch('on-b', { status: { phase: 'Running' } }))!,
      /node "a" can only update pod status for pods/,
    );
    assert.equal(await patch('on-a', { status: { phase: 'Running' } }), undefined);
    const claims = { status: { resourceClaimStatuses: [{ name: 'c', resourceClaimName: 'x' }] } };
    assert.match((await patch('on-a', claims))!, /node "a" cannot update resource claim statues$/);
  });

  test('of a claim a node tells the size alone', async () => {
    const api = await startCluster();
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }];
    await api.send('POST', `${core}/pods`, { body: podOn('a', 'with-claim', { volumes }) });
    const resources = { requests: { storage: '1Gi' } };
    const spec = { accessModes: ['ReadWriteOnce'], resources };
    await api.send('POST', `${core}/persistentvolumeclaims`, { body: { metadata: { name: 'c' }, spec } });
    await api.context.store.cache.waitConsistent();
    const patch = (body: object) =>
      refusal(api.send('PATCH', `${core}/persistentvolumeclaims/c/status`, { body, user, ...merge }));
    assert.equal(await patch({ status: { capacity: { storage: '1Gi' } } }), undefined);
    const others = /node "a" is not allowed to update fields other than status.quantity and status.conditions$/;
    assert.match((await patch({ metadata: { finalizers: ['a.b/c'] } }))!, others);
    assert.match((await patch({ status: { phase: 'Lost' } }))!, others);
  });

  test('a node asks for certificates in its own name', async () => {
    const api = await startCluster();
    const ask = async (commonName: string, signerName: string) => {
      const { pem } = await makeCertificateRequest({
        name: [{ CN: [`system:node:${commonName}`] }, { O: ['system:nodes'] }],
      });
      const spec = { signerName, request: Buffer.from(pem).toString('base64'), usages: ['client auth'] };
      const body = { metadata: { generateName: 'csr-' }, spec };
      return refusal(api.send('POST', '/apis/certificates.k8s.io/v1/certificatesigningrequests', { body, user }));
    };
    const kubelet = 'kubernetes.io/kube-apiserver-client-kubelet';
    assert.match((await ask('b', kubelet))!, /can only create a node CSR with CN=system:node:a$/);
    assert.equal(await ask('a', kubelet), undefined);
    assert.equal(await ask('b', 'example.com/signer'), undefined);
  });

  test('a lease is made under its own name', async () => {
    const api = await startCluster();
    await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-node-lease' } } });
    const leases = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    const create = (name: string) => refusal(api.send('POST', leases, { body: { metadata: { name } }, user }));
    assert.match((await create('b'))!, /same name as the requesting node$/);
    assert.equal(await create('a'), undefined);
  });
});
