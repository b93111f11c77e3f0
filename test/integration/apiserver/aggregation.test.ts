// Aggregated API servers behind the real API server: APIServices of its own, and one of a real server on loopback that
// a Service of type ExternalName leads to.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get as httpsGet } from 'node:https';
import { after, before, beforeEach, describe, test } from 'node:test';
import {
  type AggregatedServer,
  openApiHash,
  resource,
  startAggregatedServer,
} from '../../environment/aggregated-server.ts';
import { type Answer, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { eventually, Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';

const services = '/apis/apiregistration.k8s.io/v1/apiservices';
const group = 'flunders.example.com';
const name = `v1.${group}`;
const flunders = `/apis/${group}/v1/namespaces/testing/flunders`;
const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Waits until the assertion holds. */
const until = (check: () => Promise<void>) => eventually('what the test waits for', () => check().then(() => true));

describe('aggregation', () => {
  let api: TestControlPlane;
  let server: AggregatedServer;
  before(async () => {
    api = await startControlPlane();
    server = await startAggregatedServer(api);
    await api.namespace('testing');
    const spec = { type: 'ExternalName', externalName: 'localhost' };
    const body = { metadata: { name: 'flunders' }, spec };
    assert.equal((await api.request('POST', '/api/v1/namespaces/testing/services', { body })).status, 201);
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    await api.request('DELETE', `${services}/${name}`);
    server.asked.length = 0;
    server.isOld = false;
    server.isBroken = false;
    server.resources = [resource];
  });

  const condition = async (of = name) => {
    const { body } = await api.request('GET', `${services}/${of}`);
    return body.status?.conditions?.find((one: { type: string }) => one.type === 'Available');
  };
  const becomes = (reason: string) =>
    until(async () => assert.equal((await condition())?.reason, reason, JSON.stringify(await condition())));
  const register = async (more: object = {}, service: object = {}) => {
    const at = { name: 'flunders', namespace: 'testing', port: server.port, ...service };
    const rank = { groupPriorityMinimum: 17000, versionPriority: 5 };
    const spec = { group, version: 'v1', ...rank, caBundle: server.caBundle, service: at, ...more };
    const answer = await api.request('POST', services, { body: { metadata: { name }, spec } });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };
  const groupsOf = ({ body }: Answer): string[] => body.groups.map((one: { name: string }) => one.name);

  /** The versions of its group in the aggregated document. */
  const listed = async () => {
    const { body } = await api.request('GET', '/apis', { accept: aggregated });
    return body.items.find((one: any) => one.metadata.name === group)?.versions;
  };

  test('what the server has itself has an APIService each, in the order of /apis', async () => {
    const { body } = await api.request('GET', services);
    const byName = new Map<string, any>(body.items.map((one: any) => [one.metadata.name, one]));
    assert.ok(!byName.has('v1.apiregistration.k8s.io'));
    const { metadata, spec, status } = byName.get('v1.apps');
    assert.equal(metadata.labels['kube-aggregator.kubernetes.io/automanaged'], 'onstart');
    assert.deepEqual(spec, { group: 'apps', version: 'v1', groupPriorityMinimum: 17800, versionPriority: 15 });
    assert.equal(status.conditions[0].reason, 'Local');
    assert.deepEqual(byName.get('v1.').spec, { version: 'v1', groupPriorityMinimum: 18000, versionPriority: 1 });
    const groups = await api.request('GET', '/apis');
    assert.deepEqual(groupsOf(groups).slice(0, 6), [
      'apiregistration.k8s.io',
      'apps',
      'events.k8s.io',
      'authentication.k8s.io',
      'authorization.k8s.io',
      'autoscaling',
    ]);
    const autoscaling = groups.body.groups.find((one: { name: string }) => one.name === 'autoscaling');
    assert.equal(autoscaling.preferredVersion.version, 'v2');
  });

  test('those of custom resources come, are made anew when somebody removes them, and go', async () => {
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
    const schema = { openAPIV3Schema: { type: 'object' } };
    const versions = [{ name: 'v1', served: true, storage: true, schema }];
    const names = { plural: 'shirts', kind: 'Shirt' };
    const spec = { group: 'stable.example.com', scope: 'Cluster', names, versions };
    const body = { metadata: { name: 'shirts.stable.example.com' }, spec };
    assert.equal((await api.request('POST', definitions, { body })).status, 201);
    const own = `${services}/v1.stable.example.com`;
    const read = () => api.request('GET', own);
    await until(async () => assert.equal((await read()).status, 200));
    const made = (await read()).body;
    assert.equal(made.metadata.labels['kube-aggregator.kubernetes.io/automanaged'], 'true');
    assert.deepEqual([made.spec.groupPriorityMinimum, made.spec.versionPriority], [1000, 100]);
    await api.request('DELETE', own);
    await until(async () => assert.notEqual((await read()).body.metadata?.uid ?? made.metadata.uid, made.metadata.uid));
    await api.request('DELETE', `${definitions}/shirts.stable.example.com`);
    await until(async () => assert.equal((await read()).status, 404));
  });

  test('requests go on to the server, with who is asking and our certificate', async () => {
    await register();
    await becomes('Passed');
    const extra = { 'x-remote-user': 'somebody-else', 'x-remote-extra-scopes': 'all', 'x-own': 'kept' };
    const impersonated = { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters', ...extra };
    const headers = { ...impersonated, 'impersonate-extra-acme.com%2fproject': 'x' };
    const body = { metadata: { name: 'one' } };
    server.asked.length = 0;
    const { status } = await api.request('POST', `${flunders}?dryRun=All`, { body, headers });
    assert.equal(status, 201);
    const asked = server.asked.find(({ method }) => method === 'POST')!;
    assert.deepEqual([asked.url, JSON.parse(asked.body)], [`${flunders}?dryRun=All`, body]);
    assert.equal(asked.shown, 'front-proxy-client');
    const told = Object.entries(asked.headers).filter(([key]) =>
      /^(x-remote|impersonate|authorization|x-own)/.test(key),
    );
    assert.deepEqual(Object.fromEntries(told), {
      'x-own': 'kept',
      'x-remote-user': 'jane',
      'x-remote-group': 'system:masters, system:authenticated',
      'x-remote-extra-acme.com%2fproject': 'x',
    });
    assert.equal((await api.request('GET', flunders)).body.kind, 'FlunderList');
    assert.equal((await api.request('GET', `${flunders}/none`)).status, 404);
  });

  test('who may not is refused here', async () => {
    await register();
    await becomes('Passed');
    server.asked.length = 0;
    const { status, body } = await api.request('GET', flunders, { anonymous: true });
    assert.equal(status, 403);
    assert.match(body.message, /cannot list resource "flunders" in API group "flunders.example.com"/);
    assert.deepEqual(
      server.asked.filter(({ url }) => url === flunders),
      [],
    );
  });

  test('watches stream, and end on the other side when the client goes', async () => {
    await register();
    await becomes('Passed');
    const { ca, cert, key } = api.config;
    const request = httpsGet(`${api.server}${flunders}?watch=true`, { ca, cert, key, agent: false } as object);
    const [response] = await once(request, 'response');
    assert.equal(response.statusCode, 200);
    const [watch] = server.watches;
    watch!.write('{"type":"ADDED"}\n');
    assert.equal(String((await once(response, 'data'))[0]), '{"type":"ADDED"}\n');
    const closed = once(watch!, 'close');
    request.destroy();
    await closed;
  });

  test('connections that change their protocol go through', async () => {
    await register();
    await becomes('Passed');
    const { ca, cert, key } = api.config;
    const upgrade = { connection: 'Upgrade', upgrade: 'echo', 'x-remote-user': 'somebody-else' };
    const request = httpsGet(`${api.server}${flunders}/one/connect`, {
      ca,
      cert,
      key,
      headers: upgrade,
      agent: false,
    } as object);
    const [response, socket] = await once(request, 'upgrade');
    assert.equal(response.statusCode, 101);
    socket.write('hello');
    assert.equal(String((await once(socket, 'data'))[0]), 'hello');
    socket.destroy();
    const { rawHeaders, shown } = server.asked.find(({ url }) => url.endsWith('/connect'))!;
    const told = rawHeaders.flatMap((key, i) => (/^x-remote/i.test(key) ? [`${key}: ${rawHeaders[i + 1]}`] : []));
    assert.match(
      told.pop() ?? '',
      /^x-remote-extra-authentication.kubernetes.io%2Fcredential-id: X509SHA256=[0-9a-f]{64}$/,
    );
    assert.deepEqual(told, [
      'x-remote-user: kubernetes-admin',
      'x-remote-group: system:masters',
      'x-remote-group: system:authenticated',
    ]);
    assert.equal(shown, 'front-proxy-client');
  });

  test('what it tells in another form than its type has is not told to everybody', async () => {
    await register();
    await until(async () => assert.equal((await listed())?.[0].freshness, 'Current'));
    server.resources = [{ ...resource, resource: 7, verbs: 'all' }];
    await api.request('PATCH', `${services}/${name}`, {
      body: { spec: { versionPriority: 6 } },
      contentType: 'application/merge-patch+json',
    });
    await until(async () => assert.equal((await listed())?.[0].freshness, 'Stale'));
    assert.equal((await listed())[0].resources[0].resource, 'flunders');
    server.resources = [
      { ...resource, unknown: {} },
      { resource: 'parts', verbs: ['get'] },
    ];
    await api.request('PATCH', `${services}/${name}`, {
      body: { spec: { versionPriority: 7 } },
      contentType: 'application/merge-patch+json',
    });
    await until(async () => assert.equal((await listed())?.[0].freshness, 'Current'));
    assert.deepEqual((await listed())[0].resources, [resource, { resource: 'parts', verbs: ['get'] }]);
  });

  for (const isOld of [false, true]) {
    test(`what it has is listed with the rest${isOld ? ', also of an older server' : ''}`, async () => {
      server.isOld = isOld;
      await register();
      await until(async () => assert.equal((await listed())?.[0].freshness, 'Current'));
      const [{ version, resources }] = await listed();
      assert.equal(version, 'v1');
      assert.deepEqual(
        [
          resources[0].resource,
          resources[0].responseKind.kind,
          resources[0].scope,
          resources[0].subresources?.[0].subresource,
        ],
        ['flunders', 'Flunder', 'Namespaced', isOld ? 'status' : undefined],
      );
      const groups = groupsOf(await api.request('GET', '/apis'));
      // Of the rank of rbac.authorization.k8s.io, and before it by name.
      assert.equal(groups[groups.indexOf(group) + 1], 'rbac.authorization.k8s.io');
      assert.equal((await api.request('GET', `/apis/${group}`)).body.preferredVersion.version, 'v1');
      assert.equal((await api.request('GET', `/apis/${group}/v1`)).body.kind, 'APIResourceList');
      const url = `/openapi/v3/apis/${group}/v1?hash=${openApiHash}`;
      const { paths } = (await api.request('GET', '/openapi/v3')).body;
      assert.deepEqual(paths[`apis/${group}/v1`], { serverRelativeURL: url });
      assert.equal((await api.request('GET', url)).body.info.title, 'flunders');
      const v2 = (await api.request('GET', '/openapi/v2')).body;
      assert.ok(v2.paths[`/apis/${group}/v1/namespaces/{namespace}/flunders`].get);
      assert.equal(v2.paths['/apis/other.example.com/v1/others'], undefined, 'of what it answers for');
      const flunder = v2.definitions['com.example.flunders.v1.Flunder'];
      const metadata = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
      // Ours differs from theirs, which has another name.
      assert.equal(flunder.properties.metadata.$ref, `#/definitions/${metadata}_v2`);
      assert.notEqual(v2.definitions[metadata].description, v2.definitions[`${metadata}_v2`].description);
      const protobuf = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
      assert.match(
        (await api.request('GET', '/openapi/v2', { accept: protobuf })).body,
        /com\.example\.flunders\.v1\.Flunder/,
      );
      await api.request('DELETE', `${services}/${name}`);
      await until(async () => assert.equal(await listed(), undefined));
      assert.equal((await api.request('GET', flunders)).status, 404);
      const after = (await api.request('GET', '/openapi/v2')).body;
      assert.equal(after.definitions['com.example.flunders.v1.Flunder'], undefined);
    });
  }

  test('a server that is not there: why, and 503', async () => {
    await register({}, { name: 'nobody' });
    await becomes('ServiceNotFound');
    assert.equal((await condition()).message, 'service/nobody in "testing" is not present');
    const { status, body, headers } = await api.request('GET', flunders);
    assert.deepEqual(
      [status, body, headers['content-type']],
      [503, 'service unavailable\n', 'text/plain; charset=utf-8'],
    );
    assert.deepEqual(await listed(), [{ version: 'v1', resources: [], freshness: 'Stale' }]);
    const columns = await api.request('GET', `${services}/${name}`, {
      accept: 'application/json;as=Table;g=meta.k8s.io;v=v1',
    });
    assert.deepEqual(columns.body.rows[0].cells.slice(0, 3), [name, 'testing/nobody', 'False (ServiceNotFound)']);
  });

  test('kubectl shows them, and what other servers have', { skip: needsNewKubectl }, async () => {
    await register();
    await becomes('Passed');
    await until(async () => assert.equal((await listed())?.[0].freshness, 'Current'));
    const kubectl = new Kubectl(await api.kubeconfig());
    const lines = kubectl.get('get', 'apiservices').split('\n');
    assert.match(lines[0]!, /^NAME +SERVICE +AVAILABLE +AGE$/);
    assert.ok(lines.some((line) => /^v1\.apps +Local +True +\S+$/.test(line)));
    assert.ok(lines.some((line) => /^v1\.flunders\.example\.com +testing\/flunders +True +\S+$/.test(line)));
    assert.match(
      kubectl.get('api-resources', '--api-group', group),
      /^flunders +fl +flunders.example.com\/v1 +true +Flunder$/m,
    );
  });

  test('services and endpoints that are missing', async () => {
    const path = '/api/v1/namespaces/testing/services';
    const spec = { ports: [{ name: 'https', port: 443 }] };
    await api.request('POST', path, { body: { metadata: { name: 'bare' }, spec } });
    await register({}, { name: 'bare', port: 444 });
    await becomes('ServicePortError');
    await api.request('DELETE', `${services}/${name}`);
    await register({}, { name: 'bare', port: 443 });
    await becomes('EndpointsNotFound');
    const slice = {
      metadata: { name: 'bare-1', labels: { 'kubernetes.io/service-name': 'bare' } },
      addressType: 'IPv4',
      endpoints: [],
      ports: [{ name: 'https', port: 443 }],
    };
    const slices = '/apis/discovery.k8s.io/v1/namespaces/testing/endpointslices';
    assert.equal((await api.request('POST', slices, { body: slice })).status, 201);
    await becomes('MissingEndpoints');
    await api.request('DELETE', `${path}/bare`);
    await becomes('ServiceNotFound');
  });

  test('a certificate that nobody vouches for, and an answer that is none', async () => {
    await register({ caBundle: undefined });
    await becomes('FailedDiscoveryCheck');
    assert.match(
      (await condition()).message,
      /^failing or missing response from https:\/\/localhost:\d+\/apis\/.* x509: /,
    );
    await api.request('DELETE', `${services}/${name}`);
    await register({ caBundle: undefined, insecureSkipTLSVerify: true });
    await becomes('Passed');
    await api.request('DELETE', `${services}/${name}`);
    server.isBroken = true;
    await register();
    await becomes('FailedDiscoveryCheck');
    assert.match(
      (await condition()).message,
      /^bad status from https:\/\/localhost:\d+\/apis\/flunders.example.com\/v1: 500$/,
    );
  });
});
