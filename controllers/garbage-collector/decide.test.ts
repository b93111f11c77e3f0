import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { secondsAgo } from '../../test/builders/pod.ts';
import { blocks, decide, type OwnerState } from './decide.ts';

const object = (metadata: object = {}) => ({ metadata: { name: 'o', uid: 'o', ...metadata } });
const owners = (...states: OwnerState[]) =>
  states.map((state, i) => ({
    reference: { apiVersion: 'v1', kind: 'ConfigMap', name: `w${i}`, uid: `w${i}` },
    state,
  }));
const deleting = { deletionTimestamp: secondsAgo(1) };

describe('decide()', () => {
  const cases: { name: string; object?: object; states: OwnerState[]; dependents?: boolean; want: object }[] = [
    { name: 'nobody owns it', states: [], want: { action: 'none' } },
    { name: 'its owner is there', states: ['present'], want: { action: 'none' } },
    { name: 'its owner is gone', states: ['absent'], want: { action: 'delete', propagationPolicy: 'Background' } },
    { name: 'one of two is gone', states: ['absent', 'present'], want: { action: 'drop-owners', uids: ['w0'] } },
    { name: 'its owner waits', states: ['waiting'], want: { action: 'delete', propagationPolicy: 'Background' } },
    {
      name: 'its owner waits, and it owns something itself',
      states: ['waiting'],
      dependents: true,
      want: { action: 'delete', propagationPolicy: 'Foreground' },
    },
    {
      name: 'it was to leave its own dependents alone',
      object: { finalizers: ['orphan'] },
      states: ['absent'],
      want: { action: 'delete', propagationPolicy: 'Orphan' },
    },
    { name: 'it is going already', object: deleting, states: ['absent'], want: { action: 'none' } },
  ];
  for (const { name, object: metadata, states, dependents = false, want } of cases) {
    test(name, () =>
      assert.deepEqual(decide(object(metadata), owners(...states), { hasDependents: dependents }), want),
    );
  }
});

test('blocks() only where the reference says so', () => {
  const reference = { apiVersion: 'v1', kind: 'ConfigMap', name: 'w', uid: 'w' };
  const withBlock = (blockOwnerDeletion: boolean) =>
    object({ ownerReferences: [{ ...reference, blockOwnerDeletion }] });
  assert.deepEqual(
    [blocks(withBlock(true), 'w'), blocks(withBlock(false), 'w'), blocks(withBlock(true), 'x')],
    [true, false, false],
  );
});
