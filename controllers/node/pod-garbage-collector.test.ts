import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { FedInformer } from '../../test/builders/fed-informer.ts';
import { pod, secondsAgo } from '../../test/builders/pod.ts';
import { planSurplus, podGarbageCollector } from './pod-garbage-collector.ts';

/** A pod that ended, made so many seconds ago. */
const ended = (name: string, ageSeconds: number, status: object = {}): Pod => {
  const built = pod(name).on('n').build();
  const metadata = { ...built.metadata, creationTimestamp: secondsAgo(ageSeconds) };
  return { ...built, metadata, status: { phase: 'Succeeded', ...status } } as Pod;
};
const names = (pods: readonly Pod[]) => pods.map(({ metadata }) => metadata.name);

test('evicted pods go first, then the oldest, then by name', () => {
  const pods = [
    ended('young', 1),
    ended('old', 9),
    ended('b', 5),
    ended('a', 5),
    ended('evicted', 2, { phase: 'Failed', reason: 'Evicted' }),
  ];
  assert.deepEqual(names(planSurplus(pods, 1)), ['evicted', 'old', 'a', 'b']);
  assert.deepEqual(planSurplus(pods, 5), []);
  assert.deepEqual(planSurplus([], 0), []);
});

function world(threshold: number) {
  const clock = new FakeClock();
  const pods = new FedInformer<Pod>();
  const nodes = new FedInformer<any>();
  nodes.put({ metadata: { name: 'n' } });
  const deleted: string[] = [];
  const enqueued: string[] = [];
  const context = {
    clock,
    informer: ({ kind }: { kind: string }) => (kind === 'Node' ? nodes : pods),
    resource: () => ({
      delete: async ({ name }: { name: string }, options: object) => deleted.push(`${name} ${JSON.stringify(options)}`),
    }),
  };
  const controller = podGarbageCollector(threshold);
  const deps = controller.deps(context as unknown as ControllerContext, (key) => enqueued.push(key));
  const reconcile = async () => {
    for (const key of enqueued.splice(0)) await controller.reconcile(pods.lister.get(key)!, deps);
  };
  return { clock, pods, deleted, reconcile };
}

test('as many ended pods stay as may, whatever still runs', async () => {
  const { clock, pods, deleted, reconcile } = world(2);
  pods.put(pod('runs').on('n').build());
  for (const [i, name] of ['c', 'b', 'a'].entries()) pods.put(ended(name, 10 + i));
  await reconcile();
  assert.deepEqual(deleted, []);
  await clock.advance(20_000);
  await reconcile();
  assert.deepEqual(deleted, ['a {"gracePeriodSeconds":0,"uid":"uid-a"}']);
  // One that came back under the name is no surplus.
  pods.remove(ended('a', 12));
  pods.put(pod('a').on('n').build());
  await clock.advance(60_000);
  await reconcile();
  assert.equal(deleted.length, 1);
});

test('with 0 all of them stay', async () => {
  const { clock, pods, deleted, reconcile } = world(0);
  pods.put(ended('a', 1));
  await clock.advance(60_000);
  await reconcile();
  assert.deepEqual(deleted, []);
});
