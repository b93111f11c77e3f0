import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DaemonSet } from '../../api/apps/daemonset.ts';
import { forbiddenError } from '../../machinery/errors.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { node } from '../../test/builders/node.ts';
import { testTimeMs } from '../../test/builders/pod.ts';
import { daemonSet } from '../../test/builders/workload.ts';
import { daemonSetController } from './daemonset.ts';

type Deps = Parameters<typeof daemonSetController.reconcile>[1];

test('a daemon set whose pods are refused says what it wants all the same', async () => {
  const statuses: DaemonSet['status'][] = [];
  const refusal = forbiddenError({ group: '', resource: 'pods' }, '', 'exceeded quota');
  const deps = {
    clock: new FakeClock(testTimeMs),
    nodes: { list: () => [node('n1'), node('n2')] },
    revisionsFor: () => [],
    revisionClient: { create: async (revision: object) => revision },
    owned: {
      expectations: { expect: () => undefined, creationObserved: () => undefined },
      isSettled: () => true,
      candidates: () => [],
    },
    control: { create: () => Promise.reject(refusal) },
    setClient: { updateStatus: async (set: DaemonSet) => statuses.push(set.status) },
    failures: new Map(),
  } as unknown as Deps;
  await assert.rejects(daemonSetController.reconcile(daemonSet(), deps), /exceeded quota/);
  assert.deepEqual(
    statuses.map((s) => [s?.desiredNumberScheduled, s?.currentNumberScheduled, s?.observedGeneration]),
    [[2, 0, 1]],
  );
});
