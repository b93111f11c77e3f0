// Admission webhooks behind the real API server: what they are asked, what their answers do, and what happens
// when there is no answer.
import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { type Answer, startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';
import { startWebhookServer, type WebhookServer } from '../../environment/webhook-server.ts';

const registration = '/apis/admissionregistration.k8s.io/v1';
const maps = '/api/v1/namespaces/hooked/configmaps';
const rule = { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['configmaps'] };
const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64');
const patchOf = (...operations: object[]) => ({ allowed: true, patchType: 'JSONPatch', patch: base64(operations) });

describe('admission webhooks', () => {
  let api: TestControlPlane;
  let server: WebhookServer;
  let serial = 0;
  before(async () => {
    api = await startControlPlane();
    server = await startWebhookServer(api);
    await api.namespace('hooked');
  });
  after(async () => {
    await server?.[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  });
  afterEach(async () => {
    for (const sort of ['validating', 'mutating']) {
      await api.request('DELETE', `${registration}/${sort}webhookconfigurations`);
    }
    server.asked.length = 0;
    server.reply = () => ({ allowed: true });
  });

  const hook = (more: object = {}) => ({
    name: 'test.example.com',
    clientConfig: server.clientConfig(),
    rules: [rule],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'hooked' } },
    ...more,
  });
  const install = async (sort: 'Validating' | 'Mutating', ...webhooks: object[]) => {
    const body = { metadata: { name: 'test' }, webhooks };
    const answer = await api.request('POST', `${registration}/${sort.toLowerCase()}webhookconfigurations`, { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
  };
  const create = (body: object = {}, query = ''): Promise<Answer> =>
    api.request('POST', `${maps}${query}`, { body: { metadata: { name: `m${serial++}` }, ...body } });

  test('a validating webhook sees the request and may let it through, with warnings', async () => {
    await install('Validating', hook());
    server.reply = () => ({ allowed: true, warnings: ['mind the gap'] });
    const { status, body, headers } = await create({ data: { a: 'b' } }, '?fieldManager=me&fieldValidation=Strict');
    assert.equal(status, 201);
    assert.equal(headers.warning, '299 - "mind the gap"');
    const [request] = server.asked;
    const { uid, object, userInfo, ...rest } = request;
    assert.match(uid, /^[0-9a-f-]{36}$/);
    // The certificate that was shown.
    const { extra, ...who } = userInfo;
    assert.match(extra['authentication.kubernetes.io/credential-id'][0], /^X509SHA256=[0-9a-f]{64}$/);
    assert.deepEqual(who, { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] });
    assert.deepEqual([object.kind, object.apiVersion, object.data], ['ConfigMap', 'v1', { a: 'b' }]);
    const kind = { group: '', version: 'v1', kind: 'ConfigMap' };
    const resource = { group: '', version: 'v1', resource: 'configmaps' };
    assert.deepEqual(rest, {
      kind,
      resource,
      requestKind: kind,
      requestResource: resource,
      name: body.metadata.name,
      namespace: 'hooked',
      operation: 'CREATE',
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1', fieldManager: 'me', fieldValidation: 'Strict' },
    });
  });

  test('updates and deletions come with the object that is there', async () => {
    const { body } = await create({ data: { a: '1' } });
    await install('Validating', hook());
    const path = `${maps}/${body.metadata.name}`;
    await api.request('PATCH', path, { body: { data: { a: '2' } }, contentType: 'application/merge-patch+json' });
    await api.request('DELETE', path, { body: { propagationPolicy: 'Background' } });
    const seen = server.asked.map(({ operation, object, oldObject }) => [operation, object?.data?.a, oldObject.data.a]);
    assert.deepEqual(seen, [
      ['UPDATE', '2', '1'],
      ['DELETE', undefined, '2'],
    ]);
    const { options } = server.asked[1];
    assert.deepEqual(options, { propagationPolicy: 'Background', kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' });
  });

  test('refusals are told as the webhook says', async () => {
    await install('Validating', hook());
    const table: [object, number, string, string | undefined][] = [
      [{ status: { message: 'no', code: 403, reason: 'Forbidden' } }, 403, ': no', 'Forbidden'],
      [{ status: { message: 'no', code: 200 } }, 400, ': no', undefined],
      [{ status: { message: 'no', code: 700 } }, 400, ': no', undefined],
      [{ status: { reason: 'Because' } }, 400, ': Because', 'Because'],
      [{}, 400, ' without explanation', undefined],
    ];
    for (const [answer, code, text, reason] of table) {
      server.reply = () => ({ allowed: false, ...answer });
      const { status, body } = await create();
      assert.equal(status, code);
      assert.equal(body.message, `admission webhook "test.example.com" denied the request${text}`);
      assert.equal(body.reason, reason);
    }
  });

  test('a refused deletion leaves the object', async () => {
    const { body } = await create();
    await install('Validating', hook({ rules: [{ ...rule, operations: ['DELETE'] }] }));
    server.reply = () => ({ allowed: false, status: { message: 'stays' } });
    const path = `${maps}/${body.metadata.name}`;
    const refused = await api.request('DELETE', path);
    assert.equal(refused.body.message, 'admission webhook "test.example.com" denied the request: stays');
    assert.equal((await api.request('GET', path)).status, 200);
    assert.equal(server.asked.length, 1, 'asked once');
  });

  test('patches change the object, which is decoded and completed again', async () => {
    await install('Mutating', hook({ rules: [{ ...rule, resources: ['services'] }] }));
    server.reply = () =>
      patchOf(
        { op: 'add', path: '/metadata/labels', value: { patched: 'yes' } },
        { op: 'add', path: '/spec/ports/-', value: { name: 'b', port: 81 } },
      );
    const body = { metadata: { name: 's' }, spec: { ports: [{ name: 'a', port: 80 }] } };
    const answer = await api.request('POST', '/api/v1/namespaces/hooked/services', { body });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    assert.deepEqual(answer.body.metadata.labels, { patched: 'yes' });
    assert.deepEqual(answer.body.spec.ports[1], { name: 'b', protocol: 'TCP', port: 81, targetPort: 81 });
  });

  test('who wants to is asked again when a later one changed the object', async () => {
    const named = (name: string, more: object = {}) =>
      hook({ name: `${name}.example.com`, clientConfig: server.clientConfig(`/${name}`), ...more });
    await install('Mutating', named('first', { reinvocationPolicy: 'IfNeeded' }), named('second'));
    const order: string[] = [];
    server.reply = ({ request }, path) => {
      const name = path.slice(1).split('?')[0]!;
      order.push(name);
      const has = Object.hasOwn(request.object.data ?? {}, name);
      return has ? { allowed: true } : patchOf({ op: 'add', path: `/data/${name}`, value: 'x' });
    };
    const { body } = await create({ data: { given: 'x' } });
    assert.deepEqual(order, ['first', 'second', 'first']);
    assert.deepEqual(body.data, { given: 'x', first: 'x', second: 'x' });
  });

  test('failures refuse the request, or are let pass, as the policy says', async () => {
    const failing = async (more: object) => {
      await install('Validating', hook(more));
      const { status, body } = await create();
      await api.request('DELETE', `${registration}/validatingwebhookconfigurations`);
      return [status, body.message];
    };
    const gone = { url: 'https://127.0.0.1:9/x' };
    const call = 'Internal error occurred: failed calling webhook "test.example.com": failed to call webhook: Post';
    const refused = 'dial tcp 127.0.0.1:9: connect: connection refused';
    assert.deepEqual(await failing({ clientConfig: gone }), [
      500,
      `${call} "https://127.0.0.1:9/x?timeout=10s": ${refused}`,
    ]);
    assert.equal((await failing({ clientConfig: gone, failurePolicy: 'Ignore' }))[0], 201);
    const own = `https://127.0.0.1:${server.port}/`;
    assert.deepEqual(await failing({ clientConfig: { url: own } }), [
      500,
      `${call} "${own}?timeout=10s": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    ]);
    server.reply = () => undefined;
    assert.deepEqual(await failing({ timeoutSeconds: 1 }), [
      500,
      `${call} "${own}?timeout=1s": context deadline exceeded`,
    ]);
    const service = { name: 'none', namespace: 'hooked', path: '/v' };
    assert.deepEqual(await failing({ clientConfig: { service } }), [
      500,
      `${call} "https://none.hooked.svc:443/v?timeout=10s": service "none" not found`,
    ]);
    await api.request('POST', '/api/v1/namespaces/hooked/services', {
      body: { metadata: { name: 'empty' }, spec: { ports: [{ port: 443 }] } },
    });
    assert.deepEqual(await failing({ clientConfig: { service: { ...service, name: 'empty' } } }), [
      500,
      `${call} "https://empty.hooked.svc:443/v?timeout=10s": no endpoints available for service "empty"`,
    ]);
    // A Service without endpoints that stands for a host: that is where the call goes.
    await api.request('POST', '/api/v1/namespaces/hooked/services', {
      body: { metadata: { name: 'outside' }, spec: { type: 'ExternalName', externalName: '127.0.0.1' } },
    });
    assert.deepEqual(await failing({ clientConfig: { service: { ...service, name: 'outside', port: 9 } } }), [
      500,
      `${call} "https://outside.hooked.svc:9/v?timeout=10s": ${refused}`,
    ]);
  });

  test('answers that are none are failures', async () => {
    await install('Validating', hook());
    const head = 'Internal error occurred: failed calling webhook "test.example.com": ';
    const review = { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' };
    const table: [object, string][] = [
      [{ raw: '{}' }, 'received invalid webhook response: webhook response was absent'],
      [
        { raw: JSON.stringify({ ...review, response: { uid: 'x' } }) },
        'received invalid webhook response: expected response.uid=',
      ],
      [
        patchOf({ op: 'test', path: '/kind', value: 'ConfigMap' }),
        'received invalid webhook response: validating webhook may not return response.patch',
      ],
      [
        { raw: 'oops', code: 500 },
        'failed to call webhook: an error on the server ("oops") has prevented the request from succeeding',
      ],
      [
        { allowed: false, status: { code: 'abc' } },
        'failed to call webhook: json: cannot unmarshal string into Go struct field Status.response.status.code of type int32',
      ],
      [
        { allowed: false, status: { code: 1e300 } },
        'failed to call webhook: json: cannot unmarshal number 1e+300 into Go',
      ],
      [{ allowed: false, status: { reason: {} } }, 'failed to call webhook: json: cannot unmarshal object into Go'],
      [
        { status: { details: { retryAfterSeconds: 'x\r\n' } } },
        'failed to call webhook: json: cannot unmarshal string',
      ],
      [{ allowed: true, warnings: [{ toString: 1 }] }, 'failed to call webhook: json: cannot unmarshal object into Go'],
      [{ raw: 'oops', code: 404 }, 'failed to call webhook: the server could not find the requested resource'],
    ];
    for (const [answer, text] of table) {
      server.reply = () => answer;
      const { status, body } = await create();
      assert.equal(status, 500);
      assert.ok(body.message.startsWith(head + text), body.message);
    }
  });

  test('labels, versions and scopes decide who is asked', async () => {
    const asks = async (more: object, body: object = {}) => {
      await install('Validating', hook(more));
      server.asked.length = 0;
      assert.equal((await create(body)).status, 201);
      await api.request('DELETE', `${registration}/validatingwebhookconfigurations`);
      return server.asked.length;
    };
    assert.equal(await asks({}), 1);
    assert.equal(await asks({ namespaceSelector: { matchLabels: { a: 'b' } } }), 0);
    assert.equal(await asks({ objectSelector: { matchLabels: { a: 'b' } } }), 0);
    const labelled = { metadata: { name: `l${serial++}`, labels: { a: 'b' } } };
    assert.equal(await asks({ objectSelector: { matchLabels: { a: 'b' } } }, labelled), 1);
    assert.equal(await asks({ rules: [{ ...rule, scope: 'Cluster' }] }), 0);
    assert.equal(await asks({ rules: [{ ...rule, resources: ['*/*'] }] }), 1);
    assert.equal(await asks({ rules: [{ ...rule, resources: ['configmaps/status'] }] }), 0);
    assert.equal(await asks({ rules: [{ ...rule, operations: ['UPDATE'] }] }), 0);
  });

  test('conditions in CEL decide who is asked, and one that fails refuses', async () => {
    const outcome = async (expression: string, more: object = {}) => {
      await install('Validating', hook({ matchConditions: [{ name: 'c', expression }], ...more }));
      server.asked.length = 0;
      const { status, body } = await create({ data: { a: 'b' } });
      await api.request('DELETE', `${registration}/validatingwebhookconfigurations`);
      return status === 201 ? server.asked.length : body.message;
    };
    assert.equal(await outcome('object.data.a == "b" && oldObject == null'), 1);
    assert.equal(await outcome('request.operation != "CREATE"'), 0);
    assert.equal(await outcome('request.userInfo.groups.exists(g, g == "system:masters")'), 1);
    assert.equal(await outcome('authorizer.requestResource.check("delete").allowed()'), 1);
    assert.equal(await outcome('authorizer.serviceAccount("hooked", "default").path("/x").check("get").allowed()'), 0);
    const failing = 'object.data.missing == "x"';
    assert.match(
      await outcome(failing),
      /^configmaps "m\d+" is forbidden: expression 'object.data.missing == "x"' resulted in error: no such key: missing$/,
    );
    assert.equal(await outcome(failing, { failurePolicy: 'Ignore' }), 0);
  });

  test('another version of a resource is shown in the version of the rule', async () => {
    const events = { ...rule, apiGroups: ['events.k8s.io'], resources: ['events'] };
    const regarding = { kind: 'ConfigMap', name: 'x', namespace: 'hooked' };
    const send = () =>
      api.request('POST', '/api/v1/namespaces/hooked/events', {
        body: { metadata: { name: `e${serial++}` }, involvedObject: regarding, message: 'hello', type: 'Normal' },
      });
    await install('Mutating', hook({ rules: [events] }));
    server.reply = () => patchOf({ op: 'replace', path: '/note', value: 'changed' });
    const { body } = await send();
    const [request] = server.asked;
    assert.equal(request.object.apiVersion, 'events.k8s.io/v1');
    assert.equal(request.object.note, 'hello');
    assert.deepEqual([request.resource.group, request.requestResource.group], ['events.k8s.io', '']);
    assert.deepEqual([body.apiVersion, body.message], ['v1', 'changed']);
    await api.request('DELETE', `${registration}/mutatingwebhookconfigurations`);
    server.asked.length = 0;
    await install('Mutating', hook({ rules: [events], matchPolicy: 'Exact' }));
    await send();
    assert.equal(server.asked.length, 0);
  });

  test('dry runs are told, and configurations are shown to nobody', async () => {
    const everything = { ...rule, resources: ['*/*'] };
    await install('Validating', hook({ rules: [everything], namespaceSelector: {} }));
    server.asked.length = 0;
    assert.equal((await create({}, '?dryRun=All')).status, 201);
    assert.deepEqual(
      server.asked.map(({ dryRun }) => dryRun),
      [true],
    );
    server.reply = () => ({ allowed: false });
    const gone = await api.request('DELETE', `${registration}/validatingwebhookconfigurations/test`);
    assert.equal(gone.status, 200, 'what refuses everything can be taken away');
  });

  test('connections stay open, and one that broke is no failure', async () => {
    await install('Validating', hook());
    await create();
    const { connections } = server;
    for (let i = 0; i < 5; i++) assert.equal((await create()).status, 201);
    assert.equal(server.connections, connections);
    server.hangUp();
    assert.equal((await create()).status, 201);
  });

  test('a stream to a pod is asked for before it begins', async () => {
    await install('Validating', hook({ rules: [{ ...rule, operations: ['CONNECT'], resources: ['pods/exec'] }] }));
    server.reply = () => ({ allowed: false, status: { message: 'no shells' } });
    const pod = { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] } };
    await api.request('POST', '/api/v1/namespaces/hooked/pods', { body: pod });
    const answer = await api.request(
      'POST',
      '/api/v1/namespaces/hooked/pods/p/exec?command=sh&stdout=true&container=c',
    );
    assert.match(answer.body.message, /denied the request: no shells/);
    const [{ kind, resource, subResource, object, operation }] = server.asked;
    assert.deepEqual(
      [kind.kind, resource.resource, subResource, operation],
      ['PodExecOptions', 'pods', 'exec', 'CONNECT'],
    );
    assert.deepEqual([object.command, object.stdout, object.container], [['sh'], true, 'c']);
  });

  test('a custom resource is shown as it is, and its changes are pruned and completed', async () => {
    const schema = {
      type: 'object',
      properties: {
        spec: { type: 'object', properties: { n: { type: 'integer' }, d: { type: 'string', default: 'x' } } },
      },
    };
    const version = { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } };
    const names = { plural: 'wids', kind: 'Wid' };
    const spec = { group: 'g.example', scope: 'Namespaced', names, versions: [version] };
    await api.request('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
      body: { metadata: { name: 'wids.g.example' }, spec },
    });
    await install('Mutating', hook({ rules: [{ ...rule, resources: ['wids'] }] }));
    server.reply = () => patchOf({ op: 'add', path: '/spec', value: { n: 7, unknown: 1 } });
    const path = '/apis/g.example/v1/namespaces/hooked/wids';
    const body = { apiVersion: 'g.example/v1', kind: 'Wid', metadata: { name: 'w' } };
    let answer = await api.request('POST', path, { body });
    for (let tries = 0; answer.status === 404 && tries < 200; tries++)
      answer = await api.request('POST', path, { body });
    assert.deepEqual(answer.body.spec, { n: 7, d: 'x' });
  });
});
