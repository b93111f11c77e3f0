// The filter chain: what is refused before a verb sees it, and what a verb may be asked for.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { Registry } from 'prom-client';
import { serveCustom, thingDefinition } from '../test/builders/custom-things.ts';
import { type MemoryApi, startMemoryApi } from '../test/builders/memory-api.ts';
import { Aggregator } from './aggregation/aggregator.ts';
import { authenticateInOrder } from './authn/authenticator.ts';
import { bearerTokens } from './authn/bearer-token.ts';
import { clientCertificates } from './authn/client-certificate.ts';
import { anonymousUser } from './authn/user.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { noBody, type RequestBody } from './http/request-body.ts';
import { defaultLimits, InFlight } from './in-flight.ts';
import type { RequestInfo } from './request-info.ts';
import { createRequestMetrics } from './request-metrics.ts';
import { reviews } from './reviews/index.ts';
import { ApiServer } from './server.ts';
import type { SubresourceContext } from './subresources/handler.ts';
import { subresources } from './subresources/index.ts';

const pods = '/api/v1/namespaces/default/pods';
const configMaps = '/api/v1/namespaces/default/configmaps';

interface Asked {
  body?: object;
  /** In the place of `body`: what is asked for it. */
  stream?: RequestBody;
  user?: string;
  /** False: the certificate is of another authority. */
  isTrusted?: boolean;
  headers?: Record<string, string>;
}

async function startServer(limits = defaultLimits) {
  const api = await startMemoryApi();
  const counted: RequestInfo[] = [];
  const registry = new Registry();
  const requestMetrics = createRequestMetrics(registry, api.clock);
  const tokens = {
    authenticate: async (token: string) =>
      token === 'good' ? { user: { username: 'bearer', groups: [] } } : undefined,
  };
  const audiences = ['own'];
  const authenticators = [clientCertificates(), bearerTokens(tokens, audiences)];
  const anonymous = { authenticate: async () => anonymousUser };
  const authenticator = authenticateInOrder({ authenticators, tokens, audiences, anonymous });
  const context = { ...api.context, authorizer: api.authorizer, authenticator } as unknown as SubresourceContext;
  const server = new ApiServer({
    context,
    subresources,
    reviews,
    aggregator: new Aggregator(context, undefined),
    paths: async ({ path }) => (path === '/livez' ? { code: 200, headers: {}, body: 'ok' } : undefined),
    inFlight: new InFlight(limits),
    metrics: {
      ...requestMetrics,
      begin(info, head) {
        counted.push(info);
        return requestMetrics.begin(info, head);
      },
    },
  });
  const send = async (
    method: string,
    url: string,
    { body, stream, user = 'admin', isTrusted = true, headers = {} }: Asked = {},
  ) => {
    const O = user === 'admin' ? 'system:masters' : undefined;
    const set = new Map<string, string[]>();
    const setHeader = (name: string, value: string[]) => void set.set(name, value);
    const socket = { authorized: isTrusted, getPeerCertificate: () => ({ subject: { CN: user, O } }) };
    const response = await server.request({
      method,
      url,
      headers: { 'content-type': 'application/json', ...headers },
      body: stream ?? { ...noBody, read: async () => Buffer.from(body ? JSON.stringify(body) : '') },
      socket: socket as unknown as TLSSocket,
      raw: Object.assign(new EventEmitter(), { setHeader }) as never,
    });
    const text = response?.body.toString() ?? '';
    const answered = text.startsWith('{') ? JSON.parse(text) : text;
    return { code: response?.code, headers: response?.headers, warnings: set.get('warning') ?? [], body: answered };
  };
  return { api, send, counted, registry };
}

/** Lets `user` do what the rule says, in the default namespace. */
async function allow(api: MemoryApi, user: string, rule: object): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1/namespaces/default';
  const apiGroup = 'rbac.authorization.k8s.io';
  await api.send('POST', `${rbac}/roles`, { body: { metadata: { name: user }, rules: [rule] } });
  const roleRef = { apiGroup, kind: 'Role', name: user };
  const subjects = [{ apiGroup, kind: 'User', name: user }];
  await api.send('POST', `${rbac}/rolebindings`, { body: { metadata: { name: user }, roleRef, subjects } });
  await api.context.store.cache.waitConsistent();
}

describe('a verb and its path', () => {
  const cases: [request: string, want: number][] = [
    [`POST ${configMaps}/x`, 405],
    [`PUT ${configMaps}`, 405],
    [`PATCH ${configMaps}`, 405],
    ['DELETE /api/v1/configmaps', 405],
    ['POST /api/v1/configmaps', 405],
    ['DELETE /api/v1/namespaces', 405],
    ['GET /api/v1/configmaps', 200],
    [`DELETE ${configMaps}`, 200],
    [`PUT ${pods}/p/eviction`, 405],
    [`PATCH ${pods}/p/binding`, 405],
    ['DELETE /api/v1/namespaces/default/serviceaccounts/default/token', 405],
    [`GET ${pods}/p/nonsense`, 404],
    ['GET /api/v1/namespaces/default/status/x', 404],
    ['GET /api/v1/namespaces/default/status/', 200],
    [`GET ${pods}/p//status`, 404],
    [`PUT ${pods}//status`, 400],
    ['GET /api/v1/namespaces//configmaps', 200],
    ['GET /api/v1//configmaps', 404],
    ['GET //api/v1/configmaps', 404],
    ['GET /api/v1/namespaces/a%2Fb/configmaps', 404],
  ];
  for (const [request, want] of cases) {
    test(`${request}: ${want}`, async () => {
      const { send } = await startServer();
      const [method = '', url = ''] = request.split(' ');
      const body = method === 'GET' || method === 'DELETE' ? {} : { body: { metadata: { name: 'y' } } };
      assert.equal((await send(method, url, body)).code, want);
    });
  }

  test('who may do all to one object may not make another one through its path', async () => {
    const { api, send } = await startServer();
    await allow(api, 'joe', { verbs: ['*'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] });
    const made = await send('POST', `${configMaps}/mine`, { user: 'joe', body: { metadata: { name: 'other' } } });
    assert.equal(made.code, 405);
  });
});

describe('an eviction', () => {
  const condition = { type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' };
  const start = async () => {
    const { api, send } = await startServer();
    const body = { metadata: { name: 'p', finalizers: ['x.io/y'] }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const { uid } = (await api.send('POST', pods, { body })).metadata;
    const evict = (deleteOptions: object) =>
      send('POST', `${pods}/p/eviction`, { body: { metadata: { name: 'p' }, deleteOptions } });
    const read = () => api.send('GET', `${pods}/p`);
    return { uid, evict, read };
  };

  test('leaves word in the pod: what ends it is no failure of its own', async () => {
    const { uid, evict, read } = await start();
    assert.equal((await evict({ preconditions: { uid } })).code, 201);
    const { metadata, status } = await read();
    assert.ok(metadata.deletionTimestamp);
    const { type, reason, message, lastTransitionTime } = status.conditions.at(-1);
    assert.deepEqual({ type, status: 'True', reason }, condition);
    assert.equal(message, 'Eviction API: evicting');
    assert.ok(lastTransitionTime);
  });

  test('of another pod, or only asked for, changes nothing', async () => {
    const { uid, evict, read } = await start();
    const before = await read();
    assert.equal((await evict({ preconditions: { uid: 'other' } })).code, 409);
    assert.equal((await evict({ dryRun: ['All'], preconditions: { uid } })).code, 201);
    assert.deepEqual(await read(), before);
  });

  test('of the version that was seen deletes, though the condition made another one', async () => {
    const { evict, read } = await start();
    const { resourceVersion } = (await read()).metadata;
    assert.equal((await evict({ preconditions: { resourceVersion: '1' } })).code, 409);
    assert.equal((await evict({ preconditions: { resourceVersion } })).code, 201);
    assert.ok((await read()).metadata.deletionTimestamp);
  });
});

test('a proxy carries methods that are no verb, and nothing else does', async () => {
  const { send } = await startServer();
  const asked = async (path: string) => (await send('OPTIONS', `${pods}/${path}`)).body.message;
  assert.equal(await asked('nobody/proxy/x'), 'pods "nobody" not found');
  const message = 'the server does not allow this method on the requested resource';
  for (const path of ['nobody/log', 'nobody', '']) assert.equal(await asked(path), message);
});

test('a certificate of another authority proves nothing, and a token does not need one', async () => {
  const { send } = await startServer();
  const code = async (headers: Record<string, string>) =>
    (await send('GET', '/livez', { isTrusted: false, headers })).code;
  assert.equal(await code({}), 401);
  assert.equal(await code({ authorization: 'Bearer good' }), 200);
  assert.equal(await code({ authorization: 'Bearer bad' }), 401);
});

describe('authorization', () => {
  test('a list or watch that selects one name is allowed where that name is', async () => {
    const { api, send } = await startServer();
    await allow(api, 'joe', { verbs: ['list'], apiGroups: [''], resources: ['configmaps'], resourceNames: ['mine'] });
    const list = async (selector: string) =>
      (await send('GET', `${configMaps}?fieldSelector=${encodeURIComponent(selector)}`, { user: 'joe' })).code;
    assert.equal(await list('metadata.name=mine'), 200);
    assert.equal(await list('metadata.namespace=default,metadata.name==mine'), 200);
    for (const selector of ['metadata.name=other', 'metadata.name!=mine', '', 'metadata.name=mine,x'])
      assert.equal(await list(selector), 403, selector);
  });

  test('health may be asked by anybody, also while nothing can be read', async () => {
    const { api, send } = await startServer();
    assert.equal((await send('GET', '/livez', { user: 'joe' })).code, 200);
    api.context.store.cache.resource = () => assert.fail('the roles were read');
    assert.equal((await send('GET', '/livez', { user: 'joe' })).code, 200);
    assert.equal((await send('GET', '/livez/x', { user: 'admin' })).code, 404);
  });
});

describe('what is defined, where upstream has a handler of its own', () => {
  const version = (name: string, storage: boolean) => ({
    name,
    served: true,
    storage,
    ...(storage ? {} : { deprecated: true, deprecationWarning: 'old' }),
    subresources: { status: {}, scale: { specReplicasPath: '.spec.size', statusReplicasPath: '.status.size' } },
    additionalPrinterColumns: [{ name: 'Spec', type: 'string', jsonPath: '.spec' }],
    schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  });
  const names = { plural: 'things', kind: 'Thing', listKind: 'ThingList' };
  const versions = [version('v1', true), version('v1beta1', false)];
  const definition = thingDefinition(versions, { names });
  const all = '/apis/example.com/v1/things';
  const things = '/apis/example.com/v1/namespaces/default/things';
  const start = async () => {
    const started = await startServer();
    await serveCustom(started.api, definition, () => assert.fail('nothing to convert'));
    const body = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'a' }, spec: { b: 1, a: 2 } };
    await started.api.send('POST', things, { body });
    return started;
  };
  const cases: [request: string, code: number, message?: string | RegExp][] = [
    [`GET ${all}`, 200],
    [`GET ${all}/a`, 404, '404 page not found\n'],
    [`POST ${all}`, 404, '404 page not found\n'],
    [`DELETE ${all}`, 404, '404 page not found\n'],
    [`PUT ${things}`, 400, 'name must be provided'],
    [`OPTIONS ${things}/a`, 405, ' is not supported on resources of kind "things.example.com"'],
    [`GET ${things}/a/nonsense`, 404, 'things.example.com "a" not found'],
    [`GET ${things}/a/scale`, 500, /the spec replicas field ".spec.size" does not exist$/],
    [`GET ${things}/%25`, 400, `Name parameter invalid: "%": may not contain '%'`],
    [`GET ${configMaps}/..`, 400, `Name parameter invalid: "..": may not be '..'`],
    ['POST /api/v1/watch/configmaps', 405, 'the server does not allow this method on the requested resource'],
    [`GET /apis/example.com/v1/watch/namespaces/default/things/a/status`, 405, /^watch is not supported/],
  ];
  for (const [request, code, message] of cases) {
    test(`${request}: ${code}`, async () => {
      const { send } = await start();
      const [method = '', url = ''] = request.split(' ');
      const answer = await send(method, url);
      assert.equal(answer.code, code);
      const told = answer.body.message ?? answer.body;
      if (message instanceof RegExp) assert.match(told, message);
      else if (message !== undefined) assert.equal(told, message);
    });
  }

  test('forms: what is built in is asked for by the names of types', async () => {
    const { send } = await start();
    const as = (form: string) => ({ headers: { accept: `application/json;as=${form};g=meta.k8s.io;v=v1` } });
    assert.equal((await send('GET', configMaps, { headers: { accept: '*' } })).code, 406);
    const { code, body } = await send('GET', things, { headers: { accept: '*' } });
    assert.deepEqual([code, body.metadata.continue], [200, '']);
    const { rows, columnDefinitions } = (await send('GET', things, as('Table'))).body;
    assert.equal(columnDefinitions[1].description, 'Custom resource definition column (in JSONPath format): .spec');
    assert.deepEqual(rows[0].cells, ['a', '{"a":2,"b":1}']);
    const list = (await send('GET', things, as('PartialObjectMetadata'))).body.message;
    assert.match(list, /is a list \(\*unstructured.UnstructuredList\)$/);
  });

  test('a deprecated version is warned of whatever is answered', async () => {
    const { send } = await start();
    const { code, warnings } = await send('GET', '/apis/example.com/v1beta1/namespaces/default/things/none');
    assert.deepEqual([code, warnings], [404, ['299 - "old"']]);
  });

  test('discovery has its order, and the version that is stored', async () => {
    const { api } = await start();
    const groups = new Aggregator(api.context, undefined);
    const respond = createDiscovery(api.kinds, { serverAddress: '127.0.0.1:6443', groups });
    const of = (v: string) =>
      JSON.parse(String(respond(`/apis/example.com/${v}`, { url: '/', headers: {} } as never)!.body)).resources;
    const [main, ...rest] = of('v1');
    assert.equal(main.verbs.join(), 'delete,deletecollection,get,list,patch,create,update,watch');
    assert.deepEqual(
      rest.map(({ name }: { name: string }) => name),
      ['things/status', 'things/scale'],
    );
    assert.equal(of('v1beta1')[0].storageVersionHash, main.storageVersionHash);
  });
});

describe('what is found before a request fails goes with the refusal', () => {
  const warnedOf = async (method: string, url: string, body: object) => {
    const { send } = await startServer();
    await send('POST', configMaps, { body: { metadata: { name: 'there' } } });
    await send('POST', '/apis/apps/v1/namespaces/default/deployments', { body: deployment('there') });
    const { code, warnings } = await send(method, url, { body });
    return [code, warnings.map((header) => /^299 - "(.*)"$/.exec(header)?.[1]?.slice(0, 40))];
  };
  const ports = [{ containerPort: 80 }, { containerPort: 80 }];
  const deployment = (name: string) => {
    const spec = { containers: [{ name: 'c', image: 'i', ports }] };
    const template = { metadata: { labels: { a: 'b' } }, spec };
    return { metadata: { name }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
  };
  const { spec } = deployment('x');
  const unknown = ['unknown field \\"x\\"'];
  const doubled = ['spec.template.spec.containers[0].ports[1]'];
  const deployments = '/apis/apps/v1/namespaces/default/deployments';
  const table: [what: string, method: string, url: string, body: object, want: [number, string[]]][] = [
    ['an object that is not valid', 'POST', configMaps, { metadata: { name: 'N' }, x: 1 }, [422, unknown]],
    ['one that is there', 'POST', configMaps, { metadata: { name: 'there' }, x: 1 }, [409, unknown]],
    ['an update of nothing', 'PUT', `${configMaps}/b`, { metadata: { name: 'b' }, x: 1 }, [404, unknown]],
    ['what its kind warns of', 'POST', deployments, deployment('there'), [409, doubled]],
    ['not before it is valid', 'POST', deployments, { metadata: { name: 'N' }, spec }, [422, []]],
    ['not where it is not decoded', 'POST', configMaps, { metadata: { name: 'a' }, x: 1, data: 1 }, [400, []]],
  ];
  for (const [what, method, url, body, want] of table)
    test(what, async () => {
      const [code, told] = await warnedOf(method, url, body);
      assert.deepEqual([code, told], [want[0], want[1].map((text) => text.slice(0, 40))]);
    });
});

test('what cannot be answered in the form asked for is not carried out', async () => {
  const { api, send } = await startServer();
  const made = await send('POST', configMaps, { body: { metadata: { name: 'a' } }, headers: { accept: 'text/csv' } });
  assert.equal(made.code, 406);
  await assert.rejects(api.send('GET', `${configMaps}/a`), { code: 404 });
});

test('a review is no table, unless the client takes a plain object too', async () => {
  const { send } = await startServer();
  const ask = (accept: string) => {
    const body = { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } };
    return send('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { body, headers: { accept } });
  };
  const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  assert.equal((await ask(table)).code, 406);
  assert.equal((await ask(`${table},application/json`)).body.kind, 'SelfSubjectAccessReview');
});

test('a review is judged like other objects, and is in the namespace of its path', async () => {
  const { send } = await startServer();
  const groups = '/apis/authorization.k8s.io/v1';
  const ask = (path: string, body: object) => send('POST', path, { body });
  const empty = await ask(`${groups}/subjectaccessreviews`, { spec: {} });
  const none =
    'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified';
  const nobody = 'spec.user: Invalid value: "": at least one of user or group must be specified';
  assert.equal(empty.code, 422);
  assert.equal(empty.body.message, `.authorization.k8s.io "" is invalid: [${none}, ${nobody}]`);
  const spec = { user: 'joe', resourceAttributes: { namespace: 'n', verb: 'get', resource: 'pods' } };
  const local = `${groups}/namespaces/n/localsubjectaccessreviews`;
  assert.deepEqual((await ask(local, { spec })).body.metadata, { namespace: 'n' });
  assert.equal((await ask(`${groups}/namespaces/m/localsubjectaccessreviews`, { spec })).code, 422);
  assert.equal((await ask(local, { metadata: { namespace: 'm' }, spec })).code, 400);
  const whole = await ask(`${groups}/subjectaccessreviews`, { metadata: { namespace: 'n' }, spec });
  assert.deepEqual([whole.code, whole.body.metadata], [201, {}]);
  assert.equal((await ask('/apis/authentication.k8s.io/v1/tokenreviews', { spec: {} })).code, 400);
});

test('a pod is bound by a Binding of its namespace, as by its own', async () => {
  const { api, send } = await startServer();
  const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  await api.send('POST', pods, { body });
  const binding = { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } };
  assert.equal((await send('POST', '/api/v1/namespaces/default/bindings', { body: binding })).code, 201);
  assert.equal((await api.send('GET', `${pods}/p`)).spec.nodeName, 'n');
});

describe('a binding for the pod that was seen', () => {
  const ok = { code: 201, message: undefined };
  const other = (field: string) => ({ code: 409, message: new RegExp(`^Operation cannot be fulfilled on .*${field}`) });
  const table = [
    { seen: {}, says: ok },
    { seen: { uid: 'own' }, says: ok },
    { seen: { resourceVersion: 'own' }, says: ok },
    { seen: { uid: 'own', resourceVersion: 'own' }, says: ok },
    { seen: { uid: 'x' }, says: other('UID in precondition: x, UID in object meta: ') },
    { seen: { uid: 'x', resourceVersion: 'own' }, says: other('UID in precondition: x') },
    { seen: { resourceVersion: '1' }, says: other('modified') },
    { seen: { uid: 'own', resourceVersion: '1' }, says: other('modified') },
  ];
  for (const { seen, says } of table) {
    test(JSON.stringify(seen), async () => {
      const { api, send } = await startServer();
      const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
      const { metadata } = await api.send('POST', pods, { body });
      const named = Object.entries(seen).map(([field, value]) => [field, value === 'own' ? metadata[field] : value]);
      const binding = { metadata: { name: 'p', ...Object.fromEntries(named) }, target: { kind: 'Node', name: 'n' } };
      const answer = await send('POST', `${pods}/p/binding`, { body: binding });
      assert.equal(answer.code, says.code);
      if (says.message) assert.match(answer.body.message, says.message);
      const { nodeName } = (await api.send('GET', `${pods}/p`)).spec;
      assert.equal(nodeName, says.code === 201 ? 'n' : undefined);
    });
  }
});

test('a pod has the zone and region of its node, however it comes there', async () => {
  const { api, send } = await startServer();
  const zone = { 'topology.kubernetes.io/zone': 'z' };
  const labels = { ...zone, 'kubernetes.io/hostname': 'n' };
  await api.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n', labels } } });
  const make = (name: string, more: object) =>
    api.send('POST', pods, {
      body: { metadata: { name, labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }], ...more } },
    });
  const labelsOf = async (name: string) => (await api.send('GET', `${pods}/${name}`)).metadata.labels;
  await make('named', { nodeName: 'n' });
  await make('elsewhere', { nodeName: 'gone' });
  await make('bound', {});
  const target = { kind: 'Node', name: 'n' };
  const body = { metadata: { name: 'bound', labels: { c: 'd' } }, target };
  assert.equal((await send('POST', `${pods}/bound/binding`, { body })).code, 201);
  assert.deepEqual(await labelsOf('named'), { a: 'b', ...zone });
  assert.deepEqual(await labelsOf('elsewhere'), { a: 'b' });
  assert.deepEqual(await labelsOf('bound'), { a: 'b', c: 'd', ...zone });
});

test('requests for what nobody serves are counted as one', async () => {
  const { send, counted } = await startServer();
  await send('GET', '/apis/a/b/c/d/e', { user: 'joe' });
  await send('GET', `${pods}/p/nonsense`, { user: 'joe' });
  await send('GET', `${pods}/p/log`, { user: 'joe' });
  assert.deepEqual(
    counted.map((i) => [i.group, i.version, i.resource, i.subresource].join('/')),
    ['///', '/v1/pods/', '/v1/pods/log'],
  );
});

describe('how many at a time, and for how long', () => {
  test('what is too much is told to come again; administrators and long answers are not counted', async () => {
    const { api, send } = await startServer({ reading: 0, writing: 0 });
    await allow(api, 'joe', { verbs: ['*'], apiGroups: [''], resources: ['*'] });
    for (const method of ['GET', 'POST', 'DELETE']) {
      const { code, headers, body } = await send(method, configMaps, { user: 'joe' });
      assert.deepEqual(
        [code, headers?.['retry-after'], body],
        [429, '1', 'Too many requests, please try again later.\n'],
      );
    }
    assert.equal((await send('GET', configMaps)).code, 200);
    assert.equal((await send('GET', `${pods}/p/log`, { user: 'joe' })).code, 404);
  });

  test('a request that is over makes room for the next', async () => {
    const { api, send } = await startServer({ reading: 1, writing: 1 });
    await allow(api, 'joe', { verbs: ['*'], apiGroups: [''], resources: ['*'] });
    for (let i = 0; i < 3; i++) assert.equal((await send('GET', configMaps, { user: 'joe' })).code, 200);
    for (let i = 0; i < 3; i++) assert.equal((await send('GET', `${configMaps}/none`, { user: 'joe' })).code, 404);
    for (let i = 0; i < 3; i++) assert.equal((await send('GET', configMaps, { user: 'nobody' })).code, 403);
    const both = await Promise.all([1, 2].map(() => send('GET', configMaps, { user: 'joe' })));
    assert.deepEqual(both.map((answer) => answer.code).sort(), [200, 429]);
  });

  test('a timeout that is none is refused, whoever asks', async () => {
    const { send } = await startServer();
    const refused = await send('GET', '/api/v1/namespaces?timeout=invalid', { user: 'nobody' });
    assert.equal(refused.code, 400);
    assert.match(
      refused.body.message,
      /^invalid timeout specified in the request URL - time: invalid duration "invalid"/,
    );
    assert.equal((await send('GET', '/api/v1/namespaces?timeout=30s')).code, 200);
    assert.equal((await send('GET', '/api/v1/namespaces?timeout=')).code, 200);
  });

  test('what takes too long is answered with 504', async () => {
    const { api, send } = await startServer();
    api.context.store.cache.waitConsistent = () => new Promise(() => undefined);
    const answer = send('GET', '/api/v1/namespaces?timeout=5s');
    await api.clock.advance(1);
    await new Promise(setImmediate);
    await api.clock.advance(5_001);
    assert.deepEqual([(await answer).code, (await answer).body.reason], [504, 'Timeout']);
  });

  test('nobody’s body is read before he is known and may', async () => {
    const { send } = await startServer();
    const unread = { read: () => assert.fail('the body was read'), pipeTo: () => assert.fail('the body was read') };
    assert.equal((await send('POST', configMaps, { user: 'nobody', stream: unread })).code, 403);
    assert.equal((await send('POST', configMaps, { isTrusted: false, stream: unread })).code, 401);
    assert.equal((await send('GET', configMaps, { stream: unread })).code, 200);
  });
});
