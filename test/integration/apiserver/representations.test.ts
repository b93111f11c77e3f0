// The forms of an answer over HTTP: tables and metadata alone in both versions, YAML, text for people, gzip.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { parse } from 'yaml';
import { startControlPlane, type TestControlPlane } from '../../environment/control-plane.ts';

const maps = '/api/v1/namespaces/default/configmaps';
const form = (as: string, version: string, type = 'application/json') => `${type};as=${as};g=meta.k8s.io;v=${version}`;

let api: TestControlPlane;
before(async () => {
  api = await startControlPlane();
  await api.request('POST', maps, { body: { metadata: { name: 'a', labels: { shown: 'yes' } }, data: { x: 'y' } } });
});
after(() => api[Symbol.asyncDispose]());

const get = (path: string, accept: string) => api.request('GET', path, { accept });
const one = `${maps}?labelSelector=shown`;

describe('tables', () => {
  for (const version of ['v1', 'v1beta1']) {
    test(`of ${version}, with as much of the objects as is asked for`, async () => {
      const meta = `meta.k8s.io/${version}`;
      const included: [query: string, want: (object: any) => unknown, expected: unknown][] = [
        ['', (o) => [o.kind, o.apiVersion, o.data], ['PartialObjectMetadata', meta, undefined]],
        ['Metadata', (o) => [o.kind, o.metadata.name], ['PartialObjectMetadata', 'a']],
        ['Object', (o) => [o.kind, o.apiVersion, o.data], ['ConfigMap', 'v1', { x: 'y' }]],
        ['None', (o) => o, null],
      ];
      for (const [include, of, expected] of included) {
        const { body } = await get(`${one}&includeObject=${include}`, form('Table', version));
        assert.deepEqual([body.kind, body.apiVersion, body.rows.length], ['Table', meta, 1]);
        assert.deepEqual(of(body.rows[0].object), expected, include);
        assert.equal(body.rows[0].cells[0], 'a');
      }
      const single = (await get(`${maps}/a`, form('Table', version))).body;
      assert.deepEqual([single.kind, single.rows[0].cells.slice(0, 2)], ['Table', ['a', 1]]);
    });
  }

  test('in YAML too, and nothing else than what there is', async () => {
    const { body, headers } = await get(one, form('Table', 'v1', 'application/yaml'));
    assert.deepEqual([headers['content-type'], parse(body).kind], ['application/yaml', 'Table']);
    const wrong = await get(`${one}&includeObject=All`, form('Table', 'v1'));
    const want = `Unable to convert to Table as requested: includeObject: Invalid value: "All": must be 'Metadata', 'Object', 'None', or empty`;
    assert.deepEqual([wrong.status, wrong.body.message], [400, want]);
    assert.equal((await get(`${one}&includeObject=All`, 'application/json')).status, 200);
  });
});

describe('metadata alone', () => {
  for (const version of ['v1', 'v1beta1']) {
    test(`of ${version}`, async () => {
      const list = (await get(one, form('PartialObjectMetadataList', version))).body;
      assert.deepEqual([list.kind, list.apiVersion], ['PartialObjectMetadataList', `meta.k8s.io/${version}`]);
      const { kind, apiVersion, metadata, ...rest } = list.items[0];
      assert.deepEqual([kind, apiVersion, rest], ['PartialObjectMetadata', `meta.k8s.io/${version}`, {}]);
      assert.deepEqual((await get(`${maps}/a`, form('PartialObjectMetadata', version))).body.metadata, metadata);
    });
  }

  test('a list is no object, and an object no list', async () => {
    const wrong: [path: string, as: string, message: string][] = [
      [one, 'PartialObjectMetadata', 'PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)'],
      [
        `${maps}/a`,
        'PartialObjectMetadataList',
        'PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
      ],
    ];
    for (const [path, as, message] of wrong) {
      const { status, body } = await get(path, form(as, 'v1'));
      assert.deepEqual([status, body.reason, body.message], [406, 'NotAcceptable', `you requested ${message}`]);
    }
  });
});

/** The body as it came, not unpacked. */
function raw(path: string, headers: Record<string, string>): Promise<{ headers: any; body: Buffer }> {
  const { ca, cert, key } = api.config;
  return new Promise((resolve, reject) => {
    const req = request(`${api.server}${path}`, { ca, cert, key, headers, agent: false }, (res) => {
      const chunks: Buffer[] = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('end', () => resolve({ headers: res.headers, body: Buffer.concat(chunks) }));
    });
    req.on('error', reject);
    req.end();
  });
}

test('what is large is compressed for whoever takes gzip', async () => {
  const data = { big: 'x'.repeat(200_000) };
  await api.request('POST', maps, { body: { metadata: { name: 'big' }, data } });
  for (const accept of ['application/json', 'application/vnd.kubernetes.protobuf']) {
    const plain = await raw(`${maps}/big`, { accept });
    const packed = await raw(`${maps}/big`, { accept, 'accept-encoding': 'deflate, gzip' });
    assert.deepEqual([plain.headers['content-encoding'], packed.headers['content-encoding']], [undefined, 'gzip']);
    assert.deepEqual(gunzipSync(packed.body), plain.body);
    const refused = await raw(`${maps}/big`, { accept, 'accept-encoding': 'gzip;q=0, identity' });
    assert.equal(refused.headers['content-encoding'], undefined);
    const small = await raw(`${maps}/a`, { accept, 'accept-encoding': 'gzip' });
    assert.equal(small.headers['content-encoding'], undefined);
  }
});

test('people see JSON with indentation, also of errors', async () => {
  const headers = { 'user-agent': 'curl/7.88.1', accept: '*/*' };
  for (const path of [`${maps}/a`, maps, '/api/v1', '/apis', `${maps}/missing`]) {
    const text = String((await raw(path, headers)).body);
    assert.equal(text, JSON.stringify(JSON.parse(text), null, 2), path);
    assert.equal(
      String((await raw(`${path}?pretty=false`, headers)).body)
        .trim()
        .split('\n').length,
      1,
      path,
    );
  }
});

test('documents can be got, and nothing else; lists of paths and of groups take any method', async () => {
  const rows: [path: string, method: string, code: number][] = [
    ['/version', 'GET', 200], ['/version', 'POST', 405], ['/api', 'DELETE', 405], ['/apis/apps', 'PUT', 405],
    ['/apis/apps/v1', 'POST', 405], ['/api/v1/', 'POST', 405], ['/apis', 'POST', 200], ['/', 'PUT', 200],
    ['/apis/none', 'POST', 404],
  ]; // biome-ignore format: one table
  const got = await Promise.all(rows.map(async ([path, method]) => (await api.request(method, path)).status));
  assert.deepEqual(
    got,
    rows.map(([, , code]) => code),
  );
});

test('the root lists every path, in order', async () => {
  const { paths } = (await get('/', 'application/json')).body;
  assert.deepEqual(paths, [...paths].sort());
  for (const path of ['/api/v1', '/apis/apps', '/apis/apps/v1', '/healthz/etcd', '/openid/v1/jwks', '/version'])
    assert.ok(paths.includes(path), path);
  assert.equal(new Set(paths).size, paths.length);
});

test('where nothing is served that is said in text, and elsewhere in a Status', async () => {
  const status = 'the server could not find the requested resource';
  for (const [path, isText] of [
    ['/nope', true], ['/healthz/nope', true], ['/apis/nope', true], ['/apis/nope.io/v1/things', true],
    ['/api/v2', false], ['/api/v1/nope', false], ['/apis/apps/v9', false], ['/apis/apps/v1/nope', false],
  ] as const) {
    const { headers, body } = await raw(path, { accept: 'application/json' });
    const type = isText ? 'text/plain; charset=utf-8' : 'application/json';
    assert.equal(headers['content-type'], type, path);
    assert.equal(isText ? String(body) : JSON.parse(String(body)).message, isText ? '404 page not found\n' : status, path);
  } // biome-ignore format: one table
});
