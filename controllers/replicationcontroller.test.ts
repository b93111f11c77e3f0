import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplicationController } from '../api/core/replicationcontroller.ts';
import { matchesLabelSelector } from '../machinery/labels.ts';
import { asReplicaSet } from './replicationcontroller.ts';

const metadata = { name: 'rc', namespace: 'default', uid: 'uid-rc' };

test('labels of a replication controller become the selector of a set; none select nothing', () => {
  const of = (selector?: Record<string, string>) =>
    asReplicaSet({ metadata, spec: { replicas: 2, ...(selector ? { selector } : {}) } } as ReplicationController);
  // Also where a label is called like a field of the other form of selector.
  const set = of({ matchLabels: 'x' });
  assert.deepEqual(set, { metadata, spec: { replicas: 2, selector: { matchLabels: { matchLabels: 'x' } } } });
  assert.equal(matchesLabelSelector(set.spec.selector, { matchLabels: 'x', more: 'y' }), true);
  assert.equal(matchesLabelSelector(of().spec.selector, { a: 'b' }), false);
});
