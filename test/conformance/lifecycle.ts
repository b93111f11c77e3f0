// What every kind must do alike: a life of single objects, and all operations on a collection.
import assert from 'node:assert/strict';
import { ApiWatch } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { gone, merge, selecting, update } from './objects.ts';

/**
 * Creates, reads, patches, lists and deletes one object; creates another in its place, updates it and deletes the
 * collection. `collection`: its path; `rest`: what an object has beside its metadata.
 */
export async function livesAndDies(space: Space, collection: string, rest: object): Promise<void> {
  const make = (name: string) =>
    space.ask('POST', collection, { body: { metadata: { name, labels: { [name]: 'made' } }, ...rest } });
  const names = async (query: string) =>
    (await space.get(`${collection}?${query}`)).items.map((one: any) => one.metadata.name);
  const first = `${space.namespace}-a`;
  const made = await make(first);
  const again = await space.request('POST', collection, { body: { metadata: { name: first }, ...rest } });
  assert.deepEqual([again.code, again.body.reason], [409, 'AlreadyExists']);
  const read = await space.get(`${collection}/${first}`);
  assert.deepEqual([read.metadata.name, read.metadata.uid], [first, made.metadata.uid]);
  const patched = await space.ask('PATCH', `${collection}/${first}`, {
    body: { metadata: { labels: { [first]: 'patched' } } },
  });
  assert.equal(patched.metadata.labels[first], 'patched');
  assert.deepEqual(await names(selecting({ [first]: 'patched' })), [first]);
  assert.deepEqual(await names(selecting({ [first]: 'made' })), []);
  await space.ask('DELETE', `${collection}/${first}`);
  await gone(space, `${collection}/${first}`);
  const second = `${space.namespace}-b`;
  await make(second);
  const kept = await make(`${space.namespace}-c`);
  const updated = await update(space, `${collection}/${second}`, ({ metadata }) => {
    metadata.labels[second] = 'updated';
  });
  assert.equal(updated.metadata.labels[second], 'updated');
  await space.ask('DELETE', `${collection}?${selecting({ [second]: 'updated' })}`);
  await gone(space, `${collection}/${second}`);
  const other = `${collection}/${kept.metadata.name}`;
  assert.equal((await space.get(other)).metadata.uid, kept.metadata.uid);
  await space.ask('DELETE', other);
}

interface Operations {
  /** `['networking.k8s.io', 'v1', 'ingresses']`. */
  resource: [group: string, version: string, plural: string];
  isNamespaced: boolean;
  /** What an object has beside its metadata; three are made. */
  rest: (index: number) => object;
  /** Of an object, when names are not the server's to give. */
  name?: (index: number) => string;
  /** What the kind has more. */
  more?: (object: string) => Promise<void>;
}

async function assertDiscovered(space: Space, [group, version, plural]: Operations['resource']): Promise<void> {
  const { groups } = await space.get('/apis');
  const listed = groups.find((one: any) => one.name === group);
  const groupVersion = `${group}/${version}`;
  assert.ok(listed?.versions.some((one: any) => one.groupVersion === groupVersion));
  const alone = await space.get(`/apis/${group}`);
  assert.ok(alone.versions.some((one: any) => one.groupVersion === groupVersion));
  const { resources } = await space.get(`/apis/${groupVersion}`);
  const found = resources.find((one: any) => one.name === plural);
  const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
  assert.deepEqual(found?.verbs.toSorted(), verbs);
}

/** All verbs of a kind, with watches of one namespace and of all, as the programme goes through them. */
export async function supportsAllOperations(space: Space, operations: Operations): Promise<void> {
  const { resource, isNamespaced, rest, name, more } = operations;
  await assertDiscovered(space, resource);
  const [group, version, plural] = resource;
  const everywhere = `/apis/${group}/${version}/${plural}`;
  const collection = isNamespaced ? space.path(`/apis/${group}/${version}`, plural) : everywhere;
  const query = selecting({ 'special-label': space.namespace });
  const make = (index: number) => {
    const called = name ? { name: name(index) } : { generateName: 'e2e-example-' };
    const metadata = { ...called, labels: { 'special-label': space.namespace } };
    return space.ask('POST', collection, { body: { metadata, ...rest(index) } });
  };
  const made = [await make(0), await make(1), await make(2)];
  const [first] = made;
  const path = `${collection}/${first.metadata.name}`;
  assert.equal((await space.get(path)).metadata.uid, first.metadata.uid);
  const uids = async (of: string) => (await space.get(`${of}?${query}`)).items.map((one: any) => one.metadata.uid);
  const all = made.map((one) => one.metadata.uid).toSorted();
  for (const at of [collection, everywhere]) assert.deepEqual((await uids(at)).toSorted(), all);

  const { metadata } = await space.get(`${collection}?${query}`);
  const since = `${query}&resourceVersion=${metadata.resourceVersion}`;
  const watches = [
    await ApiWatch.open(space, `${collection}?${since}`),
    await ApiWatch.open(space, `${everywhere}?${since}`),
  ];
  try {
    const patch = { metadata: { annotations: { patched: 'true' } } };
    const patched = await space.ask('PATCH', path, { body: patch, contentType: merge });
    assert.equal(patched.metadata.annotations.patched, 'true');
    const updated = await update(space, path, (object) => {
      object.metadata.annotations.updated = 'true';
    });
    assert.equal(updated.metadata.annotations.updated, 'true');
    for (const watch of watches) {
      const { object } = await watch.until('it was updated', ({ object }) => object.metadata.annotations?.updated);
      assert.equal(object.metadata.annotations.patched, 'true');
      assert.deepEqual(new Set(watch.told.map(({ type }) => type)), new Set(['MODIFIED']));
    }
    await more?.(path);
    await space.ask('DELETE', path);
    await space.until('it is gone', `${collection}?${query}`, ({ items }) => items.length === 2);
    assert.equal((await space.request('GET', path)).code, 404);
    await space.ask('DELETE', `${collection}?${query}`);
    await space.until('all are gone', `${collection}?${query}`, ({ items }) => items.length === 0);
    for (const watch of watches) {
      for (const uid of all) {
        await watch.until(`${uid} is gone`, ({ type, object }) => type === 'DELETED' && object.metadata.uid === uid);
      }
    }
  } finally {
    for (const watch of watches) watch[Symbol.dispose]();
  }
}
