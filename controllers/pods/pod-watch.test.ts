import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicaSetKind } from '../../api/apps/replicaset.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import type { ChangeHandler } from '../../client/informer.ts';
import { ObjectCache } from '../../client/store.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { pod } from '../../test/builders/pod.ts';
import { replicaSet } from '../../test/builders/workload.ts';
import { deletePods } from './delete-pods.ts';
import { watchOwnedPods } from './pod-watch.ts';

const set = replicaSet('rs', 1);
const uid = set.metadata.uid ?? '';

/** A watch over pods; `change` plays it. */
function world() {
  const clock = new FakeClock();
  const handlers: ChangeHandler<Pod>[] = [];
  const woken: string[] = [];
  const informer = {
    lister: new ObjectCache<Pod>(),
    addIndex: () => undefined,
    onChange: (handler: ChangeHandler<Pod>) => handlers.push(handler),
  };
  const context = { clock, informer: () => informer } as unknown as ControllerContext;
  const owned = watchOwnedPods(context, ReplicaSetKind, new ObjectCache(), (owner, afterMs) =>
    woken.push(`${owner} ${afterMs}`),
  );
  const change: ChangeHandler<Pod> = (object, old) => handlers.forEach((handler) => void handler(object, old));
  return { clock, owned, woken, change };
}

test('an owner that waits for what it never sees comes back when that is given up', async () => {
  const { clock, owned, woken } = world();
  owned.expectations.expectCreations(uid, 1);
  await clock.advance(60_000);
  assert.equal(owned.isSettled(set), false);
  assert.deepEqual(woken, ['default/rs 240000']);
  await clock.advance(240_000);
  assert.equal(owned.isSettled(set), true);
  assert.equal(woken.length, 1);
});

test('pods of an owner that had the name before are not taken for those that are awaited', () => {
  const { owned, change } = world();
  const before = { ...set, metadata: { ...set.metadata, uid: 'before' } };
  owned.expectations.expectCreations(uid, 1);
  change(pod('old').ownedBy(before).build(), undefined);
  assert.equal(owned.isSettled(set), false);
  change(pod('new').ownedBy(set).build(), undefined);
  assert.equal(owned.isSettled(set), true);
});

test('deleted pods are awaited until they are seen to go; those gone before, or not deleted, are not', async () => {
  const { owned, change } = world();
  const [there, gone, kept] = ['there', 'gone', 'kept'].map((name) => pod(name).ownedBy(set).build());
  owned.expectations.expectDeletions(uid, [there!, gone!, kept!].map(keyOf));
  const control = {
    async delete(_: object, victim: Pod) {
      if (victim === kept) throw new Error('no');
      return victim === there;
    },
  };
  await assert.rejects(deletePods(set, [there!, gone!, kept!], { control, expectations: owned.expectations }), /no/);
  assert.equal(owned.isSettled(set), false);
  change(undefined, there);
  assert.equal(owned.isSettled(set), true);
});
