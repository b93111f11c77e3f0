// Bootstrap tokens and what they sign; Endpoints that are written by hand. Each controller acts as its own account here.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { createControllers } from '../../../controllers/index.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, type RunningControllers, runControllers } from '../../environment/controllers.ts';

let api: TestControlPlane;
let running: RunningControllers;
before(async () => {
  api = await startControlPlane();
  running = await runControllers(api, createControllers({}));
});
after(async () => {
  await running?.[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
});

const create = async (path: string, body: object) => {
  const answer = await api.request('POST', path, { body });
  assert.equal(answer.status, 201, answer.body.message);
  return answer.body;
};
const until = (path: string, satisfies: (body: any) => boolean) =>
  eventually(path, async () => (await api.request('GET', path)).body, satisfies);

const secrets = '/api/v1/namespaces/kube-system/secrets';
const addToken = (id: string, more: object) => {
  const stringData = { 'token-id': id, 'token-secret': '0123456789abcdef', ...more };
  return create(secrets, {
    metadata: { name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    stringData,
  });
};

test('cluster-info is signed by the tokens that there are', async () => {
  const maps = '/api/v1/namespaces/kube-public/configmaps';
  const signatures = ({ data }: any) => Object.keys(data).filter((key) => key.startsWith('jws-'));
  await create(maps, { metadata: { name: 'cluster-info' }, data: { kubeconfig: 'apiVersion: v1' } });
  await addToken('abcdef', { 'usage-bootstrap-signing': 'true' });
  const signed = await until(`${maps}/cluster-info`, (info) => signatures(info).length > 0);
  assert.match(signed.data['jws-kubeconfig-abcdef'], /^[\w-]+\.\.[\w-]+$/);
  await api.request('DELETE', `${secrets}/bootstrap-token-abcdef`);
  await until(`${maps}/cluster-info`, (info) => signatures(info).length === 0);
});

test('a token that has expired is deleted, another one stays', async () => {
  await addToken('later0', { expiration: '2100-01-01T00:00:00Z' });
  await addToken('past00', { expiration: '2020-01-01T00:00:00Z' });
  await until(`${secrets}/bootstrap-token-past00`, (answer) => answer.code === 404);
  assert.equal((await api.request('GET', `${secrets}/bootstrap-token-later0`)).status, 200);
});

test('Endpoints of a service without a selector become slices, as long as they are there', async () => {
  const core = '/api/v1/namespaces/default';
  const ports = [{ name: 'db', port: 5432, protocol: 'TCP' }];
  const slices =
    '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name=db';
  const addresses = ({ items }: any) => items.flatMap((s: any) => s.endpoints.flatMap((e: any) => e.addresses));
  await create(`${core}/services`, { metadata: { name: 'db' }, spec: { ports } });
  const { headers } = await api.request('GET', `${core}/endpoints`);
  const deprecated = 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice';
  assert.equal(headers.warning, `299 - "${deprecated}"`);
  await create(`${core}/endpoints`, {
    metadata: { name: 'db', labels: { own: '1' } },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports }],
  });
  const { items } = await until(slices, (list) => list.items.length === 1);
  assert.deepEqual(items[0].metadata.labels, {
    'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
    'kubernetes.io/service-name': 'db',
    own: '1',
  });
  assert.deepEqual(items[0].endpoints, [{ addresses: ['192.0.2.1'], conditions: { ready: true } }]);
  const body = { subsets: [{ addresses: [{ ip: '192.0.2.2' }, { ip: '192.0.2.3' }], ports }] };
  await api.request('PATCH', `${core}/endpoints/db`, { contentType: 'application/merge-patch+json', body });
  const changed = await until(slices, (list) => addresses(list).length === 2);
  assert.equal(changed.items[0].metadata.uid, items[0].metadata.uid);
  // Whoever takes the slice away gets it back.
  await api.request('DELETE', `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/${items[0].metadata.name}`);
  await until(slices, (list) => addresses(list).length === 2 && list.items[0].metadata.uid !== items[0].metadata.uid);
  const label = { metadata: { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } } };
  await api.request('PATCH', `${core}/endpoints/db`, { contentType: 'application/merge-patch+json', body: label });
  await until(slices, (list) => list.items.length === 0);
  assert.deepEqual(running.failures, []);
});
