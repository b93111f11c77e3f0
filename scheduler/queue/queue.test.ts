import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { node, pod } from '../../test/builders/scheduling.ts';
import { defaultBackoff } from '../config/configuration.ts';
import { NodeInfo } from '../framework/node-info.ts';
import type { ClusterEvent } from '../framework/plugin.ts';
import { nodeResourcesFit } from '../plugins/node-resources-fit.ts';
import { schedulingGates } from '../plugins/scheduling-gates.ts';
import { SchedulingQueue } from './queue.ts';

type QueueMetrics = ConstructorParameters<typeof SchedulingQueue>[3];
const silent: QueueMetrics = { incoming: () => undefined, handled: () => undefined, hinted: () => undefined };
const newQueue = (clock = new FakeClock(), metrics: Partial<QueueMetrics> = {}) =>
  new SchedulingQueue(clock, () => [schedulingGates], defaultBackoff, { ...silent, ...metrics });

function nodeAdded(cpu: string): ClusterEvent {
  const info = new NodeInfo('n');
  info.setNode(node('n').has({ cpu }).build());
  return { type: 'NodeAdded', node: info };
}

test('pods come out by priority, then by age', () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.set(pod('old').build());
  void clock.advance(1);
  queue.set(pod('young').build());
  queue.set(pod('urgent').priority(10).build());
  assert.deepEqual(
    [queue.pop()?.key, queue.pop()?.key, queue.pop()?.key, queue.pop()],
    ['default/urgent', 'default/old', 'default/young', undefined],
  );
});

test('a rejected pod waits for an event that may help it, and then for its back-off while others are active', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.set(pod('p').asks({ cpu: '2' }).build());
  queue.reject(queue.pop()!, [nodeResourcesFit]);
  queue.onEvent(nodeAdded('1'));
  assert.equal(queue.counts().unschedulable, 1);
  queue.onEvent(nodeAdded('4'));
  assert.deepEqual(queue.counts(), { active: 0, backoff: 1, unschedulable: 0, gated: 0 });
  queue.set(pod('q').build());
  assert.equal(queue.pop()?.key, 'default/q');
  await clock.advance(1_000);
  assert.equal(queue.counts().active, 1);
  assert.equal(queue.pop()?.key, 'default/p');
});

test('where none is active those that back off come out, the soonest first, but not after an error', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  let woken = 0;
  queue.onActive(() => woken++);
  const refuse = (name: string) => queue.reject(queue.pop()!, name === 'failed' ? [] : [nodeResourcesFit]);
  for (const name of ['twice', 'once', 'urgent', 'failed']) {
    queue.set(
      pod(name)
        .asks({ cpu: '2' })
        .priority(name === 'urgent' ? 5 : 0)
        .build(),
    );
    if (name === 'failed') queue.retry(queue.pop()!);
    else refuse(name);
    if (name === 'twice') {
      queue.onEvent(nodeAdded('4'));
      refuse(name);
    }
  }
  woken = 0;
  queue.onEvent(nodeAdded('4'));
  assert.deepEqual([queue.counts().backoff, woken], [4, 3]);
  const out = Array.from({ length: 4 }, () => queue.pop()?.key);
  assert.deepEqual(out, ['default/urgent', 'default/once', 'default/twice', undefined]);
  assert.equal(queue.counts().backoff, 1);
  queue.close();
});

test('an error after many refusals is waited out as the first', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.set(pod('p').asks({ cpu: '2' }).build());
  for (let i = 0; i < 4; i++) {
    queue.reject(queue.pop()!, [nodeResourcesFit]);
    queue.onEvent(nodeAdded('4'));
  }
  queue.retry(queue.pop()!);
  await clock.advance(1_000);
  assert.equal(queue.counts().active, 1);
  queue.close();
});

test('an event during the cycle is not lost', () => {
  const queue = newQueue();
  queue.set(pod('p').asks({ cpu: '2' }).build());
  const taken = queue.pop()!;
  queue.onEvent(nodeAdded('4'));
  queue.reject(taken, [nodeResourcesFit]);
  assert.equal(queue.counts().backoff, 1);
});

test('a gated pod waits until its gates are off', () => {
  const queue = newQueue();
  queue.set(pod('p').gate('g').build());
  assert.deepEqual([queue.pop(), queue.counts().gated], [undefined, 1]);
  queue.set(pod('p').build());
  assert.equal(queue.pop()?.key, 'default/p');
});

test('a pod that is deleted in its cycle does not come back', () => {
  const queue = newQueue();
  queue.set(pod('p').build());
  const taken = queue.pop()!;
  queue.delete('default/p');
  queue.retry(taken);
  assert.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 0, gated: 0 });
});

test('failures that have nothing to do with fitting are waited out, longer each time', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.set(pod('p').build());
  const waitedMs: number[] = [];
  for (let i = 0; i < 7; i++) {
    queue.retry(queue.pop()!);
    const failedAtMs = clock.monotonicMs();
    while (queue.counts().active === 0) await clock.advance(500);
    waitedMs.push(clock.monotonicMs() - failedAtMs);
  }
  assert.deepEqual(waitedMs, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 10_000]);
});

test('a pod that changes while it backs off goes on to back off', async () => {
  const clock = new FakeClock();
  const queue = newQueue(clock);
  queue.set(pod('p').build());
  queue.retry(queue.pop()!);
  queue.set(pod('p').asks({ cpu: '1' }).build());
  assert.equal(queue.pop(), undefined);
  await clock.advance(1_000);
  assert.equal(queue.pop()?.info.requests.cpuMillis, 1_000);
  queue.close();
});

test('the end of the cycle of a deleted pod does not touch its namesake', () => {
  for (const end of ['done', 'retry', 'reject'] as const) {
    const queue = newQueue();
    queue.set(pod('p').build());
    const first = queue.pop()!;
    queue.delete('default/p');
    queue.set(pod('p').build());
    const second = queue.pop()!;
    queue[end](first, [nodeResourcesFit]);
    assert.deepEqual(queue.counts(), { active: 0, backoff: 0, unschedulable: 0, gated: 0 }, end);
    queue.reject(second, [nodeResourcesFit]);
    assert.equal(queue.counts().unschedulable, 1, end);
  }
});

test('metrics are told which queue a pod comes into, and why', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const queue = newQueue(clock, { incoming: (to, event) => void told.push(`${to} ${event}`) });
  const said = () => told.splice(0);
  queue.set(pod('gated').gate('g').build());
  queue.set(pod('gated').build());
  assert.deepEqual(said(), [
    'unschedulable UnschedulablePodAdd',
    'active UnschedulablePodUpdatePodSchedulingGatesEliminated',
  ]);
  queue.done(queue.pop()!);
  queue.set(pod('p').asks({ cpu: '2' }).build());
  queue.reject(queue.pop()!, [nodeResourcesFit]);
  queue.onEvent(nodeAdded('4'));
  await clock.advance(1_000);
  assert.deepEqual(said(), [
    'active UnschedulablePodAdd',
    'unschedulable ScheduleAttemptFailure',
    'backoff NodeAdd',
    'active BackoffComplete',
  ]);
  queue.reject(queue.pop()!, [nodeResourcesFit]);
  queue.set(pod('p').asks({ cpu: '1' }).build());
  queue.retry(queue.pop()!);
  await clock.advance(1_000);
  queue.reject(queue.pop()!, [nodeResourcesFit]);
  await clock.advance(6 * 60_000);
  assert.deepEqual(said(), [
    'unschedulable ScheduleAttemptFailure',
    'active UnschedulablePodUpdate',
    'backoff ScheduleAttemptFailure',
    'active BackoffComplete',
    'unschedulable ScheduleAttemptFailure',
    'active UnschedulableTimeout',
  ]);
  queue.close();
});

test('metrics are told how long an event took, and at one of ten what each plugin says to it', async () => {
  const told: string[] = [];
  const queue = newQueue(new FakeClock(), {
    handled: (event, ms) => void told.push(`${event} ${ms}`),
    hinted: (labels, ms) => void told.push(`${labels.join(' ')} ${ms}`),
  });
  queue.set(pod('p').asks({ cpu: '8' }).build());
  queue.reject(queue.pop()!, [nodeResourcesFit]);
  for (let i = 0; i < 10; i++) queue.onEvent(nodeAdded('4'));
  queue.onEvent(nodeAdded('16'));
  const skipped = ['NodeResourcesFit NodeAdd QueueSkip 0', ...Array(10).fill('NodeAdd 0')];
  assert.deepEqual(told, [...skipped, 'NodeResourcesFit NodeAdd Queue 0', 'NodeAdd 0']);
  queue.close();
});
