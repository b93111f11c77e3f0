// The parts of aggregation that need no other server: ranks, headers, older documents, the APIServices of this server.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { locate } from '../service-endpoint.ts';
import { Aggregator } from './aggregator.ts';
import { settleLocalServices } from './local-services.ts';
import { inOrder, priorityOf } from './priorities.ts';
import { asHeaderBytes, identityHeaders, tlsOf } from './remote.ts';
import { asStale, fromResourceList } from './remote-documents.ts';

const services = '/apis/apiregistration.k8s.io/v1/apiservices';

describe('order', () => {
  test('ranks of built-in and custom versions', () => {
    const table: [string, string, number, number][] = [
      ['', 'v1', 18000, 1],
      ['autoscaling', 'v2', 17500, 30],
      ['autoscaling', 'v1', 17500, 15],
      ['policy', 'v1beta1', 17100, 9],
      ['example.com', 'v1', 1000, 100],
      ['constructor', 'v1', 1000, 100],
    ];
    for (const [group, version, groupPriorityMinimum, versionPriority] of table) {
      assert.deepEqual(priorityOf(group, version), { groupPriorityMinimum, versionPriority });
    }
  });

  test('the best version of a group counts; then the name', () => {
    const of = (group: string, version: string, groupPriorityMinimum: number, versionPriority = 100) => ({
      group,
      version,
      groupPriorityMinimum,
      versionPriority,
    });
    const all = [
      of('b.io', 'v1', 1000),
      of('a.io', 'v1', 10),
      of('a.io', 'v1beta1', 1000, 101),
      of('a.io', 'v2', 5),
      of('c.io', 'v1', 2000),
      of('apiregistration.k8s.io', 'v1', 1),
    ];
    const ordered = [...inOrder(all)].map(([name, versions]) => [name, ...versions.map(({ version }) => version)]);
    assert.deepEqual(ordered, [
      ['apiregistration.k8s.io', 'v1'],
      ['c.io', 'v1'],
      ['b.io', 'v1'],
      ['a.io', 'v1beta1', 'v2', 'v1'],
    ]);
  });
});

describe('who is asking', () => {
  test('is told in headers that are ours', () => {
    const extra = { 'acme.com/Project': ['a', 'b'], 'per%cent': ['c'], none: [] };
    assert.deepEqual(identityHeaders({ username: 'jane', uid: '7', groups: ['x', 'y'], extra }), {
      'x-remote-user': 'jane',
      'x-remote-uid': '7',
      'x-remote-group': ['x', 'y'],
      'x-remote-extra-acme.com%2FProject': ['a', 'b'],
      'x-remote-extra-per%25cent': ['c'],
    });
    assert.deepEqual(asHeaderBytes(identityHeaders({ username: 'é', groups: [] })), { 'x-remote-user': 'Ã©' });
  });

  test('and cannot bring further lines', () => {
    for (const username of ['a\r\nx-remote-group: system:masters', 'a\nb', 'a\u0000']) {
      assert.throws(() => identityHeaders({ username, groups: [] }), { code: 400 });
    }
    const extra = { 'a\r\nb': ['c'] };
    assert.deepEqual(Object.keys(identityHeaders({ username: 'a', groups: [], extra }))[1], 'x-remote-extra-a%0D%0Ab');
  });
});

test('a document of an older server becomes the one of today', () => {
  const entry = { namespaced: true, kind: 'Thing', singularName: 'thing', verbs: ['get'] };
  const list = {
    resources: [
      { ...entry, name: 'things', shortNames: ['th'] },
      { ...entry, name: 'things/scale', group: 'autoscaling', version: 'v1', kind: 'Scale' },
      { ...entry, name: 'worlds', namespaced: false },
    ],
  };
  const own = { group: 'g.io', version: 'v1', kind: 'Thing' };
  const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  const rest = { singularResource: 'thing', verbs: ['get'] };
  assert.deepEqual(fromResourceList(list, { group: 'g.io', version: 'v1' }), [
    {
      resource: 'things',
      responseKind: own,
      scope: 'Namespaced',
      ...rest,
      shortNames: ['th'],
      subresources: [{ subresource: 'scale', responseKind: scale, verbs: ['get'] }],
    },
    { resource: 'worlds', responseKind: own, scope: 'Cluster', ...rest },
  ]);
  assert.deepEqual(fromResourceList({}, { group: 'g.io', version: 'v1' }), []);
  assert.deepEqual(asStale(undefined), { resources: [], freshness: 'Stale' });
});

describe('where a service is', () => {
  test('one of its endpoints by the name of the port, never this machine', async () => {
    const { context, send } = await startMemoryApi().then((api) => ({
      context: api.context,
      send: (path: string, body: object) => api.send('POST', path, { body }),
    }));
    const target = { namespace: 'default', name: 's', port: 443 };
    assert.throws(() => locate(context, target), /service "s" not found/);
    const ports = [{ name: 'https', port: 443, targetPort: 8443 }];
    await send('/api/v1/namespaces/default/services', { metadata: { name: 's' }, spec: { ports, clusterIP: 'None' } });
    assert.throws(() => locate(context, target), { code: 503, message: /no endpoints available/ });
    const slice = (name: string, address: string) => ({
      metadata: { name, labels: { 'kubernetes.io/service-name': 's' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address] }],
      ports: [{ name: 'https', port: 8443 }],
    });
    await send('/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', slice('s-1', '10.1.2.3'));
    assert.deepEqual(locate(context, target), { host: '10.1.2.3', port: 8443 });
    assert.throws(() => locate(context, { ...target, port: 80 }), /no service port 80 found/);
  });

  test('is known by its certificate', () => {
    const spec = { groupPriorityMinimum: 1, versionPriority: 1, service: { name: 's', namespace: 'n' } };
    assert.equal(tlsOf(spec, undefined).servername, 's.n.svc');
    assert.equal(tlsOf(spec, undefined).rejectUnauthorized, undefined);
    assert.equal(tlsOf({ ...spec, insecureSkipTLSVerify: true }, undefined).rejectUnauthorized, false);
    assert.equal(String(tlsOf({ ...spec, caBundle: 'YQ==' }, undefined).ca), 'a');
  });
});

describe('APIServices of this server', () => {
  const start = async () => {
    const api = await startMemoryApi();
    await settleLocalServices(api.context, 'all');
    const read = (name: string) => api.send('GET', `${services}/${name}`);
    return { api, read };
  };

  test('are put right at start; those that a user made are left alone', async () => {
    const { api, read } = await start();
    const patch = (name: string, body: object) =>
      api.send('PATCH', `${services}/${name}`, { body, contentType: 'application/merge-patch+json' });
    await patch('v1.apps', { spec: { groupPriorityMinimum: 5 } });
    const labels = { 'kube-aggregator.kubernetes.io/automanaged': null };
    await patch('v1.batch', { metadata: { labels }, spec: { groupPriorityMinimum: 5 } });
    await settleLocalServices(api.context, 'custom');
    assert.equal((await read('v1.apps')).spec.groupPriorityMinimum, 5);
    await settleLocalServices(api.context, 'all');
    assert.equal((await read('v1.apps')).spec.groupPriorityMinimum, 17800);
    assert.equal((await read('v1.batch')).spec.groupPriorityMinimum, 5);
  });

  test('what is right is not written again, and what is not served any longer goes', async () => {
    const { api, read } = await start();
    const metadata = { name: 'v9.apps', labels: { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' } };
    const spec = { group: 'apps', version: 'v9', groupPriorityMinimum: 1, versionPriority: 1 };
    await api.send('POST', services, { body: { metadata, spec } });
    const { resourceVersion } = (await read('v1.apps')).metadata;
    await settleLocalServices(api.context, 'all');
    assert.equal((await read('v1.apps')).metadata.resourceVersion, resourceVersion);
    await assert.rejects(read('v9.apps'), { code: 404 });
  });

  test('no path belongs to another server while there is none', async () => {
    const { api } = await start();
    const aggregator = new Aggregator(api.context, undefined);
    aggregator.follow();
    assert.equal(aggregator.remoteOf('/apis/other.io/v1/things'), undefined);
    const service = { name: 's', namespace: 'default' };
    const spec = { group: 'other.io', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1, service };
    const before = aggregator.generation;
    await api.send('POST', services, { body: { metadata: { name: 'v1.other.io' }, spec } });
    await api.context.store.cache.waitConsistent();
    const paths = ['/apis/other.io/v1', '/apis//other.io/v1/things/a', '/openapi/v3/apis/other.io/v1'];
    for (const path of paths) assert.equal(aggregator.remoteOf(path)?.name, 'v1.other.io', path);
    for (const path of [
      '/apis/other.io',
      '/apis/other.io/v2/things',
      '/api/v1/apis/other.io/v1',
      '/openapi/v3/apis/other.io/v1/x',
    ])
      assert.equal(aggregator.remoteOf(path), undefined, path);
    assert.notEqual(aggregator.generation, before);
    aggregator.stop();
  });
});
