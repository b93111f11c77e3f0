// Server-side apply as a client meets it, by the verbs over an etcd in memory.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { scaleSubresource } from '../subresources/scale.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const coreEvents = '/api/v1/namespaces/default/events';
const events = '/apis/events.k8s.io/v1/namespaces/default/events';
const applyType = 'application/apply-patch+yaml';
const merge = 'application/merge-patch+json';

let api: MemoryApi;
before(async () => {
  api = await startMemoryApi();
});

const apply = (url: string, body: unknown, query = 'fieldManager=m') =>
  api.send('PATCH', `${url}?${query}`, { body, contentType: applyType });
const configMap = (name: string, fields: object = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  ...fields,
});
const container = { name: 'c', image: 'x', ports: [{ containerPort: 80 }] };
const deployment = (name: string, spec: object = {}) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    selector: { matchLabels: { a: 'b' } },
    template: { metadata: { labels: { a: 'b' } }, spec: { containers: [container] } },
    ...spec,
  },
});
const managersOf = (object: any) =>
  (object.metadata.managedFields ?? []).map((e: any) =>
    [e.manager, e.operation, e.apiVersion, e.subresource].filter((x) => x !== undefined).join(' '),
  );

describe('an apply', () => {
  test('makes an object that is not there, with defaults that are nobody’s', async () => {
    const answer = await api.answer('PATCH', `${deployments}/made?fieldManager=m`, {
      body: deployment('made'),
      contentType: applyType,
    });
    assert.equal(answer.type === 'object' && answer.code, 201);
    const made = await api.send('GET', `${deployments}/made`);
    assert.equal(made.spec.replicas, 1);
    assert.deepEqual(managersOf(made), ['m Apply apps/v1']);
    const { 'f:containers': containers } = made.metadata.managedFields[0].fieldsV1['f:spec']['f:template']['f:spec'];
    assert.deepEqual(containers['k:{"name":"c"}'], {
      '.': {},
      'f:image': {},
      'f:name': {},
      'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } },
    });
  });

  test('that changes nothing writes nothing, defaults or not', async () => {
    const first = await apply(`${deployments}/same`, deployment('same'));
    await api.clock.advance(5000);
    const again = await apply(`${deployments}/same`, deployment('same'));
    assert.equal(again.metadata.resourceVersion, first.metadata.resourceVersion);
    // Written in another form, the object is the same when it has been decoded; so is its time.
    const quantity = (cpu: string) => {
      const resources = { requests: { cpu } };
      const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ ...container, resources }] } };
      return deployment('same', { template });
    };
    const half = await apply(`${deployments}/same`, quantity('0.5'));
    await api.clock.advance(5000);
    const same = await apply(`${deployments}/same`, quantity('500m'));
    assert.deepEqual(same.metadata, half.metadata);
  });

  test('of a dry run tells what it would do', async () => {
    const dry = await apply(`${configMaps}/dry`, configMap('dry', { data: { a: '1' } }), 'fieldManager=m&dryRun=All');
    assert.deepEqual(managersOf(dry), ['m Apply v1']);
    await assert.rejects(api.send('GET', `${configMaps}/dry`), { code: 404 });
    await apply(`${configMaps}/dry`, configMap('dry', { data: { a: '1' } }));
    const changed = configMap('dry', { data: { a: '2' } });
    assert.deepEqual((await apply(`${configMaps}/dry`, changed, 'fieldManager=m&dryRun=All')).data, { a: '2' });
    assert.deepEqual((await api.send('GET', `${configMaps}/dry`)).data, { a: '1' });
    const other = apply(`${configMaps}/dry`, changed, 'fieldManager=o&dryRun=All');
    await assert.rejects(other, { code: 409, message: /conflict with "m": \.data\.a$/ });
  });

  test('checks the version and the uid that it names', async () => {
    const first = await apply(`${configMaps}/checked`, configMap('checked', { data: { a: '1' } }));
    const named = (metadata: object) => ({ ...configMap('checked', { data: { a: '2' } }), metadata: { name: 'checked', ...metadata } }); // biome-ignore format: one
    const { uid, resourceVersion } = first.metadata;
    await assert.rejects(apply(`${configMaps}/checked`, named({ resourceVersion: '1' })), {
      code: 409,
      reason: 'Conflict',
    });
    await assert.rejects(apply(`${configMaps}/checked`, named({ uid: 'other' })), { code: 409, reason: 'Conflict' });
    assert.deepEqual((await apply(`${configMaps}/checked`, named({ uid, resourceVersion }))).data, { a: '2' });
    await assert.rejects(apply(`${configMaps}/absent`, { ...configMap('absent'), metadata: { name: 'absent', uid } }), {
      code: 409,
      message: `Operation cannot be fulfilled on configmaps "absent": uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    });
  });

  test('without metadata has no name, whether the object is there or not', async () => {
    const secrets = '/api/v1/namespaces/default/secrets';
    const bare = { apiVersion: 'v1', kind: 'Secret' };
    const unnamed = { code: 400, message: /^the name of the object \(s based on URL\) was undeterminable/ };
    await assert.rejects(apply(`${secrets}/s`, bare), unnamed);
    await apply(`${secrets}/s`, { ...bare, metadata: { name: 's', labels: { a: 'b' } } });
    await assert.rejects(apply(`${secrets}/s`, bare), unnamed);
    assert.deepEqual((await api.send('GET', `${secrets}/s`)).metadata.labels, { a: 'b' });
  });

  test('without metadata is fine where none of it goes by its hand', async () => {
    const bare = { apiVersion: 'v1', kind: 'ConfigMap', data: { a: '1' } };
    await apply(`${configMaps}/bare`, configMap('bare', { data: { a: '0' } }));
    assert.deepEqual((await apply(`${configMaps}/bare`, bare)).data, { a: '1' });
    const { metadata, data } = await apply(`${configMaps}/bare`, { ...bare, data: { b: '2' } }, 'fieldManager=other');
    assert.deepEqual([metadata.name, data], ['bare', { a: '1', b: '2' }]);
  });

  test('asks whether its user may create what is not there', async () => {
    const request = api.request('PATCH', `${configMaps}/denied?fieldManager=m`, {
      body: configMap('denied'),
      contentType: applyType,
    });
    const asked: string[] = [];
    const { handlePatch } = await import('./patch.ts');
    const authorize = (verb: string) => {
      asked.push(verb);
      throw Object.assign(new Error('no'), { code: 403 });
    };
    await assert.rejects(handlePatch(api.context, { ...request, authorize }), { code: 403 });
    assert.deepEqual(asked, ['create']);
  });

  test('wins the race for an object that two make', async () => {
    const two = ['one', 'two'].map((manager) =>
      apply(`${configMaps}/race`, configMap('race', { data: { [manager]: '1' } }), `fieldManager=${manager}`),
    );
    await Promise.all(two);
    assert.deepEqual((await api.send('GET', `${configMaps}/race`)).data, { one: '1', two: '1' });
  });

  test('is read as YAML, and told of keys that come twice', async () => {
    const twice = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yaml}\ndata: {a: "1"}\ndata: {b: "1"}\n';
    const at = (query: string) => api.answer('PATCH', `${configMaps}/yaml?fieldManager=m${query}`, { body: twice, contentType: applyType }); // biome-ignore format: one
    const problem = 'error converting YAML to JSON: yaml: unmarshal errors:\n  line 5: key "data" already set in map';
    await assert.rejects(at('&fieldValidation=Strict'), {
      code: 400,
      message: `error strict decoding YAML: ${problem}`,
    });
    assert.deepEqual((await at('')).warnings, [problem]);
    assert.deepEqual((await at('&fieldValidation=Ignore')).warnings, []);
    assert.deepEqual((await api.send('GET', `${configMaps}/yaml`)).data, { b: '1' });
  });
});

describe('an apply is refused', () => {
  const good = configMap('refused');
  const cases: [name: string, body: unknown, error: { code: number; message: string | RegExp }, query?: string][] = [
    ['without a manager', good, { code: 422, message: /^PatchOptions\.meta\.k8s\.io "" is invalid: fieldManager: Required value: is required for apply patch$/ }, ''],
    ['of no type', { metadata: { name: 'refused' } }, { code: 400, message: 'invalid object type: /, Kind=' }],
    ['of another kind', { ...good, kind: 'Secret' }, { code: 400, message: 'invalid object type: /v1, Kind=Secret' }],
    ['of another version', { ...good, apiVersion: 'apps/v1' }, { code: 400, message: 'invalid object type: apps/v1, Kind=ConfigMap' }],
    ['that says who manages', { ...good, metadata: { name: 'refused', managedFields: [] } }, { code: 400, message: 'metadata.managedFields must be nil' }],
    ['of an unknown field', { ...good, dat: {} }, { code: 500, message: 'failed to create typed patch object (/refused; /v1, Kind=ConfigMap): .dat: field not declared in schema' }],
    ['of a wrong type', { ...good, data: { a: 5 } }, { code: 500, message: /: \.data\.a: expected string, got &value\.valueUnstructured{Value:5}$/ }],
    ['that is a list', [good], { code: 400, message: /^error decoding YAML: .*cannot unmarshal array into Go value of type map/ }],
    ['that is no YAML', 'a: {', { code: 400, message: /^error decoding YAML: / }],
    ['of another name', configMap('other'), { code: 400, message: 'the name of the object (other) does not match the name on the URL (refused)' }],
    ['of no name', { ...good, metadata: {} }, { code: 400, message: 'the name of the object (refused based on URL) was undeterminable: name must be provided' }],
    ['of another namespace', { ...good, metadata: { name: 'refused', namespace: 'x' } }, { code: 400, message: 'the namespace of the provided object does not match the namespace sent on the request' }],
    ['that cannot be decoded', { ...good, binaryData: { a: '%' } }, { code: 500, message: /^failed to convert new object \(\/refused; \/v1, Kind=ConfigMap\) to proper version \(v1\): .*illegal base64/ }],
    ['that is not valid', { ...good, data: { '//': 'x' } }, { code: 422, message: /data\[\/\/\]: Invalid value/ }],
  ]; // biome-ignore format: a table
  for (const [name, body, error, query] of cases)
    test(name, async () => {
      await assert.rejects(apply(`${configMaps}/refused`, body, query), error);
      await assert.rejects(api.send('GET', `${configMaps}/refused`), { code: 404 });
    });

  test('as CBOR, and force without an apply', async () => {
    const send = (contentType: string, query: string) =>
      api.send('PATCH', `${configMaps}/refused?${query}`, { body: good, contentType });
    await assert.rejects(send('application/apply-patch+cbor', 'fieldManager=m'), { code: 415 });
    await assert.rejects(send(merge, 'force=true'), {
      code: 422,
      message: 'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    });
  });
});

describe('conflicts', () => {
  test('name the managers, fields and causes', async () => {
    await api.send('POST', `${deployments}?fieldManager=x`, { body: deployment('fought', { replicas: 1 }) });
    await api.send('PATCH', `${deployments}/fought/status?fieldManager=s`, {
      body: { metadata: { annotations: { a: '1' } }, status: { replicas: 1 } },
      contentType: merge,
    });
    const wanted = deployment('fought', { replicas: 2 });
    await assert.rejects(apply(`${deployments}/fought`, wanted), {
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "x" using apps/v1: .spec.replicas',
      details: {
        causes: [
          { reason: 'FieldManagerConflict', message: 'conflict with "x" using apps/v1', field: '.spec.replicas' },
        ],
      },
    });
    const both = { ...wanted, metadata: { name: 'fought', annotations: { a: '2' } } };
    await assert.rejects(apply(`${deployments}/fought`, both), {
      message:
        'Apply failed with 2 conflicts: conflicts with "s" with subresource "status" using apps/v1:\n- .metadata.annotations.a\nconflicts with "x" using apps/v1:\n- .spec.replicas',
    });
    const forced = await apply(`${deployments}/fought`, both, 'fieldManager=m&force=true');
    assert.equal(forced.spec.replicas, 2);
  });
});

describe('kubectl that comes from client-side applies', () => {
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  const applied = (data: Record<string, string>) => {
    const config = configMap('migrated', { data });
    const last = `${JSON.stringify({ apiVersion: 'v1', data, kind: 'ConfigMap', metadata: { annotations: {}, name: 'migrated', namespace: 'default' } })}\n`;
    return { ...config, metadata: { name: 'migrated', annotations: { [annotation]: last } } };
  };
  const lastOf = (object: any) => object.metadata.annotations?.[annotation];

  test('meets no conflict with what it applied, and keeps the annotation in step', async () => {
    const body = applied({ a: '1', b: '1' });
    await api.send('POST', `${configMaps}?fieldManager=kubectl-client-side-apply`, { body });
    await api.send('PATCH', `${configMaps}/migrated?fieldManager=other`, {
      body: { data: { b: '2' } },
      contentType: merge,
    });
    const wanted = configMap('migrated', { data: { a: '2', b: '3' } });
    await assert.rejects(apply(`${configMaps}/migrated`, wanted, 'fieldManager=elsewhere'), {
      message: /^Apply failed with 2 conflicts/,
    });
    await assert.rejects(apply(`${configMaps}/migrated`, wanted, 'fieldManager=kubectl'), {
      message: 'Apply failed with 1 conflict: conflict with "other" using v1: .data.b',
    });
    const moved = await apply(
      `${configMaps}/migrated`,
      configMap('migrated', { data: { a: '2' } }),
      'fieldManager=kubectl',
    );
    assert.deepEqual(moved.data, { a: '2', b: '2' });
    assert.equal(
      lastOf(moved),
      '{"apiVersion":"v1","data":{"a":"2"},"kind":"ConfigMap","metadata":{"name":"migrated"}}\n',
    );
  });

  test('gives its fields to the new manager by a patch of managedFields', async () => {
    const before = await api.send('GET', `${configMaps}/migrated`);
    const fieldsV1 = { 'f:data': { 'f:a': {}, 'f:b': {} } };
    const entry = { manager: 'kubectl', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1', fieldsV1 };
    const patch = [
      { op: 'replace', path: '/metadata/managedFields', value: [entry] },
      { op: 'replace', path: '/metadata/resourceVersion', value: before.metadata.resourceVersion },
    ];
    const send = () =>
      api.send('PATCH', `${configMaps}/migrated?fieldManager=kubectl`, { body: patch, contentType: 'application/json-patch+json' }); // biome-ignore format: one
    assert.deepEqual(managersOf(await send()), ['kubectl Apply v1']);
    await assert.rejects(send(), { code: 409 });
    const left = await apply(
      `${configMaps}/migrated`,
      configMap('migrated', { data: { a: '2' } }),
      'fieldManager=kubectl',
    );
    assert.deepEqual(left.data, { a: '2' });
  });

  test('loses the annotation that has no room', async () => {
    const big = configMap('crowded', { data: { a: 'x'.repeat(200_000) } });
    const annotations = { [annotation]: '{}', other: 'y'.repeat(100_000) };
    await api.send('POST', configMaps, {
      body: { ...configMap('crowded'), metadata: { name: 'crowded', annotations } },
    });
    const after = await apply(`${configMaps}/crowded`, big, 'fieldManager=kubectl');
    assert.equal(lastOf(after), undefined);
    assert.equal(after.metadata.annotations.other.length, 100_000);
  });
});

describe('subresources', () => {
  before(() => api.send('POST', `${deployments}?fieldManager=x`, { body: deployment('sub', { replicas: 1 }) }));

  test('a status is applied on its own, and owns nothing else', async () => {
    const config = {
      ...deployment('sub', { replicas: 9 }),
      status: { conditions: [{ type: 'Mine', status: 'True' }] },
    };
    const after = await apply(`${deployments}/sub/status`, config, 'fieldManager=s');
    assert.equal(after.spec.replicas, 1);
    assert.equal(after.status.conditions[0].type, 'Mine');
    assert.deepEqual(managersOf(after), ['s Apply apps/v1 status', 'x Update apps/v1']);
    assert.deepEqual(Object.keys(after.metadata.managedFields[0].fieldsV1), ['f:status']);
    const main = await apply(`${deployments}/sub`, { ...config, spec: undefined }, 'fieldManager=n');
    assert.deepEqual(managersOf(main), managersOf(after), 'a status does not count there');
    await assert.rejects(apply(`${deployments}/absent/status`, deployment('absent'), 'fieldManager=s'), { code: 404 });
  });

  const scale = (method: string, body: object, query = '', contentType = 'application/json') => {
    const request = api.request(method, `${deployments}/sub/scale?${query}`, { body, contentType });
    return scaleSubresource.handle({ ...api.context } as any, request, undefined as never) as Promise<any>;
  };
  const scaleTo = (replicas: number) => ({ apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'sub' }, spec: { replicas } }); // biome-ignore format: one

  test('a scale is the parent’s replicas: written, applied, fought over', async () => {
    await scale('PUT', scaleTo(2), 'fieldManager=put');
    let parent = await api.send('GET', `${deployments}/sub`);
    const entry = parent.metadata.managedFields.find((e: any) => e.manager === 'put');
    assert.deepEqual(entry, {
      manager: 'put', operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1',
      fieldsV1: { 'f:spec': { 'f:replicas': {} } }, subresource: 'scale',
    }); // biome-ignore format: an entry
    await assert.rejects(scale('PATCH', scaleTo(3), 'fieldManager=a', applyType), {
      code: 409,
      message:
        'Apply failed with 1 conflict: conflict with "put" with subresource "scale" using autoscaling/v1: .spec.replicas',
    });
    const { value } = await scale('PATCH', scaleTo(3), 'fieldManager=a&force=true', applyType);
    assert.equal(value.spec.replicas, 3);
    parent = await api.send('GET', `${deployments}/sub`);
    assert.equal(parent.spec.replicas, 3);
    const owners = managersOf(parent).filter((m: string) => m.includes('scale'));
    assert.deepEqual(owners, ['a Apply apps/v1 scale']);
    await assert.rejects(apply(`${deployments}/sub`, deployment('sub', { replicas: 4 })), {
      message: 'Apply failed with 1 conflict: conflict with "a" with subresource "scale": .spec.replicas',
    });
    const again = await scale('PATCH', scaleTo(3), 'fieldManager=a', applyType);
    assert.equal(again.value.metadata.resourceVersion, parent.metadata.resourceVersion);
    await assert.rejects(scale('PATCH', { ...scaleTo(3), kind: 'Skale' }, 'fieldManager=a', applyType), {
      message: 'invalid object type: autoscaling/v1, Kind=Skale',
    });
  });
});

describe('versions', () => {
  const event = { metadata: { name: 'e' }, regarding: { kind: 'Pod', namespace: 'default', name: 'p' }, note: 'n', reason: 'r', action: 'a', type: 'Normal', eventTime: '2026-01-01T00:00:00.000000Z', reportingController: 'x.y/z', reportingInstance: 'i', series: { count: 2, lastObservedTime: '2026-01-01T00:00:00.000000Z' } }; // biome-ignore format: one

  test('each write names the fields of its own, and takes those of others in theirs', async () => {
    const made = await api.send('POST', `${events}?fieldManager=new`, { body: event });
    assert.deepEqual(managersOf(made), ['new Update events.k8s.io/v1']);
    const { fieldsV1 } = made.metadata.managedFields[0];
    assert.ok(fieldsV1['f:note'] && fieldsV1['f:regarding'] && !fieldsV1['f:message']);
    const body = { message: 'changed', series: { count: 3 } };
    const changed = await api.send('PATCH', `${coreEvents}/e?fieldManager=old`, { body, contentType: merge });
    assert.deepEqual(
      changed.metadata.managedFields.map((e: any) => [
        e.manager,
        e.apiVersion,
        'f:note' in e.fieldsV1,
        'f:message' in e.fieldsV1,
      ]),
      [
        ['new', 'events.k8s.io/v1', false, false],
        ['old', 'v1', false, true],
      ],
    );
    const type = { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata: { name: 'e' } };
    await assert.rejects(apply(`${events}/e`, { ...type, note: 'mine' }), {
      message: 'Apply failed with 1 conflict: conflict with "old" using v1: .message',
    });
    // By force it would be theirs, if this version could change anything but the series.
    await assert.rejects(apply(`${events}/e`, { ...type, note: 'mine' }, 'fieldManager=m&force=true'), { code: 422 });
    const applied = await apply(`${events}/e`, { ...type, series: { count: 4 } }, 'fieldManager=m&force=true');
    assert.equal(applied.series.count, 4);
    assert.deepEqual(managersOf(applied), ['m Apply events.k8s.io/v1', 'new Update events.k8s.io/v1', 'old Update v1']);
    const old = applied.metadata.managedFields.find((one: any) => one.manager === 'old');
    assert.deepEqual(old.fieldsV1, { 'f:message': {} });
  });

  test('a value that no version can hold is told, whoever manages the object by which version', async () => {
    const config = { apiVersion: 'v1', kind: 'Event', metadata: { name: 'e' }, count: -1e30 };
    await assert.rejects(apply(`${coreEvents}/e`, config, 'fieldManager=m&force=true'), {
      code: 500,
      message:
        'failed to convert new object (/e; /v1, Kind=Event) to proper version (v1): unable to convert unstructured ' +
        'object to /v1, Kind=Event: json: cannot unmarshal number -1e+30 into Go struct field Event.count of type int32',
    });
  });
});
