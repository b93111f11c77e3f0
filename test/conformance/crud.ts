// A kind of the API through every verb, each kind of patch and two watches.
import assert from 'node:assert/strict';
import type { ApiRequest } from '../environment/api-proxy.ts';
import type { Space } from './cluster.ts';
import { Watching } from './node.ts';

export const namesOf = ({ items }: any): string[] => items.map(({ metadata }: any) => metadata.name).sort();
export const selector = (labels: string) => `labelSelector=${encodeURIComponent(labels)}`;
/** A request that is refused with that code: its message. */
export const refused = async (space: Space, method: string, path: string, code: number, more?: ApiRequest) => {
  const answer = await space.request(method, path, more);
  assert.equal(answer.code, code, JSON.stringify(answer.body));
  return answer.body.message as string;
};

/** `a` was written after `b`. */
export const newer = (a: any, b: any) => BigInt(a.metadata.resourceVersion) > BigInt(b.metadata.resourceVersion);

export interface Crud {
  version: string;
  resource: string;
  isNamespaced: boolean;
  name: string;
  spec: object;
  /** Of the status, for kinds that have one: before and after. */
  status?: object;
}

/** What the programme does with kinds that have no life of their own: every verb, each kind of patch, and two watches. */
export async function crud(space: Space, { version, resource, isNamespaced, name, spec, status }: Crud): Promise<void> {
  const kinds = (await space.get(version)).resources;
  assert.ok(kinds.some((one: any) => one.name === resource && one.namespaced === isNamespaced));
  const mine = `e2e-test.kubernetes.io=${space.namespace}`;
  const labels = { 'e2e-test.kubernetes.io': space.namespace };
  const all = `${version}/${resource}`;
  const here = isNamespaced ? space.path(version, resource) : all;
  const path = `${here}/${name}`;
  const { resourceVersion } = (await space.get(`${all}?${selector(mine)}`)).metadata;
  const from = `${selector(mine)}&resourceVersion=${resourceVersion}`;
  // As today's informers begin: what is there comes first, and a bookmark when all of it has come.
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  using everywhere = await Watching.open(space, `${all}?${selector(mine)}&${initial}`);
  const begun = await everywhere.next('the bookmark', ({ type }) => type === 'BOOKMARK');
  assert.equal(begun.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  assert.equal(everywhere.events.length, 1);
  using inside = await Watching.open(space, `${here}?${from}`);
  const seen = async (type: string, object: any) => {
    for (const watching of [everywhere, inside]) {
      const event = await watching.next(type, (one) => one.object.metadata.name === name && one.type === type);
      assert.equal(event.object.metadata.uid, object.metadata.uid);
      assert.ok(!newer(object, event.object), `${type} ${JSON.stringify(event.object.metadata)}`);
    }
  };
  const body = { metadata: { name, labels, creationTimestamp: null }, spec, ...(status ? { status: {} } : {}) };
  const make = async () => {
    const made = await space.ask('POST', `${here}?fieldValidation=Strict`, { body });
    await seen('ADDED', made);
    return made;
  };
  const end = async () => {
    const { details, ...rest } = await space.ask('DELETE', path);
    await seen('DELETED', {
      metadata: { ...rest.metadata, uid: details?.uid ?? rest.metadata.uid, resourceVersion: '0' },
    });
    await refused(space, 'GET', path, 404);
  };

  const created = await make();
  assert.deepEqual((await space.get(path)).spec, created.spec);
  assert.deepEqual(namesOf(await space.get(`${all}?${selector(mine)}`)), [name]);
  assert.deepEqual(namesOf(await space.get(`${here}?${selector(mine)}`)), [name]);
  const changed = { ...created, metadata: { ...created.metadata, labels: { ...labels, updated: 'yes' } } };
  const updated = await space.ask('PUT', path, { body: changed });
  assert.ok(newer(updated, created));
  await seen('MODIFIED', updated);
  await refused(space, 'PUT', path, 409, { body: changed });
  if (status) {
    const written = await space.ask('PUT', `${path}/status`, { body: { ...updated, status } });
    assert.deepEqual(written.status, status);
    await seen('MODIFIED', written);
    assert.deepEqual((await space.get(`${path}/status`)).status, status);
  }

  const patches = (part: object, uid: string) => {
    const whole = { apiVersion: version.replace('/apis/', ''), kind: created.kind, metadata: { name, uid }, ...part };
    const document = { ...whole, metadata: { ...whole.metadata, ...(part as any).metadata } };
    const pointer = Object.entries(part)[0]!;
    const json = [
      pointer[0] === 'status'
        ? { op: 'add', path: '/status', value: status }
        : { op: 'add', path: '/metadata/labels/updated', value: 'yes' },
    ];
    return {
      'strategic-merge-patch+json': document,
      'apply-patch+yaml': document,
      'merge-patch+json': document,
      'json-patch+json': json,
    };
  };
  const parts = [
    { part: { metadata: { labels: { updated: 'yes' } } }, below: '' },
    ...(status ? [{ part: { status }, below: '/status' }] : []),
  ];
  for (const { part, below } of parts) {
    for (const kind of Object.keys(patches(part, ''))) {
      await end();
      const { metadata } = await make();
      const patch = patches(part, metadata.uid)[kind as 'json-patch+json'];
      const how = kind.startsWith('apply') ? '&fieldManager=test-apply&force=true' : '';
      const request = { contentType: `application/${kind}`, body: patch };
      const patched = await space.ask('PATCH', `${path}${below}?fieldValidation=Strict${how}`, request);
      if (below) assert.deepEqual(patched.status, status, kind);
      else assert.deepEqual(patched.metadata.labels, { ...labels, updated: 'yes' }, kind);
      await seen('MODIFIED', patched);
    }
  }
  await space.ask('DELETE', `${here}?${selector(mine)}`);
  await everywhere.next('the last end', ({ type }) => type === 'DELETED');
  assert.deepEqual(namesOf(await space.get(`${here}?${selector(mine)}`)), []);
}
