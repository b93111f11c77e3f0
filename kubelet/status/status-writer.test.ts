import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodCondition, PodStatus } from '../../api/core/pod/pod-status.ts';
import { buildStatusPatch } from './status-writer.ts';

const condition = (type: string, fields: Partial<PodCondition>): PodCondition =>
  ({ type, status: 'True', lastProbeTime: null, lastTransitionTime: 't', ...fields }) as unknown as PodCondition;

const cases: { name: string; before: PodStatus; after: PodStatus; want: object }[] = [
  {
    name: 'only what changed',
    before: { phase: 'Pending', hostIP: 'a' },
    after: { phase: 'Running', hostIP: 'a' },
    want: { phase: 'Running' },
  },
  { name: 'a field that is gone', before: { reason: 'x' }, after: {}, want: { reason: null } },
  {
    name: 'a condition loses its reason; the order is ours; conditions of others are not touched',
    before: { conditions: [condition('Ready', { status: 'False', reason: 'r', message: 'm' }), condition('x/y', {})] },
    after: { conditions: [condition('x/y', {}), condition('Ready', {})] },
    want: {
      '$setElementOrder/conditions': [{ type: 'x/y' }, { type: 'Ready' }],
      conditions: [{ reason: null, message: null, ...condition('Ready', {}) }],
    },
  },
  {
    name: 'another address takes the place of the old one',
    before: { podIP: '1', podIPs: [{ ip: '1' }] },
    after: { podIP: '2', podIPs: [{ ip: '2' }] },
    want: { podIP: '2', podIPs: [{ ip: '2' }, { ip: '1', $patch: 'delete' }] },
  },
];

describe('buildStatusPatch', () => {
  for (const { name, before, after, want } of cases) {
    test(name, () => assert.deepEqual(buildStatusPatch('u', before, after), { metadata: { uid: 'u' }, status: want }));
  }
});
