// What clients of the API server rely on and the recorded conversations do not show: refusals,
// paging, watches, identities, faults.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { ConfigMapKind } from '../../../api/core/configmap.ts';
import type { WatchEvent } from '../../../client/rest.ts';
import { realClock } from '../../../machinery/clock.ts';
import { isConflict } from '../../../machinery/errors.ts';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
});
after(() => api[Symbol.asyncDispose]());

const configMaps = (ns: string, name = '') => `/api/v1/namespaces/${ns}/configmaps${name ? `/${name}` : ''}`;
const deadlineMs = 10_000;

/** Collects the events of a watch until `done` says that they are all there. */
async function watchUntil(
  query: string,
  done: (events: WatchEvent<any>[]) => boolean,
  act?: () => Promise<unknown>,
): Promise<WatchEvent<any>[]> {
  const events: WatchEvent<any>[] = [];
  const stop = new AbortController();
  const timer = realClock.after(deadlineMs, () => stop.abort(new Error(`no end of events: ${JSON.stringify(events)}`)));
  const { port, config } = api;
  const { request } = await import('node:https');
  const { ca, cert, key } = config;
  try {
    await new Promise<void>((resolve, reject) => {
      const req = request(
        { host: '127.0.0.1', port, path: query, ca, cert, key, agent: false, signal: stop.signal },
        (res) => {
          let rest = '';
          void act?.().catch(reject);
          res.setEncoding('utf8');
          res.on('data', (chunk: string) => {
            const lines = (rest + chunk).split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) events.push(JSON.parse(line));
            if (done(events)) {
              resolve();
              req.destroy();
            }
          });
          res.on('end', resolve);
        },
      );
      req.on('error', (err) => (done(events) ? resolve() : reject(stop.signal.reason ?? err)));
      req.end();
    });
  } finally {
    timer.cancel();
  }
  return events;
}

const told = (events: WatchEvent<any>[]) =>
  events.map((e) => `${e.type} ${e.object.metadata?.name ?? e.object.reason}`);

describe('bad requests get Kubernetes’ status, reason and message', () => {
  const cases: [
    name: string,
    method: string,
    path: string,
    options: object,
    want: [status: number, reason: string, message: RegExp],
  ][] = [
    ['malformed JSON', 'POST', configMaps('default'), { body: '{' }, [400, 'BadRequest', /json/]],
    ['an empty body', 'POST', configMaps('default'), { body: '' }, [400, 'BadRequest', /unexpected end of JSON input/]],
    [
      'another kind',
      'POST',
      configMaps('default'),
      { body: { kind: 'Secret', apiVersion: 'v1' } },
      [400, 'BadRequest', /Secret in version "v1" cannot be handled as a ConfigMap/],
    ],
    [
      'another version',
      'POST',
      configMaps('default'),
      { body: { kind: 'ConfigMap', apiVersion: 'v9' } },
      [400, 'BadRequest', /does not match the expected API version/],
    ],
    [
      'a list for an object',
      'POST',
      configMaps('default'),
      { body: [] },
      [400, 'BadRequest', /cannot unmarshal array/],
    ],
    [
      'a media type nobody reads',
      'POST',
      configMaps('default'),
      { body: 'x', contentType: 'text/plain' },
      [415, 'UnsupportedMediaType', /accepted media types include/],
    ],
    [
      'an answer in a form nobody writes',
      'GET',
      configMaps('default'),
      { accept: 'text/csv' },
      [406, 'NotAcceptable', /application\/json/],
    ],
    [
      'a body beyond 3 MiB',
      'POST',
      configMaps('default'),
      { body: JSON.stringify({ data: { a: 'x'.repeat(4e6) } }) },
      [413, 'RequestEntityTooLarge', /too large/],
    ],
    ['a path that cannot be decoded', 'GET', '/api/v1/nodes/%zz', {}, [400, 'BadRequest', /invalid URL escape "%zz"/]],
    ['a path of nobody', 'GET', '/apis/apps/v1/things', {}, [404, 'NotFound', /could not find the requested resource/]],
    [
      'a verb the kind does not take',
      'GET',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      {},
      [405, 'MethodNotAllowed', /^the server does not allow this method on the requested resource$/],
    ],
    [
      'another namespace in the body',
      'POST',
      configMaps('default'),
      { body: { metadata: { name: 'x', namespace: 'other' } } },
      [400, 'BadRequest', /does not match the namespace/],
    ],
    [
      'a namespace that does not exist',
      'POST',
      configMaps('nowhere'),
      { body: { metadata: { name: 'x' } } },
      [404, 'NotFound', /namespaces "nowhere" not found/],
    ],
    ['a bad label selector', 'GET', `${configMaps('default')}?labelSelector=a=(`, {}, [400, 'BadRequest', /./]],
    [
      'a field that cannot be selected',
      'GET',
      `${configMaps('default')}?fieldSelector=data.a=b`,
      {},
      [400, 'BadRequest', /data\.a/],
    ],
    ['a bad token', 'GET', configMaps('default'), { token: 'nonsense' }, [401, 'Unauthorized', /^Unauthorized$/]],
    [
      'nobody',
      'GET',
      configMaps('default'),
      { anonymous: true },
      [
        403,
        'Forbidden',
        /configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "default"/,
      ],
    ],
    [
      'acting as somebody without rights',
      'GET',
      '/api/v1/nodes',
      { headers: { 'impersonate-user': 'bob' } },
      [403, 'Forbidden', /User "bob" cannot list resource "nodes" in API group "" at the cluster scope/],
    ],
    [
      'a path without rights',
      'GET',
      '/metrics',
      { headers: { 'impersonate-user': 'bob' } },
      [403, 'Forbidden', /User "bob" cannot get path "\/metrics"/],
    ],
    [
      'a namespace of the system',
      'DELETE',
      '/api/v1/namespaces/default',
      {},
      [403, 'Forbidden', /this namespace may not be deleted/],
    ],
    [
      'an apply in CBOR',
      'PATCH',
      `${configMaps('default', 'x')}?fieldManager=m`,
      { body: '{}', contentType: 'application/apply-patch+cbor' },
      [415, 'UnsupportedMediaType', /^415: Unsupported Media Type$/],
    ],
  ];
  for (const [name, method, path, options, [status, reason, message]] of cases) {
    test(name, async () => {
      const answer = await api.request(method, path, options);
      assert.equal(answer.status, status, JSON.stringify(answer.body));
      assert.equal(answer.body.kind, 'Status');
      assert.equal(answer.body.reason, reason);
      assert.match(answer.body.message, message);
    });
  }
});

describe('writes', () => {
  test('of many at once to one object lose nothing', async () => {
    const client = api.client().resource(ConfigMapKind);
    await client.create({ metadata: { name: 'counter', namespace: 'default' }, data: { n: '0' } } as any);
    const increment = async () => {
      for (;;) {
        const current = await client.get({ name: 'counter', namespace: 'default' });
        try {
          await client.update({ ...current, data: { n: String(Number(current.data!.n) + 1) } });
          return;
        } catch (err) {
          if (!isConflict(err)) throw err;
        }
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.equal((await client.get({ name: 'counter', namespace: 'default' })).data!.n, '20');
  });

  test('patches of many at once without a version all take effect', async () => {
    const ns = await api.namespace('patches');
    await api.request('POST', configMaps(ns), { body: { metadata: { name: 'p' } } });
    const patch = (i: number) =>
      api.request('PATCH', configMaps(ns, 'p'), {
        body: { data: { [`k${i}`]: 'v' } },
        contentType: 'application/merge-patch+json',
      });
    const codes = (await Promise.all(Array.from({ length: 8 }, (_, i) => patch(i)))).map((a) => a.status);
    assert.deepEqual(new Set(codes), new Set([200]));
    const { body } = await api.request('GET', configMaps(ns, 'p'));
    assert.equal(Object.keys(body.data).length, 8);
  });

  test('YAML bodies are read as kubectl reads them', async () => {
    const answer = await api.request('POST', configMaps('default'), {
      body: 'metadata:\n  name: yaml\ndata:\n  a: "yes"\n  b: |\n    x\n',
      contentType: 'application/yaml',
    });
    assert.deepEqual([answer.status, answer.body.data], [201, { a: 'yes', b: 'x\n' }]);
  });

  test('an unknown field in any script is warned of, and the write stands', async () => {
    const answer = await api.request('POST', configMaps('default'), {
      body: { metadata: { name: 'warned' }, größe日本: 1 },
    });
    assert.equal(answer.status, 201, JSON.stringify(answer.body));
    assert.equal(
      Buffer.from(String(answer.headers.warning), 'latin1').toString(),
      '299 - "unknown field \\"größe日本\\""',
    );
  });

  test('a key called __proto__ is data like any other', async () => {
    const body = '{"metadata":{"name":"proto"},"data":{"__proto__":"x","constructor":"y"}}';
    const answer = await api.request('POST', configMaps('default'), { body });
    assert.equal(answer.status, 201);
    assert.deepEqual(Object.keys(answer.body.data), ['__proto__', 'constructor']);
  });
});

describe('lists', () => {
  test('come in pages that are true at one version', async () => {
    const ns = await api.namespace('pages');
    for (let i = 0; i < 5; i++) await api.request('POST', configMaps(ns), { body: { metadata: { name: `m${i}` } } });
    const first = (await api.request('GET', `${configMaps(ns)}?limit=2`)).body;
    assert.equal(first.metadata.remainingItemCount, 3);
    await api.request('DELETE', configMaps(ns, 'm3'));
    await api.request('POST', configMaps(ns), { body: { metadata: { name: 'm9' } } });
    const names = first.items.map((o: any) => o.metadata.name);
    for (let token = first.metadata.continue; token; ) {
      const page = (await api.request('GET', `${configMaps(ns)}?limit=2&continue=${token}`)).body;
      assert.equal(page.metadata.resourceVersion, first.metadata.resourceVersion);
      names.push(...page.items.map((o: any) => o.metadata.name));
      token = page.metadata.continue;
    }
    assert.deepEqual(names, ['m0', 'm1', 'm2', 'm3', 'm4']);
  });

  test('at an exact version show the past', async () => {
    const ns = await api.namespace('past');
    const made = (await api.request('POST', configMaps(ns), { body: { metadata: { name: 'a' }, data: { v: '1' } } }))
      .body;
    await api.request('PUT', configMaps(ns, 'a'), { body: { metadata: { name: 'a' }, data: { v: '2' } } });
    const at = made.metadata.resourceVersion;
    const then = (await api.request('GET', `${configMaps(ns)}?resourceVersion=${at}&resourceVersionMatch=Exact`)).body;
    assert.deepEqual(
      then.items.map((o: any) => o.data.v),
      ['1'],
    );
  });

  test('of a version that is not there yet time out with the reason', async () => {
    const answer = await api.request(
      'GET',
      `${configMaps('default')}?resourceVersion=99999999&resourceVersionMatch=NotOlderThan`,
    );
    assert.equal(answer.status, 504);
    assert.equal(answer.body.details.causes[0].reason, 'ResourceVersionTooLarge');
  });
});

describe('watches', () => {
  test('go on from a version, in order', async () => {
    const ns = await api.namespace('w1');
    const first = (await api.request('POST', configMaps(ns), { body: { metadata: { name: 'a' } } })).body;
    await api.request('PUT', configMaps(ns, 'a'), { body: { metadata: { name: 'a' }, data: { x: '1' } } });
    await api.request('DELETE', configMaps(ns, 'a'));
    const events = await watchUntil(
      `${configMaps(ns)}?watch=1&resourceVersion=${first.metadata.resourceVersion}`,
      (e) => e.length === 2,
    );
    assert.deepEqual(told(events), ['MODIFIED a', 'DELETED a']);
    assert.ok(Number(events[1]!.object.metadata.resourceVersion) > Number(events[0]!.object.metadata.resourceVersion));
    assert.equal(events[1]!.object.data.x, '1', 'a deletion shows the last state');
  });

  test('show what enters and leaves a selection', async () => {
    const ns = await api.namespace('w2');
    const act = async () => {
      await api.request('POST', configMaps(ns), { body: { metadata: { name: 'a' } } });
      await api.request('PUT', configMaps(ns, 'a'), { body: { metadata: { name: 'a', labels: { on: 'yes' } } } });
      await api.request('PUT', configMaps(ns, 'a'), {
        body: { metadata: { name: 'a', labels: { on: 'yes', b: 'c' } } },
      });
      await api.request('PUT', configMaps(ns, 'a'), { body: { metadata: { name: 'a' } } });
    };
    const events = await watchUntil(`${configMaps(ns)}?watch=1&labelSelector=on%3Dyes`, (e) => e.length === 3, act);
    assert.deepEqual(told(events), ['ADDED a', 'MODIFIED a', 'DELETED a']);
  });

  test('begin with everything and a mark when asked to', async () => {
    const ns = await api.namespace('w3');
    await api.request('POST', configMaps(ns), { body: { metadata: { name: 'a' } } });
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const events = await watchUntil(`${configMaps(ns)}?${query}`, (e) => e.some((x) => x.type === 'BOOKMARK'));
    assert.deepEqual(
      events.map((e) => e.type),
      ['ADDED', 'BOOKMARK'],
    );
    assert.equal(events[1]!.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  });
});

describe('identities', () => {
  test('a service account token is its account, until the account is gone', async () => {
    const ns = await api.namespace('tokens');
    const issued = await api.request('POST', `/api/v1/namespaces/${ns}/serviceaccounts/default/token`, {
      body: { spec: { expirationSeconds: 600 } },
    });
    assert.equal(issued.status, 201, JSON.stringify(issued.body));
    const { token } = issued.body.status;
    const review = await api.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {}, token });
    assert.equal(review.body.status.userInfo.username, `system:serviceaccount:${ns}:default`);
    assert.equal((await api.request('GET', configMaps(ns), { token })).status, 403);
    await api.request('DELETE', `/api/v1/namespaces/${ns}/serviceaccounts/default`);
    assert.equal((await api.request('GET', configMaps(ns), { token })).status, 401);
  });

  test('a token is for the account that is meant', async () => {
    const ns = await api.namespace('token-of');
    const path = `/api/v1/namespaces/${ns}/serviceaccounts/default`;
    const { uid } = (await api.request('GET', path)).body.metadata;
    const ask = async (metadata: object) => {
      const { status, body } = await api.request('POST', `${path}/token`, { body: { metadata, spec: {} } });
      return status === 201 ? body.metadata : `${status} ${body.reason} ${body.message}`;
    };
    const { creationTimestamp: _, ...metadata } = await ask({ name: 'default', namespace: ns, uid });
    assert.deepEqual(metadata, { name: 'default', namespace: ns, uid });
    assert.equal((await ask({})).uid, uid);
    const head = 'TokenRequest.authentication.k8s.io "default"';
    const refusals: [object, string][] = [
      [
        { name: 'x' },
        `422 Invalid ${head} is invalid: metadata.name: Invalid value: "x": must match the service account name if specified`,
      ],
      [
        { uid: 'another' },
        `409 Conflict Operation cannot be fulfilled on ${head}: the UID in the token request (another) does not match the UID of the service account (${uid})`,
      ],
    ];
    for (const [given, text] of refusals) assert.equal(await ask(given), text);
  });

  test('a role and its binding take effect at once', async () => {
    const ns = await api.namespace('roles');
    const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}`;
    const as = { headers: { 'impersonate-user': 'bob' } };
    assert.equal((await api.request('GET', configMaps(ns), as)).status, 403);
    await api.request('POST', `${rbac}/roles`, {
      body: { metadata: { name: 'r' }, rules: [{ verbs: ['list'], apiGroups: [''], resources: ['configmaps'] }] },
    });
    const subjects = [{ kind: 'User', name: 'bob', apiGroup: 'rbac.authorization.k8s.io' }];
    const roleRef = { kind: 'Role', name: 'r', apiGroup: 'rbac.authorization.k8s.io' };
    const bound = await api.request('POST', `${rbac}/rolebindings`, {
      body: { metadata: { name: 'b' }, subjects, roleRef },
    });
    assert.equal(bound.status, 201, JSON.stringify(bound.body));
    const deadline = realClock.monotonicMs() + 2_000;
    let status = 0;
    while (status !== 200 && realClock.monotonicMs() < deadline)
      ({ status } = await api.request('GET', configMaps(ns), as));
    assert.equal(status, 200);
  });
});

test('nobody hands out rights that they do not have', async () => {
  const ns = await api.namespace('escalation');
  const rbac = `/apis/rbac.authorization.k8s.io/v1/namespaces/${ns}`;
  const role = (name: string, resources: string[]) => ({
    metadata: { name },
    rules: [{ verbs: ['get'], apiGroups: [''], resources }],
  });
  const roles = {
    metadata: { name: 'roles' },
    rules: [{ verbs: ['create'], apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles'] }],
  };
  for (const body of [roles, role('secrets', ['secrets'])]) await api.request('POST', `${rbac}/roles`, { body });
  for (const name of ['roles', 'secrets']) {
    const roleRef = { kind: 'Role', name, apiGroup: 'rbac.authorization.k8s.io' };
    const subjects = [{ kind: 'User', name: 'mallory', apiGroup: 'rbac.authorization.k8s.io' }];
    await api.request('POST', `${rbac}/rolebindings`, { body: { metadata: { name }, roleRef, subjects } });
  }
  const as = { headers: { 'impersonate-user': 'mallory' } };
  const held = await api.request('POST', `${rbac}/roles`, { ...as, body: role('mine', ['secrets']) });
  assert.equal(held.status, 201, JSON.stringify(held.body));
  const more = await api.request('POST', `${rbac}/roles`, { ...as, body: role('more', ['secrets', 'pods']) });
  assert.equal(more.status, 403);
  assert.match(
    more.body.message,
    /is attempting to grant RBAC permissions not currently held:\n\{APIGroups:\[""\], Resources:\["pods"\], Verbs:\["get"\]\}/,
  );
});

describe('faults', () => {
  test('etcd killed: a watch misses nothing, a write is refused or kept, and all goes on', async () => {
    const ns = await api.namespace('faults');
    const acknowledged: string[] = [];
    const act = async () => {
      for (let i = 0; i < 30; i++) {
        if (i === 10) {
          await api.killEtcd();
          await api.startEtcd();
        }
        const { status } = await api.request('POST', configMaps(ns), {
          body: { metadata: { name: `m${String(i).padStart(2, '0')}` } },
        });
        if (status === 201) acknowledged.push(`m${String(i).padStart(2, '0')}`);
        else assert.equal(status, 503);
      }
      for (let status = 0; status !== 201; )
        ({ status } = await api.request('POST', configMaps(ns), { body: { metadata: { name: 'last' } } }));
    };
    const events = await watchUntil(
      `${configMaps(ns)}?watch=1`,
      (e) => e.some((x) => x.object.metadata.name === 'last'),
      act,
    );
    const seen = new Set(events.map((e) => e.object.metadata.name));
    assert.ok(acknowledged.length > 10);
    for (const name of acknowledged) assert.ok(seen.has(name), `${name} was acknowledged and not seen`);
  });

  test('the API server killed: everything acknowledged is there afterwards', async () => {
    const ns = await api.namespace('restart');
    for (let i = 0; i < 20; i++) await api.request('POST', configMaps(ns), { body: { metadata: { name: `m${i}` } } });
    await api.killApiServer();
    await api.startApiServer();
    const { body } = await api.request('GET', configMaps(ns));
    assert.equal(body.items.length, 20);
    // The new server's cache begins at the present: older versions are gone, and clients list again.
    const events = await watchUntil(`${configMaps(ns)}?watch=1&resourceVersion=1`, (e) => e.length === 1);
    assert.deepEqual([events[0]!.type, events[0]!.object.code, events[0]!.object.reason], ['ERROR', 410, 'Expired']);
  });
});
