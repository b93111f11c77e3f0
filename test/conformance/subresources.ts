// What the subresources of all workloads must do: scale and status.
import assert from 'node:assert/strict';
import { seenSince } from './api-watch.ts';
import type { Space } from './cluster.ts';
import { conditionOf, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';

/** Scale is read, replaced without a version and patched; what it says is what the object has. */
export async function scales(space: Space, path: string, labels: Record<string, string>): Promise<void> {
  const scale = await space.get(`${path}/scale`);
  assert.deepEqual([scale.apiVersion, scale.kind], ['autoscaling/v1', 'Scale']);
  assert.deepEqual([scale.spec.replicas, scale.status.replicas], [1, 1]);
  assert.equal(scale.status.selector, labelled(labels).labelSelector);
  delete scale.metadata.resourceVersion;
  scale.spec.replicas = 2;
  const replaced = await space.ask('PUT', `${path}/scale`, { body: scale });
  assert.equal(replaced.spec.replicas, 2);
  assert.equal((await space.get(path)).spec.replicas, 2);
  await runningPods(space, labels, 2);
  const body = { metadata: { creationTimestamp: null }, spec: { replicas: 4 }, status: { replicas: 0 } };
  const patched = await patch(space, `${path}/scale`, 'strategic-merge', body);
  assert.deepEqual([patched.kind, patched.spec.replicas], ['Scale', 4]);
  assert.equal((await space.get(path)).spec.replicas, 4);
  await space.until('the scale is there', `${path}/scale`, ({ status }) => status.replicas === 4);
  const stale = await space.request('PUT', `${path}/scale`, {
    body: { ...scale, metadata: { ...scale.metadata, resourceVersion: '1' } },
  });
  assert.deepEqual([stale.code, stale.body.reason], [409, 'Conflict']);
}

/** Conditions of a status: read, replaced and patched through its subresource, and told by a watch. */
export async function statusConditions(
  space: Space,
  list: string,
  name: string,
  labels: Record<string, string>,
): Promise<void> {
  const path = `${list}/${name}`;
  const everywhere = `${list.replace(/namespaces\/[^/]+\//, '')}${query(labelled(labels))}`;
  const before = await space.get(everywhere);
  assert.deepEqual(namesOf(before), [name]);
  const read = await space.get(`${path}/status`);
  assert.deepEqual([read.metadata.name, read.metadata.uid], [name, before.items[0].metadata.uid]);
  const added = { type: 'StatusUpdate', status: 'True', reason: 'E2E', message: 'Set from e2e test' };
  const updated = await update(
    space,
    path,
    ({ status }) => (status.conditions = [...(status.conditions ?? []), added]),
    '/status',
  );
  assert.deepEqual(conditionOf(updated, 'StatusUpdate'), { ...added, lastTransitionTime: null });
  const params = { resourceVersion: before.metadata.resourceVersion, ...labelled(labels) };
  const has =
    (type: string) =>
    ({ object }: any) =>
      object.metadata.name === name && conditionOf(object, type)?.status === 'True';
  const seen = await seenSince(space, list, params, 'the condition', has('StatusUpdate'));
  assert.equal(conditionOf(seen.object, 'StatusUpdate').message, 'Set from e2e test');
  const conditions = [{ type: 'StatusPatched', status: 'True' }];
  const patched = await patch(space, `${path}/status`, 'merge', { status: { conditions } });
  assert.deepEqual(
    patched.status.conditions.map(({ type }: any) => type),
    ['StatusPatched'],
  );
  await seenSince(space, list, params, 'the other condition', has('StatusPatched'));
  // Nothing of the specification goes in by this door.
  const { spec } = await patch(space, `${path}/status`, 'merge', { spec: { minReadySeconds: 77 } });
  assert.notEqual(spec.minReadySeconds, 77);
}
