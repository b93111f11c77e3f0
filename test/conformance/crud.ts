// A kind of the API through every verb, each kind of patch and two watches.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { namesOf, newer, refused, selector } from './objects.ts';

export interface Crud {
  version: string;
  resource: string;
  isNamespaced: boolean;
  name: string;
  spec: object;
  /** Of the status, for kinds that have one: before and after. */
  status?: object;
}

/** A change of labels or of the status, as each kind of patch says it. */
const patchesOf = (kind: { metadata: object }, labels: Record<string, string>, status?: object) => {
  const { metadata, ...type } = kind;
  const document = { ...type, metadata: { ...metadata, ...(status ? {} : { labels }) }, ...(status ? { status } : {}) };
  const operations = Object.entries(labels).map(([key, value]) => ({
    op: 'add',
    path: `/metadata/labels/${key}`,
    value,
  }));
  return {
    'strategic-merge-patch+json': document,
    'apply-patch+yaml': document,
    'merge-patch+json': document,
    'json-patch+json': status ? [{ op: 'add', path: '/status', value: status }] : operations,
  };
};

/** The events of one object, as two watches tell them: of all of its kind that are marked, and of its own place. */
async function follow(space: Space, all: string, here: string, mine: string) {
  const { resourceVersion } = (await space.get(`${all}?${mine}`)).metadata;
  // As today's informers begin: what is there comes first, and a bookmark when all of it has come.
  const initial = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
  const everywhere = await ApiWatch.open(space, `${all}?${mine}&${initial}`);
  const begun = await everywhere.next('the bookmark', ({ type }) => type === 'BOOKMARK');
  assert.equal(begun.object.metadata.annotations['k8s.io/initial-events-end'], 'true');
  assert.equal(everywhere.told.length, 1);
  const both = [everywhere, await ApiWatch.open(space, `${here}?${mine}&resourceVersion=${resourceVersion}`)];
  return {
    /** The next event is of that type, and of `object` or of what came after it. */
    async seen(type: string, object: any) {
      for (const watch of both) {
        const event = await watch.next(type, (one) => one.type !== 'BOOKMARK');
        assert.equal(event.type, type);
        assert.equal(event.object.metadata.uid, object.metadata.uid);
        assert.ok(!newer(object, event.object), `${type} ${JSON.stringify(event.object.metadata)}`);
      }
    },
    [Symbol.dispose]: () => {
      for (const watch of both) watch[Symbol.dispose]();
    },
  };
}

/** What the programme does with kinds that have no life of their own: every verb, each kind of patch, and two watches. */
export async function crud(space: Space, { version, resource, isNamespaced, name, spec, status }: Crud): Promise<void> {
  const kinds = (await space.get(version)).resources;
  assert.ok(kinds.some((one: any) => one.name === resource && one.namespaced === isNamespaced));
  const mine = selector(`e2e-test.kubernetes.io=${space.namespace}`);
  const labels = { 'e2e-test.kubernetes.io': space.namespace };
  const all = `${version}/${resource}`;
  const here = isNamespaced ? space.path(version, resource) : all;
  const path = `${here}/${name}`;
  using watches = await follow(space, all, here, mine);
  const body = { metadata: { name, labels, creationTimestamp: null }, spec, ...(status ? { status: {} } : {}) };
  const make = async () => {
    const made = await space.ask('POST', `${here}?fieldValidation=Strict`, { body });
    await watches.seen('ADDED', made);
    return made;
  };

  const created = await make();
  assert.deepEqual((await space.get(path)).spec, created.spec);
  assert.deepEqual(namesOf(await space.get(`${all}?${mine}`)), [name]);
  assert.deepEqual(namesOf(await space.get(`${here}?${mine}`)), [name]);
  const changed = { ...created, metadata: { ...created.metadata, labels: { ...labels, updated: 'yes' } } };
  let last = await space.ask('PUT', path, { body: changed });
  assert.ok(newer(last, created));
  await watches.seen('MODIFIED', last);
  await refused(space, 'PUT', path, 409, { body: changed });
  if (status) {
    last = await space.ask('PUT', `${path}/status`, { body: { ...last, status } });
    assert.deepEqual(last.status, status);
    await watches.seen('MODIFIED', last);
    assert.deepEqual((await space.get(`${path}/status`)).status, status);
  }

  const type = { apiVersion: version.replace('/apis/', ''), kind: created.kind, metadata: { name } };
  for (const part of status ? [undefined, status] : [undefined]) {
    for (const [kind, patch] of Object.entries(patchesOf(type, { updated: 'yes' }, part))) {
      await space.ask('DELETE', path);
      await watches.seen('DELETED', last);
      await refused(space, 'GET', path, 404);
      const { metadata } = await make();
      const how = kind.startsWith('apply') ? '&fieldManager=test-apply&force=true' : '';
      const target = `${path}${part ? '/status' : ''}?fieldValidation=Strict${how}`;
      const sent = Array.isArray(patch) ? patch : { ...patch, metadata: { ...patch.metadata, uid: metadata.uid } };
      last = await space.ask('PATCH', target, { contentType: `application/${kind}`, body: sent });
      if (part) assert.deepEqual(last.status, status, kind);
      else assert.deepEqual(last.metadata.labels, { ...labels, updated: 'yes' }, kind);
      await watches.seen('MODIFIED', last);
    }
  }
  await space.ask('DELETE', `${here}?${mine}`);
  await watches.seen('DELETED', last);
  assert.deepEqual(namesOf(await space.get(`${here}?${mine}`)), []);
}
