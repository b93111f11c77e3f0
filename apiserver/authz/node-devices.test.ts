// What a node reads and writes of volumes and devices: those of its pods, and its own.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import type { UserInfo } from '../authn/user.ts';
import { requestInfoOf } from '../request-info.ts';

const user: UserInfo = { username: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] };
const core = '/api/v1/namespaces/default';
const storage = '/apis/storage.k8s.io/v1';
const resource = '/apis/resource.k8s.io/v1';
const slices = `${resource}/resourceslices`;

const slice = (name: string, nodeName: string) => ({
  metadata: { name },
  spec: { nodeName, driver: 'd.io', pool: { name: nodeName, generation: 1, resourceSliceCount: 1 } },
});
const volume = (name: string, claim: string) => ({
  metadata: { name },
  spec: {
    accessModes: ['ReadWriteOnce'],
    capacity: { storage: '1Gi' },
    hostPath: { path: '/data' },
    claimRef: { namespace: 'default', name: claim },
  },
});
const attachment = (name: string, nodeName: string) => ({
  metadata: { name },
  spec: { attacher: 'd.io', nodeName, source: { persistentVolumeName: 'own' } },
});

describe('volumes and devices of a node', () => {
  let api: MemoryApi;
  before(async () => {
    api = await startMemoryApi();
    const spec = {
      nodeName: 'a',
      containers: [{ name: 'c', image: 'i' }],
      volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'own' } }],
      resourceClaims: [
        { name: 'g', resourceClaimName: 'own' },
        { name: 't', resourceClaimTemplateName: 't' },
      ],
    };
    await api.send('POST', `${core}/pods`, { body: { metadata: { name: 'p' }, spec } });
    await api.context.store.cache.waitConsistent();
    const status = { resourceClaimStatuses: [{ name: 't', resourceClaimName: 'made' }] };
    await api.send('PATCH', `${core}/pods/p/status`, {
      body: { status },
      contentType: 'application/merge-patch+json',
    });
    for (const [name, node] of [
      ['own', 'a'],
      ['other', 'b'],
    ] as const) {
      await api.send('POST', '/api/v1/persistentvolumes', { body: volume(name, name) });
      await api.send('POST', `${storage}/volumeattachments`, { body: attachment(name, node) });
      await api.send('POST', slices, { body: slice(name, node) });
    }
    await api.context.store.cache.waitConsistent();
  });

  const unrelated = "no relationship found between node 'a' and this object";
  const bySelector = 'can only list/watch/deletecollection resourceslices with nodeName field selector';
  const cases: [request: string, want: true | string][] = [
    ['GET /api/v1/persistentvolumes/own', true],
    ['GET /api/v1/persistentvolumes/other', unrelated],
    ['GET /api/v1/persistentvolumes/none', unrelated],
    ['GET /api/v1/persistentvolumes', 'can only get individual resources of this type'],
    [`GET ${storage}/volumeattachments/own`, true],
    [`GET ${storage}/volumeattachments/other`, unrelated],
    [`GET ${storage}/volumeattachments/own/status`, 'cannot get subresource'],
    [`GET ${storage}/storageclasses`, ''],
    [`GET ${storage}/csidrivers`, true],
    [`GET ${resource}/namespaces/default/resourceclaims/own`, true],
    [`GET ${resource}/namespaces/default/resourceclaims/made`, true],
    [`GET ${resource}/namespaces/default/resourceclaims/other`, unrelated],
    [`PUT ${resource}/namespaces/default/resourceclaims/own`, 'can only get resources of this type'],
    [`GET ${slices}/own`, true],
    [`DELETE ${slices}/own`, true],
    [`PUT ${slices}/other`, unrelated],
    [`POST ${slices}`, true],
    [`GET ${slices}?fieldSelector=spec.nodeName%3Da&watch=1`, true],
    [`DELETE ${slices}?fieldSelector=spec.nodeName%3Da`, true],
    [`DELETE ${slices}?fieldSelector=spec.nodeName%3Db`, bySelector],
    [`DELETE ${slices}`, bySelector],
    [`GET ${slices}`, bySelector],
  ];
  for (const [request, want] of cases) {
    test(request, async () => {
      const [method = '', url = ''] = request.split(' ');
      const info = requestInfoOf(method, url);
      const fieldSelector = info.query.get('fieldSelector') ?? '';
      const decision = await api.authorizer.authorize({ ...info, user, fieldSelector });
      assert.deepEqual(decision.allowed ? true : decision.reason, want);
    });
  }

  test('a new slice is of its own devices', async () => {
    const create = (name: string, node: string) => api.send('POST', slices, { body: slice(name, node), user });
    await create('mine', 'a');
    await assert.rejects(create('theirs', 'b'), (err: StatusError) => {
      assert.match(err.message, /can only create ResourceSlice with the same NodeName as the requesting node$/);
      return err.code === 403;
    });
  });
});
