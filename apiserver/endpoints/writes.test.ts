// What writes take and refuse, by the verbs over an etcd in memory.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';

const pods = '/api/v1/namespaces/default/pods';
const configMaps = '/api/v1/namespaces/default/configmaps';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const jsonPatch = 'application/json-patch+json';

let api: MemoryApi;
before(async () => {
  api = await startMemoryApi();
});

const pod = (name: string, spec = '') =>
  `{"metadata":{"name":"${name}"},"spec":{${spec}"containers":[{"name":"c","image":"i"}]}}`;

describe('integers of 64 bits', () => {
  test('are kept with all their digits: by a create, a read from etcd, a patch', async () => {
    const exact = 9007199254740993n;
    const created = await api.send('POST', pods, { body: pod('exact', `"terminationGracePeriodSeconds":${exact},`) });
    assert.equal(created.spec.terminationGracePeriodSeconds, exact);
    const patched = await api.send('PATCH', `${pods}/exact`, {
      body: '{"metadata":{"labels":{"a":"b"}}}',
      contentType: merge,
    });
    assert.equal(patched.spec.terminationGracePeriodSeconds, exact);
    const { kind, version } = api.request('GET', `${pods}/exact`);
    const stored = await api.context.store.read(kind, 'default', 'exact');
    assert.equal(stored?.object.spec.terminationGracePeriodSeconds, exact);
    assert.match(String(stored?.bytes(kind, version)), new RegExp(`"terminationGracePeriodSeconds":${exact}[,}]`));
  });

  test('beyond 64 bits, and beyond 32 where those are wanted, are refused', async () => {
    const grace = (n: string) => pod('big', `"terminationGracePeriodSeconds":${n},`);
    for (const n of ['9223372036854775808', '1e30', '1.5'])
      await assert.rejects(api.send('POST', pods, { body: grace(n) }), {
        code: 400,
        message: /cannot unmarshal number/,
      });
    const priority = pod('big', '"priority":9007199254740993,');
    await assert.rejects(api.send('POST', pods, { body: priority }), {
      code: 400,
      message: /cannot unmarshal number 9007199254740993 into Go struct field PodSpec.spec.priority of type int32/,
    });
  });

  describe('are written as such in JSON, and as any number in YAML and in what goes through maps', () => {
    const graceOf = async (method: string, path: string, body: string, contentType = 'application/json') =>
      (await api.send(method, path, { body, contentType })).spec.terminationGracePeriodSeconds;
    for (const [n, type, field] of [
      ['1.0', 'int64', 'terminationGracePeriodSeconds'],
      ['1e3', 'int64', 'terminationGracePeriodSeconds'],
      ['2.50', 'int32', 'priority'],
      ['12345678901234567890', 'int64', 'activeDeadlineSeconds'],
    ] as const)
      test(`${n} is no ${type}`, async () => {
        const why = `json: cannot unmarshal number ${n} into Go struct field PodSpec.spec.${field} of type ${type}`;
        const body = pod('floats', `"${field}":${n},`);
        await assert.rejects(api.send('POST', pods, { body }), { code: 400, message: new RegExp(`: ${why}$`) });
        await api.send('POST', pods, { body: pod(`floats-${type}`, '') }).catch(() => undefined);
        const patch = { body: `{"spec":{"${field}":${n}}}`, contentType: merge };
        const message = new RegExp(`^ "" is invalid: patch: Invalid value: ".*": ${why}$`);
        await assert.rejects(api.send('PATCH', `${pods}/floats-${type}`, patch), { code: 422, message });
      });

    test('1.0 of YAML, a strategic patch and an apply is 1', async () => {
      const body = pod('yaml', '"terminationGracePeriodSeconds":1.0,');
      assert.equal(await graceOf('POST', pods, body, 'application/yaml'), 1);
      const strategic = 'application/strategic-merge-patch+json';
      const patch = '{"spec":{"terminationGracePeriodSeconds":1.0}}';
      assert.equal(await graceOf('PATCH', `${pods}/yaml`, patch, strategic), 1);
      const applied = '{"apiVersion":"v1","kind":"Pod","spec":{"terminationGracePeriodSeconds":1.0}}';
      const path = `${pods}/yaml?fieldManager=m&force=true`;
      assert.equal(await graceOf('PATCH', path, applied, 'application/apply-patch+yaml'), 1);
    });

    test('an int-or-string, and a quantity, which keeps its form', async () => {
      const port = (n: string) =>
        `{"metadata":{"name":"s"},"spec":{"ports":[{"port":1,"targetPort":${n}}],"selector":{"a":"b"}}}`;
      const why = /cannot unmarshal number 80\.0 into Go struct field \w+\.spec\.ports\.targetPort of type int32$/;
      const services = '/api/v1/namespaces/default/services';
      await assert.rejects(api.send('POST', services, { body: port('80.0') }), { code: 400, message: why });
      const body = pod('amount', '').replace('"image":"i"', '"image":"i","resources":{"limits":{"cpu":1e3}}');
      assert.equal((await api.send('POST', pods, { body })).spec.containers[0].resources.limits.cpu, '1e3');
    });
  });

  test('a delete that grants more time than a calendar has is taken', async () => {
    await api.send('POST', pods, {
      body: pod('slow', '"nodeName":"n","terminationGracePeriodSeconds":9007199254740993,'),
    });
    const marked = await api.send('DELETE', `${pods}/slow`);
    assert.equal(marked.metadata.deletionTimestamp, '9999-12-31T23:59:59Z');
    const body = '{"gracePeriodSeconds":9223372036854775807}';
    await api.send('POST', pods, { body: pod('slower', '"nodeName":"n",') });
    const slower = await api.send('DELETE', `${pods}/slower`, { body });
    assert.equal(slower.metadata.deletionTimestamp, '9999-12-31T23:59:59Z');
  });
});

describe('bodies that are no object', () => {
  const nothing = /^ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required$/;
  const cannot =
    /^the object provided is unrecognized \(must be of type ConfigMap\): couldn't get version\/kind; json parse error: json: cannot unmarshal (array|string|number) into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" } \([0-9a-f]+\)$/;
  const json = 'application/json';
  const yaml = 'application/yaml';
  const rows: [contentType: string, body: string, code: number, message: RegExp][] = [
    [json, 'null', 422, nothing],
    [yaml, '', 422, nothing],
    [yaml, 'null', 422, nothing],
    [json, '[]', 400, cannot],
    [json, '"x"', 400, cannot],
    [yaml, '1', 400, cannot],
  ];
  for (const [contentType, body, code, message] of rows)
    test(`${contentType} ${body}`, async () => {
      await assert.rejects(api.send('POST', configMaps, { body, contentType }), { code, message });
    });
});

test('an update that names the uid of what is gone is a conflict', async () => {
  const body = { metadata: { name: 'gone', uid: 'u' } };
  const message =
    /^Operation cannot be fulfilled on configmaps "gone": StorageError: invalid object, Code: 4, Key: \/registry\/configmaps\/default\/gone, .* UID in precondition: u, UID in object meta: $/;
  await assert.rejects(api.send('PUT', `${configMaps}/gone`, { body }), { code: 409, message });
});

test('a dry run of nothing is none that is known', async () => {
  const body = { metadata: { name: 'dry' } };
  await assert.rejects(api.send('POST', `${configMaps}?dryRun=`, { body }), {
    code: 422,
    message: /dryRun: Unsupported value: \[""\]/,
  });
});

describe('patches', () => {
  before(() => api.send('POST', configMaps, { body: { metadata: { name: 'c' }, data: { a: '1' } } }));

  const twice: [contentType: string, body: string, path: string][] = [
    [merge, '{"data":{"b":"1","b":"2"}}', 'data.b'],
    [strategic, '{"data":{"b":"1","b":"2"}}', 'data.b'],
    [jsonPatch, '[{"op":"add","path":"/data/b","path":"/data/c","value":"1"}]', '[0].path'],
  ];
  const named = (contentType: string, problem: string) =>
    contentType === jsonPatch ? `json patch ${problem}` : problem;
  for (const [contentType, body, path] of twice)
    test(`${contentType} with a key that comes twice: warned of, refused or not looked at`, async () => {
      const url = `${configMaps}/c?dryRun=All`;
      const { warnings } = await api.answer('PATCH', url, { body, contentType });
      const problem = named(contentType, `duplicate field "${path}"`);
      assert.deepEqual(warnings, [problem]);
      const ignored = await api.answer('PATCH', `${url}&fieldValidation=Ignore`, { body, contentType });
      assert.deepEqual(ignored.warnings, []);
      await assert.rejects(api.send('PATCH', `${url}&fieldValidation=Strict`, { body, contentType }), {
        code: 422,
        message: new RegExp(
          `^ "" is invalid: patch: Invalid value: ".*": strict decoding error: ${problem.replace(/[[\]]/g, '\\$&')}$`,
        ),
      });
    });

  const refused: [contentType: string, body: string, code: number, message: RegExp][] = [
    [merge, '{', 400, /^error decoding patch: unexpected end of JSON input$/],
    [merge, '[]', 400, /cannot unmarshal array into Go value of type map\[string\]interface {}/],
    [strategic, '[]', 400, /^json: cannot unmarshal array into Go value of type map\[string\]interface {}$/],
    [merge, '{"metadata":5}', 422, /^ "" is invalid: patch: Invalid value: ".*": json: cannot unmarshal number/],
    [merge, '{"kind":{"toString":"x"}}', 422, /cannot unmarshal object into Go struct field .kind of type string/],
    [
      strategic,
      '{"data":5}',
      422,
      /^ "" is invalid: patch: Invalid value: "map\[data:5\]": cannot restore map from int64$/,
    ],
    [strategic, '{"immutable":"x"}', 422, /Invalid value: "map\[immutable:x\]": unrecognized type: bool$/],
    [strategic, '{"metadata":{"name":5}}', 422, /: cannot convert int64 to string$/],
    [strategic, '{"metadata":{"finalizers":"x"}}', 422, /: cannot restore slice from string$/],
    [strategic, '{"metadata":"x"}', 422, /: cannot restore struct from: string$/],
    [
      strategic,
      '{"metadata":{"$setElementOrder/finalizers":{}}}',
      400,
      /^invalid patch format of setElementOrder list$/,
    ],
    [
      strategic,
      '{"metadata":{"$deleteFromPrimitiveList/finalizers":1}}',
      400,
      /^invalid patch format of primitive list$/,
    ],
    [strategic, '{"$retainKeys":{}}', 400, /^invalid patch format of retainKeys$/],
    [jsonPatch, '{}', 400, /cannot unmarshal object into Go value of type \[\]handlers.jsonPatchOp$/],
    [
      jsonPatch,
      '[1]',
      400,
      /decoding patch: json: cannot unmarshal number into Go value of type handlers.jsonPatchOp$/,
    ],
    [jsonPatch, '[{"op":"add","path":"","value":{}}]', 422, /rejected our request/],
    [jsonPatch, '[{"op":"test","path":"/none/none","value":null}]', 422, /rejected our request/],
    [merge, '{"kind":"Secret"}', 422, /^ "" is invalid: patch: Invalid value: .*: no kind "Secret" is registered/],
    [merge, '{"apiVersion":"v2"}', 422, /^ "" is invalid: patch: .* the API version in the data \(v2\) does not match/],
    [strategic, '{"metadata":{"ownerReferences":[{"kind":"x"}]}}', 422, /ownerReferences.uid: Invalid value/],
    [jsonPatch, '[null]', 422, /rejected our request/],
    [jsonPatch, '[{"op":"x"}]', 422, /rejected our request/],
    [jsonPatch, '[{"op":"copy","from":"/data/zz","path":"/data/b"}]', 422, /rejected our request/],
    [jsonPatch, '[{"op":"copy","from":5,"path":"/data/b"}]', 400, /struct field jsonPatchOp.from of type string$/],
    [merge, 'null', 400, /^Invalid JSON Patch$/],
    [jsonPatch, '[{"op":"replace","path":"","value":null}]', 422, /cannot unmarshal null/],
  ];
  for (const [contentType, body] of [
    [strategic, 'null'],
    [jsonPatch, 'null'],
    [jsonPatch, '[{"op":"test","path":"/none","value":null}]'],
  ] as const)
    test(`${contentType} ${body} changes nothing`, async () => {
      const before = await api.send('GET', `${configMaps}/c`);
      assert.deepEqual(await api.send('PATCH', `${configMaps}/c`, { body, contentType }), before);
    });

  for (const [contentType, body, code, message] of refused)
    test(`${contentType} ${body} is refused with ${code}`, async () => {
      await assert.rejects(api.send('PATCH', `${configMaps}/c`, { body, contentType }), { code, message });
    });
});

test('a strategic merge patch may call the object anything, others may not', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
  const spec = { selector: { matchLabels: { a: 'b' } }, template };
  await api.send('POST', path, { body: { metadata: { name: 'called' }, spec } });
  // As Ansible scales: it calls the Scale a Deployment.
  const other = { apiVersion: 'v9', kind: 'Pod', metadata: { labels: { c: 'd' } } };
  const patched = await api.send('PATCH', `${path}/called`, { body: other, contentType: strategic });
  assert.deepEqual([patched.apiVersion, patched.kind, patched.metadata.labels], ['apps/v1', 'Deployment', { c: 'd' }]);
  await assert.rejects(api.send('PATCH', `${path}/called`, { body: other, contentType: merge }), /no kind "Pod"/);
});

describe('a write to a status', () => {
  const labels = { a: 'new' };
  const cases: [path: string, body: object, keeps: boolean][] = [
    ['/api/v1/nodes', { metadata: { name: 'n' } }, false],
    [pods, { metadata: { name: 'labelled' }, spec: { containers: [{ name: 'c', image: 'i' }] } }, false],
    [
      '/apis/apps/v1/namespaces/default/deployments',
      {
        metadata: { name: 'd' },
        spec: {
          selector: { matchLabels: { x: 'y' } },
          template: { metadata: { labels: { x: 'y' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      },
      true,
    ],
  ];
  for (const [path, body, keeps] of cases)
    test(`${keeps ? 'leaves' : 'sets'} the labels of ${path}`, async () => {
      const { metadata } = await api.send('POST', path, { body });
      const status = `${path}/${metadata.name}/status`;
      const patched = await api.send('PATCH', status, { body: { metadata: { labels } }, contentType: merge });
      assert.deepEqual(patched.metadata.labels, keeps ? undefined : labels);
    });
});

test('a kind warns of what is written: of names once, of templates that change, of a status never', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments';
  const container = { name: 'c', image: 'i', ports: [{ containerPort: 80 }, { containerPort: 80 }] };
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } };
  const body = { metadata: { name: 'a.b' }, spec: { selector: { matchLabels: { a: 'b' } }, template } };
  const more = { ...body, spec: { ...body.spec, minReadySeconds: 1 } };
  const ofPorts = 'spec.template.spec.containers[0].ports[1]: duplicate port definition';
  const table: [method: string, path: string, body: object, want: string[]][] = [
    ['POST', path, body, ['metadata.name: this is used in Pod names', ofPorts]],
    ['PUT', `${path}/a.b`, body, []],
    ['PUT', `${path}/a.b/status`, { ...body, status: { replicas: 1 } }, []],
    ['PUT', `${path}/a.b`, more, [ofPorts]],
    ['PATCH', `${path}/a.b`, { spec: { minReadySeconds: 2 } }, [ofPorts]],
    ['PATCH', `${path}/a.b`, { metadata: { labels: { c: 'd' } } }, []],
  ];
  for (const [method, at, sent, want] of table) {
    const options = method === 'PATCH' ? { body: sent, contentType: 'application/merge-patch+json' } : { body: sent };
    const { warnings = [] } = await api.answer(method, at, options);
    assert.equal(warnings.length, want.length, `${method} ${at}: ${warnings}`);
    for (const [i, text] of want.entries()) assert.ok(warnings[i]!.startsWith(text), `${method} ${at}: ${warnings}`);
  }
});

describe('a Job that is deleted', () => {
  const jobs = '/apis/batch/v1/namespaces/default/jobs';
  const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } };
  const make = (name: string) => api.send('POST', jobs, { body: { metadata: { name }, spec: { template } } });

  test('without a policy keeps its pods, and who did it is told', async () => {
    await make('a');
    const answer = await api.answer('DELETE', `${jobs}/a`);
    assert.match(
      String(answer.warnings),
      /^child pods are preserved by default when jobs are deleted; set propagationPolicy=Background/,
    );
    const { metadata } = await api.send('GET', `${jobs}/a`);
    assert.deepEqual(metadata.finalizers, ['orphan']);
    await make('b');
    const all = await api.answer('DELETE', jobs);
    assert.equal(all.warnings?.length, 1);
  });

  const asked = ['propagationPolicy=Background', 'propagationPolicy=Orphan', 'orphanDependents=false'];
  for (const [i, query] of asked.entries())
    test(`with ${query} is deleted as asked, without a word`, async () => {
      await make(`c${i}`);
      assert.deepEqual((await api.answer('DELETE', `${jobs}/c${i}?${query}`)).warnings, []);
    });
});

describe('managedFields that a client writes', () => {
  const url = `${configMaps}/managed?fieldManager=m`;
  const managers = (object: any) => (object.metadata.managedFields ?? []).map((e: any) => e.manager);
  const entry = {
    manager: 'other', operation: 'Update', apiVersion: 'v1', time: '2026-01-01T00:00:00Z', fieldsType: 'FieldsV1',
    fieldsV1: { 'f:data': { 'f:a': {} } },
  }; // biome-ignore format: one entry
  const set = (managedFields: unknown) =>
    api.send('PATCH', url, { body: { metadata: { managedFields } }, contentType: merge });
  before(() =>
    api.send('POST', `${configMaps}?fieldManager=m`, { body: { metadata: { name: 'managed' }, data: { a: '1' } } }),
  );

  test('count, where they can be read', async () => {
    assert.deepEqual(managers(await set([entry])), ['other']);
    for (const fieldsV1 of ['abc', { 'f:data': 5 }, { 'f:data': [] }])
      assert.deepEqual(managers(await set([{ ...entry, manager: 'third', fieldsV1 }])), ['other']);
    assert.deepEqual(managers(await set(null)), ['other']);
  });
});

describe('managedFields that a client empties', () => {
  for (const [i, managedFields] of [[], [{}]].entries())
    test(`by ${JSON.stringify(managedFields)} stay empty until somebody applies`, async () => {
      const name = `emptied-${i}`;
      await api.send('POST', configMaps, { body: { metadata: { name }, data: { a: '1' } } });
      const send = (body: object, query = '', contentType = merge) =>
        api.send('PATCH', `${configMaps}/${name}${query}`, { body, contentType });
      assert.equal((await send({ metadata: { managedFields } })).metadata.managedFields, undefined);
      assert.equal((await send({ data: { a: '2' } })).metadata.managedFields, undefined);
      const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { b: '1' } };
      const applied = await send(config, '?fieldManager=m', 'application/apply-patch+yaml');
      assert.deepEqual(
        applied.metadata.managedFields.map((e: any) => [e.manager, e.operation]),
        [
          ['m', 'Apply'],
          ['before-first-apply', 'Update'],
        ],
      );
    });
});

describe('objects that etcd cannot keep', () => {
  const keys = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

  test('are refused before their fields are looked at one by one', async () => {
    const start = process.cpuUsage();
    // A key that no ConfigMap may have: 413 comes before it is seen.
    const body = { metadata: { name: 'many' }, data: { ...keys(200_000), '//': '' } };
    await assert.rejects(api.send('POST', configMaps, { body }), { code: 413, reason: 'RequestEntityTooLarge' });
    const standing = await api.send('POST', configMaps, { body: { metadata: { name: 'many' } } });
    const put = { ...body, metadata: standing.metadata };
    await assert.rejects(api.send('PUT', `${configMaps}/many`, { body: put }), { code: 413 });
    assert.ok(process.cpuUsage(start).user < 6_000_000);
  });

  test('and the same keys in fewer are kept', async () => {
    const made = await api.send('POST', configMaps, { body: { metadata: { name: 'few' }, data: keys(20_000) } });
    assert.equal(Object.keys(made.data).length, 20_000);
  });
});
