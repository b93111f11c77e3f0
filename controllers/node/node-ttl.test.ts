import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import { ObjectCache } from '../../client/store.ts';
import { node } from '../../test/builders/node.ts';
import { nextStep, nodeTtlController, ttlOf } from './node-ttl.ts';

describe('nextStep()', () => {
  const cases = [
    { from: 0, nodes: 1, ttl: '0' },
    { from: 0, nodes: 100, ttl: '0' },
    { from: 0, nodes: 101, ttl: '15' },
    { from: 1, nodes: 90, ttl: '15' },
    { from: 1, nodes: 89, ttl: '0' },
    { from: 0, nodes: 5000, ttl: '300' },
    { from: 4, nodes: 3, ttl: '0' },
  ];
  for (const { from, nodes, ttl } of cases)
    test(`${nodes} nodes, from ${ttlOf(from)} s: ${ttl} s`, () => assert.equal(ttlOf(nextStep(from, nodes)), ttl));
});

test('every node is told when the cluster has outgrown its step, and only once', async () => {
  const nodes = new ObjectCache<Node>();
  const patched: string[] = [];
  const queued: string[] = [];
  const deps = {
    nodes,
    patch: async ({ name }: { name: string }, { metadata }: any) =>
      patched.push(`${name} ${Object.values(metadata.annotations)}`),
    enqueue: (key: string) => queued.push(key),
    current: { step: 0 },
  } as unknown as Parameters<typeof nodeTtlController.reconcile>[1];
  const told = (ttl: string): Node => ({
    ...node('n'),
    metadata: { name: 'n', annotations: { 'node.alpha.kubernetes.io/ttl': ttl } },
  });
  nodes.put(node('n'));
  await nodeTtlController.reconcile(node('n'), deps);
  await nodeTtlController.reconcile(told('0'), deps);
  assert.deepEqual([patched, queued], [['n 0'], []]);
  for (let i = 0; i < 100; i++) nodes.put(node(`n${i}`));
  await nodeTtlController.reconcile(told('0'), deps);
  assert.deepEqual(patched, ['n 0', 'n 15']);
  assert.equal(queued.length, 101);
});
