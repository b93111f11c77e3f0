// Create, update, patch and delete of any kind, as the verbs do them.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StatusError } from '../../machinery/errors.ts';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { openWatch, startWatch } from '../endpoints/watch.ts';
import { EtcdUnavailableError } from '../storage/etcd.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';

const container = { name: 'c', image: 'img' };
const deployment = (name: string) => ({
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [container] } },
  },
});

/** Asserts a refusal by code, reason and message. */
async function refuses(work: Promise<unknown>, code: number, reason: string, message: RegExp): Promise<void> {
  await assert.rejects(work, (err: StatusError) => {
    assert.deepEqual([err.code, err.reason], [code, reason], err.message);
    assert.match(err.message, message);
    return true;
  });
}

test('owners that are named twice are kept once, and the client is warned', async () => {
  const api = await startMemoryApi();
  const owner = { apiVersion: 'v1', kind: 'Pod', name: 'a', uid: '1' };
  const ownersOf = async (work: Promise<any>) => {
    const { metadata } = await work;
    return metadata.ownerReferences;
  };
  const body = { metadata: { name: 'o', ownerReferences: [owner, { ...owner, name: 'b' }, owner] } };
  const once = [owner, { ...owner, name: 'b' }];
  assert.deepEqual(await ownersOf(api.send('POST', configMaps, { body })), once);
  assert.deepEqual(await ownersOf(api.send('PUT', `${configMaps}/o`, { body })), once);
  const answer = await api.answer('PUT', `${configMaps}/o`, { body });
  assert.match(String(answer.warnings), /^\.metadata\.ownerReferences contains duplicate entries; .*observed: 1$/);
  const patch = [{ op: 'add', path: '/metadata/ownerReferences/-', value: owner }];
  const patched = await api.answer('PATCH', `${configMaps}/o`, {
    body: patch,
    contentType: 'application/json-patch+json',
  });
  assert.match(String(patched.warnings), /duplicate entries after mutating admission happens; /);
});

describe('create', () => {
  test('gives identity, and takes away what only the server sets', async () => {
    const api = await startMemoryApi();
    const body = { metadata: { generateName: 'a-', uid: 'mine', selfLink: '/x', generation: 7 } };
    const { metadata } = await api.send('POST', configMaps, { body });
    assert.match(metadata.name, /^a-[a-z0-9]{5}$/);
    assert.notEqual(metadata.uid, 'mine');
    assert.deepEqual(
      [metadata.namespace, metadata.creationTimestamp, metadata.selfLink, metadata.generation],
      ['default', '2026-01-01T00:00:00Z', undefined, undefined],
    );
    assert.equal(metadata.resourceVersion, String(api.etcd.revision));
  });

  test('the number of a daemon set’s template is the field of who makes it', async () => {
    const api = await startMemoryApi();
    const sets = '/apis/apps/v1/namespaces/default/daemonsets';
    const { metadata } = await api.send('POST', sets, { body: deployment('d') });
    const key = 'deprecated.daemonset.template.generation';
    assert.equal(metadata.annotations[key], '1');
    assert.deepEqual(metadata.managedFields[0].fieldsV1['f:metadata'], {
      'f:annotations': { '.': {}, [`f:${key}`]: {} },
    });
  });

  test('an object in which nobody set anything has no managed fields', async () => {
    const api = await startMemoryApi();
    const { metadata } = await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    assert.equal('managedFields' in metadata, false);
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b' } };
    const apply = { body, contentType: 'application/apply-patch+yaml' };
    for (const _ of ['made', 'there']) {
      const applied = await api.send('PATCH', `${configMaps}/b?fieldManager=m`, apply);
      assert.equal('managedFields' in applied.metadata, false);
    }
  });

  test('a status that was sent is not kept, and generations begin at 1', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', deployments, { body: { ...deployment('d'), status: { replicas: 9 } } });
    assert.deepEqual([made.status, made.metadata.generation], [{}, 1]);
  });

  test("a node comes with its status, which is nobody's field", async () => {
    const api = await startMemoryApi();
    const body = { metadata: { name: 'n', labels: { a: 'b' } }, status: { capacity: { cpu: '2' } } };
    const made = await api.send('POST', '/api/v1/nodes', { body });
    assert.deepEqual([made.status.capacity, made.status.allocatable], [{ cpu: '2' }, { cpu: '2' }]);
    // The taint is admission's, and nobody's.
    assert.equal(made.spec.taints.length, 1);
    assert.deepEqual(Object.keys(made.metadata.managedFields[0].fieldsV1), ['f:metadata']);
  });

  test('refusals', async () => {
    const api = await startMemoryApi();
    await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    const post = (body: object) => api.send('POST', configMaps, { body });
    await refuses(post({ metadata: { name: 'a' } }), 409, 'AlreadyExists', /^configmaps "a" already exists$/);
    await refuses(post({ metadata: { name: 'A!' } }), 422, 'Invalid', /metadata\.name: Invalid value: "A!"/);
    await refuses(post({ metadata: { name: 'b', namespace: 'other' } }), 400, 'BadRequest', /does not match/);
    await refuses(post({ metadata: {} }), 422, 'Invalid', /name or generateName is required/);
  });

  test('a generated name that is taken is followed by another, for a while', async () => {
    const api = await startMemoryApi();
    const post = () => api.send('POST', configMaps, { body: { metadata: { generateName: 'g-' } } });
    const { random } = api.context;
    api.context.random = { next: () => 0 };
    const first = await post();
    await refuses(post(), 409, 'AlreadyExists', /"g-bbbbb" already exists, the server was not able to generate a uni/);
    let calls = 0;
    api.context.random = { next: () => (calls++ < 5 ? 0 : random.next()) };
    assert.notEqual((await post()).metadata.name, first.metadata.name);
  });

  test('a dry run is checked and not stored', async () => {
    const api = await startMemoryApi();
    const before = api.etcd.revision;
    await api.send('POST', `${configMaps}?dryRun=All`, { body: { metadata: { name: 'a' } } });
    assert.equal(api.etcd.revision, before);
    await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    const again = api.send('POST', `${configMaps}?dryRun=All`, { body: { metadata: { name: 'a' } } });
    await refuses(again, 409, 'AlreadyExists', /already exists/);
  });
});

describe('update', () => {
  async function withConfigMap(): Promise<{ api: MemoryApi; made: any }> {
    const api = await startMemoryApi();
    return { api, made: await api.send('POST', configMaps, { body: { metadata: { name: 'a' }, data: { k: '1' } } }) };
  }

  test('a write from an old version is refused, one that names no version wins', async () => {
    const { api, made } = await withConfigMap();
    const put = (body: object) => api.send('PUT', `${configMaps}/a`, { body });
    await put({ ...made, data: { k: '2' } });
    const conflict = put({ ...made, data: { k: '3' } });
    await refuses(conflict, 409, 'Conflict', /the object has been modified; please apply your changes to the latest/);
    const { metadata, ...rest } = made;
    const won = await put({ ...rest, metadata: { name: 'a' }, data: { k: '4' } });
    assert.deepEqual([won.data, won.metadata.uid], [{ k: '4' }, metadata.uid]);
  });

  test('version 0 stands for no version', async () => {
    const { api } = await withConfigMap();
    const metadata = { name: 'a', resourceVersion: '0' };
    assert.equal((await api.send('PUT', `${configMaps}/a`, { body: { metadata, data: { k: '2' } } })).data.k, '2');
    await api.send('POST', configMaps, { body: { metadata: { ...metadata, name: 'b' } } });
    const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';
    await api.send('POST', leases, { body: { metadata } });
    const put = api.send('PUT', `${leases}/a`, { body: { metadata } });
    const why =
      'leases.coordination.k8s.io "a" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update';
    await refuses(put, 422, 'Invalid', new RegExp(why));
  });

  test('a version is compared as the number that it is', async () => {
    const { api, made } = await withConfigMap();
    const put = (resourceVersion: string) =>
      api.send('PUT', `${configMaps}/a`, { body: { metadata: { name: 'a', resourceVersion }, data: { k: '2' } } });
    await refuses(put('abc'), 500, '', /^strconv.ParseUint: parsing "abc": invalid syntax$/);
    await refuses(put('-1'), 500, '', /^strconv.ParseUint: parsing "-1": invalid syntax$/);
    const tooLarge = '18446744073709551616';
    await refuses(put(tooLarge), 500, '', new RegExp(`^strconv.ParseUint: parsing "${tooLarge}": value out of`));
    await refuses(put('18446744073709551615'), 409, 'Conflict', /the object has been modified/);
    const same = await put(`0${made.metadata.resourceVersion}`);
    assert.deepEqual([same.data.k, same.metadata.resourceVersion], ['2', String(api.etcd.revision)]);
    const posted = api.send('POST', configMaps, { body: { metadata: { name: 'b', resourceVersion: 'abc' } } });
    assert.equal((await posted).metadata.resourceVersion, String(api.etcd.revision));
  });

  // Upstream: TestFieldsWipingConsistency, TestAllowCreateOnUpdate and TestAllowUnconditionalUpdate.
  const said = { labels: { a: 'b' }, annotations: { c: 'd' } };
  const attachment = { attacher: 'x', nodeName: 'n', source: { persistentVolumeName: 'pv' } };
  const ofStatus: [path: string, spec: object, left: object][] = [
    [pods, { containers: [container] }, said],
    [deployments, deployment('x').spec, { labels: undefined, annotations: said.annotations }],
    ['/apis/storage.k8s.io/v1/volumeattachments', attachment, { labels: undefined, annotations: undefined }],
  ];
  for (const [path, spec, left] of ofStatus) {
    test(`a write to the status of ${path} and its metadata`, async () => {
      const api = await startMemoryApi();
      await api.send('POST', path, { body: { metadata: { name: 'x' }, spec } });
      const contentType = 'application/merge-patch+json';
      const { metadata } = await api.send('PATCH', `${path}/x/status`, { body: { metadata: said }, contentType });
      assert.deepEqual({ labels: metadata.labels, annotations: metadata.annotations }, left);
      const mine = metadata.managedFields.find(({ subresource }: any) => subresource === 'status')?.fieldsV1[
        'f:metadata'
      ];
      const owned = Object.keys(left).filter((key) => left[key as keyof object] !== undefined);
      assert.deepEqual(Object.keys(mine ?? {}).sort(), owned.map((key) => `f:${key}`).sort());
    });
  }

  test('a PUT that names no version, and one of what is not there', async () => {
    const api = await startMemoryApi();
    const ranges = '/api/v1/namespaces/default/limitranges';
    const range = { metadata: { name: 'r' }, spec: { limits: [{ type: 'Pod' }] } };
    assert.equal((await api.send('PUT', `${ranges}/r`, { body: range })).metadata.name, 'r');
    const schemas = '/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas';
    const schema = { metadata: { name: 's' }, spec: { priorityLevelConfiguration: { name: 'p' } } };
    await api.send('POST', schemas, { body: schema });
    assert.equal((await api.send('PUT', `${schemas}/s`, { body: schema })).metadata.generation, 1);
  });

  test('a write that changes nothing is not stored', async () => {
    const { api, made } = await withConfigMap();
    const before = api.etcd.revision;
    const same = await api.send('PUT', `${configMaps}/a`, { body: made });
    assert.deepEqual([same.metadata.resourceVersion, api.etcd.revision], [made.metadata.resourceVersion, before]);
  });

  test('an update that the cache has not seen yet is not overwritten', async () => {
    const { api, made } = await withConfigMap();
    // Behind the cache's back, which learns of it only after the update below has begun.
    const other = api.send('PATCH', `${configMaps}/a`, {
      body: { data: { other: 'x' } },
      contentType: 'application/merge-patch+json',
    });
    const mine = api.send('PATCH', `${configMaps}/a`, {
      body: { data: { mine: 'y' } },
      contentType: 'application/merge-patch+json',
    });
    await Promise.all([other, mine]);
    assert.deepEqual((await api.send('GET', `${configMaps}/a`)).data, { ...made.data, other: 'x', mine: 'y' });
  });

  test('a write of which nobody knows whether it happened is not tried again', async () => {
    const { api } = await withConfigMap();
    const put = api.etcd.put.bind(api.etcd);
    let writes = 0;
    api.etcd.put = async (...args) => {
      writes++;
      await put(...args);
      throw new EtcdUnavailableError('no answer');
    };
    const body = [{ op: 'replace', path: '/data/k', value: '2' }];
    const patch = api.send('PATCH', `${configMaps}/a`, { body, contentType: 'application/json-patch+json' });
    await refuses(patch, 503, 'ServiceUnavailable', /no answer/);
    assert.equal(writes, 1);
  });

  test('a JSON patch that is tried again is the same patch', async () => {
    const { api } = await withConfigMap();
    const patch = (body: object, contentType: string) =>
      api.send('PATCH', `${configMaps}/a`, { body, contentType: `application/${contentType}` });
    api.etcd.lag();
    await patch({ data: { other: 'x' } }, 'merge-patch+json');
    const finalizers = '/metadata/finalizers';
    const operations = [
      { op: 'add', path: finalizers, value: [] },
      { op: 'add', path: `${finalizers}/-`, value: 'a.b/c' },
    ];
    const patched = await patch(operations, 'json-patch+json');
    assert.deepEqual([patched.metadata.finalizers, patched.data.other], [['a.b/c'], 'x']);
    api.etcd.catchUp();
  });

  test('a JSON patch cannot grow an object without end', async () => {
    const { api } = await withConfigMap();
    const copies = Array.from({ length: 60 }, (_, i) => ({ op: 'copy', from: '', path: `/x${i}` }));
    const patch = api.send('PATCH', `${configMaps}/a`, { body: copies, contentType: 'application/json-patch+json' });
    await refuses(patch, 422, 'Invalid', /the server rejected our request/);
  });

  test('spec and status are written apart, and only the spec counts generations', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', deployments, { body: deployment('d') });
    const main = await api.send('PUT', `${deployments}/d`, {
      body: { ...made, spec: { ...made.spec, replicas: 3 }, status: { replicas: 9 } },
    });
    assert.deepEqual([main.status, main.metadata.generation, main.spec.replicas], [{}, 2, 3]);
    const body = { ...main, spec: { ...main.spec, replicas: 5 }, status: { replicas: 1 } };
    const status = await api.send('PUT', `${deployments}/d/status`, { body });
    assert.deepEqual([status.spec.replicas, status.metadata.generation, status.status], [3, 2, { replicas: 1 }]);
  });

  test('what may not change is refused with every cause', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', deployments, { body: deployment('d') });
    const labels = { app: 'b' };
    const spec = {
      ...made.spec,
      selector: { matchLabels: labels },
      template: { ...made.spec.template, metadata: { labels } },
    };
    const put = api.send('PUT', `${deployments}/d`, { body: { ...made, spec } });
    await refuses(put, 422, 'Invalid', /spec\.selector: Invalid value: .*field is immutable/s);
    const uid = api.send('PUT', `${deployments}/d`, { body: { ...made, metadata: { ...made.metadata, uid: 'x' } } });
    await refuses(uid, 409, 'Conflict', /Precondition failed: UID in precondition: x, UID in object meta: /);
  });

  test('patches of every type', async () => {
    const api = await startMemoryApi();
    await api.send('POST', deployments, { body: deployment('d') });
    const patch = (contentType: string, body: unknown) =>
      api.send('PATCH', `${deployments}/d`, { body, contentType: `application/${contentType}` });
    const added = { spec: { template: { spec: { containers: [{ name: 'e', image: 'other' }] } } } };
    const names = (d: any) => d.spec.template.spec.containers.map((c: any) => c.name);
    assert.deepEqual(names(await patch('strategic-merge-patch+json', added)), ['e', 'c']);
    assert.deepEqual(names(await patch('merge-patch+json', added)), ['e']);
    const json = [
      { op: 'test', path: '/spec/replicas', value: 1 },
      { op: 'replace', path: '/spec/replicas', value: 2 },
    ];
    assert.equal((await patch('json-patch+json', json)).spec.replicas, 2);
    await refuses(patch('json-patch+json', json), 422, 'Invalid', /the server rejected our request due to an error/);
    await refuses(patch('merge-patch+json', { spec: { replicas: 'x' } }), 422, 'Invalid', /replicas/);
    await refuses(patch('unheard+json', {}), 415, 'UnsupportedMediaType', /^415: Unsupported Media Type$/);
  });
});

describe('delete', () => {
  test('goes at once, answers with a Status that names it', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    const { status, details } = await api.send('DELETE', `${configMaps}/a`);
    assert.deepEqual([status, details], ['Success', { name: 'a', kind: 'configmaps', uid: made.metadata.uid }]);
    await refuses(api.send('GET', `${configMaps}/a`), 404, 'NotFound', /^configmaps "a" not found$/);
    await refuses(api.send('DELETE', `${configMaps}/a`), 404, 'NotFound', /not found/);
  });

  test('a finalizer holds it until it is taken away', async () => {
    const api = await startMemoryApi();
    await api.send('POST', configMaps, { body: { metadata: { name: 'a', finalizers: ['example.com/f'] } } });
    const marked = await api.send('DELETE', `${configMaps}/a`);
    assert.equal(marked.metadata.deletionTimestamp, '2026-01-01T00:00:00Z');
    const { metadata } = await api.send('DELETE', `${configMaps}/a`);
    assert.equal(metadata.resourceVersion, marked.metadata.resourceVersion, 'a second delete changes nothing');
    await api.send('PATCH', `${configMaps}/a`, {
      body: { metadata: { finalizers: null } },
      contentType: 'application/merge-patch+json',
    });
    await refuses(api.send('GET', `${configMaps}/a`), 404, 'NotFound', /not found/);
  });

  test('a pod gets its grace, which a later delete can only shorten', async () => {
    const api = await startMemoryApi();
    await api.send('POST', pods, {
      body: { metadata: { name: 'p' }, spec: { nodeName: 'n', containers: [container] } },
    });
    const del = (gracePeriodSeconds?: number) =>
      api.send('DELETE', `${pods}/p`, gracePeriodSeconds === undefined ? {} : { body: { gracePeriodSeconds } });
    const grace = (pod: any) => [pod.metadata.deletionTimestamp, pod.metadata.deletionGracePeriodSeconds];
    assert.deepEqual(grace(await del()), ['2026-01-01T00:00:30Z', 30]);
    assert.deepEqual(grace(await del(60)), ['2026-01-01T00:00:30Z', 30]);
    assert.deepEqual(grace(await del(5)), ['2026-01-01T00:00:05Z', 5]);
    assert.deepEqual(grace(await del(0)), ['2026-01-01T00:00:00Z', 0]);
    await refuses(api.send('GET', `${pods}/p`), 404, 'NotFound', /not found/);
  });

  test('a pod that runs nowhere goes at once', async () => {
    const api = await startMemoryApi();
    await api.send('POST', pods, { body: { metadata: { name: 'p' }, spec: { containers: [container] } } });
    await api.send('DELETE', `${pods}/p`);
    await refuses(api.send('GET', `${pods}/p`), 404, 'NotFound', /not found/);
  });

  test('who watches is told of the end of a pod before it goes, also when it goes at once', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', pods, { body: { metadata: { name: 'p' }, spec: { containers: [container] } } });
    const { uid, resourceVersion } = made.metadata;
    await api.send('DELETE', `${pods}/p`, { body: { preconditions: { uid, resourceVersion } } });
    await api.context.store.cache.waitConsistent();
    const { context } = api;
    const request = api.request('GET', `${pods}?watch=true&resourceVersion=${resourceVersion}`);
    const told: unknown[] = [];
    startWatch(context, context.store.resource(request.kind), await openWatch(context, request), {
      event: (type, { object: { metadata } }) =>
        void told.push([type, metadata.deletionGracePeriodSeconds, metadata.generation]),
      bookmark: () => undefined,
      expired: (message) => void told.push(message),
      flush: () => undefined,
    });
    assert.deepEqual(told, [
      ['MODIFIED', 0, 2],
      ['DELETED', 0, 2],
    ]);
  });

  test('preconditions and propagation', async () => {
    const api = await startMemoryApi();
    const made = await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    const del = (body: object) => api.send('DELETE', `${configMaps}/a`, { body });
    await refuses(del({ preconditions: { uid: 'x' } }), 409, 'Conflict', /the UID in the precondition \(x\) does not/);
    await refuses(del({ preconditions: { resourceVersion: '1' } }), 409, 'Conflict', /the ResourceVersion in the prec/);
    await refuses(del({ propagationPolicy: 'Sideways' }), 422, 'Invalid', /Unsupported value: "Sideways"/);
    const held = await del({ propagationPolicy: 'Foreground', preconditions: { uid: made.metadata.uid } });
    assert.deepEqual(held.metadata.finalizers, ['foregroundDeletion']);
    // Events are nobody's owner.
    const events = '/api/v1/namespaces/default/events';
    const body = { metadata: { name: 'e', finalizers: ['kubernetes'] }, involvedObject: { namespace: 'default' } };
    await api.send('POST', events, { body });
    const event = await api.send('DELETE', `${events}/e`, { body: { propagationPolicy: 'Foreground' } });
    assert.deepEqual(event.metadata.finalizers, ['kubernetes']);
  });

  test('an object that the cache takes for the one before it is deleted nevertheless', async () => {
    const api = await startMemoryApi();
    const create = (finalizers?: string[]) =>
      api.send('POST', configMaps, { body: { metadata: { name: 'a', ...(finalizers ? { finalizers } : {}) } } });
    await create(['a.b/c']);
    await api.send('DELETE', `${configMaps}/a`);
    await api.context.store.cache.waitConsistent();
    api.etcd.lag();
    const contentType = 'application/merge-patch+json';
    await api.send('PATCH', `${configMaps}/a`, { body: { metadata: { finalizers: null } }, contentType });
    await create();
    const { status } = await api.send('DELETE', `${configMaps}/a`);
    assert.equal(status, 'Success');
    api.etcd.catchUp();
    await refuses(api.send('GET', `${configMaps}/a`), 404, 'NotFound', /not found/);
  });

  test('a delete that marks first ends only what it marked', async () => {
    const api = await startMemoryApi();
    const body = { metadata: { name: 'p' }, spec: { containers: [container] } };
    await api.send('POST', pods, { body });
    const remove = api.etcd.delete.bind(api.etcd);
    api.etcd.delete = async (...args) => {
      api.etcd.delete = remove;
      // Somebody else is faster, and a third one takes the name.
      await remove(...args);
      await api.send('POST', pods, { body });
      return remove(...args);
    };
    const { status } = await api.send('DELETE', `${pods}/p`);
    assert.notEqual(status, 'Failure');
    assert.equal((await api.send('GET', `${pods}/p`)).metadata.deletionTimestamp, undefined);
  });

  test('options that cannot be read are refused, not guessed', async () => {
    const api = await startMemoryApi();
    await api.send('POST', configMaps, { body: { metadata: { name: 'a' } } });
    const del = (query: string, body?: object) =>
      api.send('DELETE', `${configMaps}/a${query}`, body === undefined ? {} : { body });
    await refuses(del('', { gracePeriodSeconds: 'x' }), 400, 'BadRequest', /gracePeriodSeconds/);
    await refuses(del('', { kind: 'Pod' }), 400, 'BadRequest', /DeleteOptions/);
    await refuses(del('', { dryRun: ['Some'] }), 422, 'Invalid', /dryRun/);
    await refuses(del('?gracePeriodSeconds='), 400, 'BadRequest', /invalid syntax/);
    await del('', { dryRun: ['All'] });
    const stays = await del('', { dryRun: ['All'], propagationPolicy: 'Foreground' });
    assert.deepEqual(stays.metadata.finalizers, ['foregroundDeletion']);
    assert.equal((await api.send('GET', `${configMaps}/a`)).metadata.finalizers, undefined);
  });

  test('a collection goes by selector', async () => {
    const api = await startMemoryApi();
    for (const [name, app] of Object.entries({ a: 'x', b: 'x', c: 'y' })) {
      await api.send('POST', configMaps, { body: { metadata: { name, labels: { app } } } });
    }
    await api.send('DELETE', `${configMaps}?labelSelector=app%3Dx`);
    assert.deepEqual(
      (await api.send('GET', configMaps)).map((o: any) => o.metadata.name),
      ['c'],
    );
  });
});

test('nothing is written for a client who has gone while admission was at it', async () => {
  const api = await startMemoryApi();
  await api.send('POST', configMaps, { body: { metadata: { name: 'there' } } });
  const { revision } = api.etcd;
  const changed = { metadata: { name: 'there' }, data: { a: 'b' } };
  const cases: [string, string, object?][] = [
    ['POST', configMaps, { body: { metadata: { name: 'new' } } }],
    ['PUT', `${configMaps}/there`, { body: changed }],
    ['PATCH', `${configMaps}/there`, { body: changed, contentType: 'application/merge-patch+json' }],
    ['DELETE', `${configMaps}/there`],
  ];
  const { admission } = api.context;
  for (const [method, path, options] of cases) {
    const client = new AbortController();
    api.context.admission = {
      ...admission,
      mutate: (request) => admission.mutate(request),
      async validate(request) {
        await admission.validate(request);
        client.abort();
      },
    };
    await refuses(api.send(method, path, { ...options, signal: client.signal }), 499, '', /has gone away/);
  }
  assert.equal(api.etcd.revision, revision);
});
