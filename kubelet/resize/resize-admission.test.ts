import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { byTurn, judgeResize, type PendingResize } from './resize-admission.ts';

const node = {
  metadata: { name: 'n' },
  spec: {},
  status: { capacity: { cpu: '4', memory: '4Gi' }, allocatable: { cpu: '4', memory: '3Gi', pods: '110' } },
} as Node;

const podOf = (requests: Record<string, string>, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p', uid: JSON.stringify(requests), generation: 2 },
  spec: { containers: [{ name: 'c', resources: { requests } }], ...more },
  status: {},
});
const other = podOf({ cpu: '2', memory: '1Gi' });

const cases: [string, Record<string, string>, string | undefined][] = [
  ['what fits', { cpu: '2', memory: '2Gi' }, undefined],
  [
    'what others have now',
    { cpu: '2500m' },
    "Deferred (OutOfcpu): Node didn't have enough resource: cpu, requested: 2500, used: 2000, capacity: 4000",
  ],
  [
    'what the node gives nobody',
    { memory: '3500Mi' },
    "Deferred (OutOfmemory): Node didn't have enough resource: memory, requested: 3670016000, used: 1073741824, capacity: 3221225472",
  ],
  [
    'more cpu than there is',
    { cpu: '5' },
    "Infeasible: Node didn't have enough capacity: cpu, requested: 5000, capacity: 4000",
  ],
  [
    'more of both than there is',
    { cpu: '5', memory: '4500Mi' },
    "Infeasible: Node didn't have enough capacity: memory, requested: 4718592000, capacity: 4294967296",
  ],
];
describe('judgeResize()', () => {
  for (const [name, requests, want] of cases)
    test(name, () => {
      const refusal = judgeResize(podOf(requests), node, [other]);
      const said = refusal?.said ? ` (${refusal.said})` : '';
      assert.equal(refusal && `${refusal.reason}${said}: ${refusal.message}`, want);
    });
});

test('those that wait are looked at in turn', () => {
  const grows = (name: string, more: Partial<Pod['spec']> = {}, since?: string): PendingResize & { name: string } => ({
    name,
    desired: podOf({ cpu: '2' }, more),
    allocated: podOf({ cpu: '1' }),
    since,
  });
  const same = { requests: { cpu: '2', memory: '1Gi' }, limits: { cpu: '2', memory: '1Gi' } };
  const pending = [
    grows('new'),
    grows('late', {}, '2026-01-01T00:01:00Z'),
    grows('early', {}, '2026-01-01T00:00:00Z'),
    grows('guaranteed', { containers: [{ name: 'c', resources: same }] }),
    grows('important', { priority: 5 }),
    { ...grows('less'), allocated: podOf({ cpu: '3' }) },
  ];
  const order = ['less', 'important', 'guaranteed', 'early', 'late', 'new'];
  assert.deepEqual(
    pending.sort(byTurn).map(({ name }) => name),
    order,
  );
  assert.deepEqual(
    pending
      .reverse()
      .sort(byTurn)
      .map(({ name }) => name),
    order,
  );
});
