// What a node may read, and which tokens it gets, for the volumes of its pods' claims.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { nodeRestriction } from '../admission/node-restriction.ts';
import type { AdmissionDeps, AdmissionRequest } from '../admission/plugin.ts';
import type { UserInfo } from '../authn/user.ts';
import { requestInfoOf } from '../request-info.ts';

const core = '/api/v1/namespaces/default';
const nodeA: UserInfo = { username: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] };
let api: MemoryApi;
const uids = new Map<string, string>();

/** On each of two nodes a pod with a claim, bound to a volume with secrets. */
before(async () => {
  api = await startMemoryApi();
  const driver = {
    attachRequired: false,
    tokenRequests: [{ audience: 'vault' }],
    volumeLifecycleModes: ['Persistent', 'Ephemeral'],
  };
  await api.send('POST', '/apis/storage.k8s.io/v1/csidrivers', {
    body: { metadata: { name: 'd.example' }, spec: driver },
  });
  for (const name of ['a', 'b']) {
    const ref = (what: string) => ({ namespace: 'vaults', name: `${what}-${name}` });
    const csi = {
      driver: 'd.example',
      volumeHandle: name,
      nodeStageSecretRef: ref('stage'),
      nodePublishSecretRef: ref('publish'),
      nodeExpandSecretRef: ref('expand'),
      controllerPublishSecretRef: ref('controller'),
    };
    const shared = { accessModes: ['ReadWriteOnce'] };
    const pv = { ...shared, capacity: { storage: '1Gi' }, claimRef: { namespace: 'default', name: `c-${name}` }, csi };
    await api.send('POST', '/api/v1/persistentvolumes', { body: { metadata: { name: `pv-${name}` }, spec: pv } });
    const claim = { ...shared, volumeName: `pv-${name}`, resources: { requests: { storage: '1Gi' } } };
    await api.send('POST', `${core}/persistentvolumeclaims`, {
      body: { metadata: { name: `c-${name}` }, spec: claim },
    });
    const volumes = [{ name: 'v', persistentVolumeClaim: { claimName: `c-${name}` } }];
    const spec = { nodeName: name, volumes, containers: [{ name: 'c', image: 'i' }] };
    const pod = await api.send('POST', `${core}/pods`, { body: { metadata: { name: `p-${name}` }, spec } });
    uids.set(name, pod.metadata.uid);
  }
  // For credential providers: an administrator may let nodes ask for an audience that no volume has.
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const verbs = ['request-serviceaccounts-token-audience'];
  const rules = [{ verbs, apiGroups: [''], resources: ['registry'], resourceNames: ['default'] }];
  const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'audiences' };
  const metadata = { name: 'audiences' };
  await api.send('POST', `${rbac}/clusterroles`, { body: { metadata, rules } });
  const subjects = [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'system:nodes' }];
  await api.send('POST', `${rbac}/clusterrolebindings`, { body: { metadata, roleRef, subjects } });
  const inline = {
    nodeName: 'a',
    volumes: [{ name: 'v', csi: { driver: 'd.example' } }],
    containers: [{ name: 'c', image: 'i' }],
  };
  const pod = await api.send('POST', `${core}/pods`, { body: { metadata: { name: 'p-inline' }, spec: inline } });
  uids.set('inline', pod.metadata.uid);
  await api.context.store.cache.waitConsistent();
});

const secrets: [string, boolean][] = [
  ['stage-a', true],
  ['publish-a', true],
  ['expand-a', true],
  ['controller-a', false],
  ['stage-b', false],
  ['other', false],
];
for (const [name, isAllowed] of secrets) {
  test(`secret ${name} is ${isAllowed ? 'there' : 'not there'} for the node`, async () => {
    const decide = (method: string, path: string) => {
      const info = requestInfoOf(method, path);
      return api.authorizer.authorize({ ...info, user: nodeA, fieldSelector: '' });
    };
    assert.equal((await decide('GET', `/api/v1/namespaces/vaults/secrets/${name}`)).allowed, isAllowed);
    assert.equal((await decide('PUT', `/api/v1/namespaces/vaults/secrets/${name}`)).allowed, false);
    assert.equal((await decide('GET', `${core}/secrets/${name}`)).allowed, false);
  });
}

const tokens: [string, string, boolean][] = [
  ['a', 'vault', true],
  ['a', 'registry', true],
  ['inline', 'vault', true],
  ['a', 'bank', false],
];
for (const [pod, audience, isGiven] of tokens) {
  test(`a token for ${audience} is ${isGiven ? 'given' : 'not given'} for pod ${pod}`, async () => {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Pod', name: `p-${pod}`, uid: uids.get(pod) };
    const request = {
      kind: api.kinds.kind('', 'ServiceAccount'),
      subresource: 'token',
      operation: 'CREATE',
      user: nodeA,
      namespace: 'default',
      name: 'default',
      object: { metadata: {}, spec: { audiences: [audience], boundObjectRef } },
    } as unknown as AdmissionRequest;
    const { context, kinds, authorizer } = api;
    const deps = { store: context.store, kinds, authorizer } as unknown as AdmissionDeps;
    const answer = nodeRestriction.validate!(request, deps);
    if (isGiven) await answer;
    else await assert.rejects(answer as Promise<void>, /audience "bank" not found in pod spec volume/);
  });
}
