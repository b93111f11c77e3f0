import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplicaSetKind } from '../../api/apps/replicaset.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { TransportError } from '../../client/transport.ts';
import { alreadyExistsError, forbiddenError, internalError, notFoundError } from '../../machinery/errors.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import { replicaSet, template } from '../../test/builders/workload.ts';
import { PodControl, podFromTemplate } from './pod-control.ts';

const pods = { group: '', resource: 'pods' };
const set = replicaSet('rs', 1);
const wanted = podFromTemplate(ReplicaSetKind, set, template() as never);

/** A server of pods whose answers may be lost: 'before' it did what it was asked, or 'after'; or which is 'ill'. */
function world(faults: ('before' | 'after' | 'ill' | undefined)[]) {
  const clock = new FakeClock();
  const there = new Map<string, Pod>();
  const events: string[] = [];
  const call = async <R>(act: () => R): Promise<R> => {
    const fault = faults.shift();
    if (fault === 'ill') throw internalError('etcdserver: request timed out');
    if (fault === 'before') throw new TransportError('not reached');
    const answer = act();
    if (fault === 'after') throw new TransportError('the answer is lost');
    return answer;
  };
  const client = {
    create: (pod: Pod) =>
      call(() => {
        const name = pod.metadata.name ?? '';
        if (there.has(name)) throw alreadyExistsError(pods, name);
        there.set(name, pod);
        return pod;
      }),
    get: ({ name }: { name: string }) =>
      call(() => {
        if (!there.has(name)) throw notFoundError(pods, name);
        return there.get(name)!;
      }),
    delete: ({ name }: { name: string }) =>
      call(() => {
        if (!there.delete(name)) throw notFoundError(pods, name);
      }),
  };
  const context = {
    clock,
    random: seededRandom(1),
    signal: new AbortController().signal,
    resource: () => client,
    recorder: () => ({
      event: (_: unknown, type: string, reason: string, message: string) => events.push(`${type} ${reason} ${message}`),
    }),
  };
  const control = new PodControl(context as unknown as ControllerContext, ReplicaSetKind, 'replicaset-controller');
  /** Lets time pass until it is done. */
  const done = async <R>(work: Promise<R>): Promise<R> => {
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    for (let i = 0; i < 100 && !isDone; i++) {
      await new Promise(setImmediate);
      await clock.advance(50);
    }
    return settled;
  };
  return { control, there, events, client, done };
}

for (const faults of [
  ['after'],
  ['before'],
  ['before', 'after', 'before'],
  ['after', undefined, 'after'],
  ['after', 'ill'],
  ['after', 'ill', 'ill', 'ill'],
] as const) {
  test(`one pod is made whatever is lost: ${faults.map((f) => f ?? 'nothing').join(', ')}`, async () => {
    const { control, there, events, done } = world([...faults]);
    const made = await done(control.create(set, wanted));
    assert.match(made.metadata.name ?? '', /^rs-[a-z0-9]{5}$/);
    assert.equal(made.metadata.generateName, 'rs-');
    assert.equal(there.size, 1);
    assert.deepEqual(events, [`Normal SuccessfulCreate Created pod: ${made.metadata.name}`]);
  });
}

test('one that was not made is refused all the same', async () => {
  const { control, there, done } = world(['before', 'ill']);
  await assert.rejects(done(control.create(set, wanted)), /request timed out/);
  assert.equal(there.size, 0);
});

test('one that was made and is gone again has been made', async () => {
  const { control, there, events, client, done } = world(['after']);
  const { get } = client;
  client.get = (target) => {
    there.clear();
    return get(target);
  };
  await done(control.create(set, wanted));
  assert.deepEqual([there.size, events.length], [0, 1]);
});

test('a name that somebody else has is not taken for ours', async () => {
  const { control, there, client, done } = world([]);
  const { create } = client;
  let isFirst = true;
  client.create = (pod) => {
    if (isFirst) there.set(pod.metadata.name!, { ...pod, metadata: { ...pod.metadata, ownerReferences: [] } } as Pod);
    isFirst = false;
    return create(pod);
  };
  await done(control.create(set, wanted));
  assert.equal(there.size, 2);
});

test('what is refused is told in the words for a name that the server makes', async () => {
  const { control, events, client, done } = world([]);
  client.create = async ({ metadata }) => {
    throw forbiddenError(pods, metadata.name ?? '', 'exceeded quota');
  };
  await assert.rejects(done(control.create(set, wanted)), /^StatusError: pods "rs-" is forbidden: exceeded quota$/);
  assert.deepEqual(events, ['Warning FailedCreate Error creating: pods "rs-" is forbidden: exceeded quota']);
});

test('a deletion whose answer is lost is done once', async () => {
  const { control, there, done } = world(['after']);
  there.set('p', { metadata: { name: 'p', namespace: 'default', uid: 'u' } } as Pod);
  assert.equal(await done(control.delete(set, there.get('p')!)), true);
  assert.equal(there.size, 0);
  // Gone before is as good, and nothing is awaited.
  assert.equal(await done(control.delete(set, wanted)), false);
});
