import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodCondition, PodStatus } from '../../api/core/pod/pod-status.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ResourceClient } from '../../client/rest.ts';
import { notFoundError } from '../../machinery/errors.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { buildStatusPatch, StatusWriter } from './status-writer.ts';

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
    name: 'a condition of ours that is over goes; those of others stay',
    before: { conditions: [condition('PodResizePending', {}), condition('DisruptionTarget', {})] },
    after: { conditions: [] },
    want: {
      '$setElementOrder/conditions': [],
      conditions: [{ type: 'PodResizePending', $patch: 'delete' }],
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

describe('StatusWriter', () => {
  const pod: Pod = {
    metadata: { name: 'p', namespace: 'ns', uid: 'u', resourceVersion: '5' },
    spec: { containers: [] },
    status: { phase: 'Pending' },
  };
  const writerWith = (patch: (body: any) => Promise<Pod>) => {
    const bodies: any[] = [];
    const pods = {
      patch: (_: object, body: any) => {
        bodies.push(body.status);
        return patch(body);
      },
    } as unknown as ResourceClient<Pod>;
    return { bodies, writer: new StatusWriter({ pods, clock: new FakeClock(), log: silentLogger }, pod) };
  };
  const answering = (version: string) => async (body: any) => ({
    ...pod,
    metadata: { ...pod.metadata, resourceVersion: version },
    status: body.status,
  });

  test('what stands already is not written', async () => {
    const { bodies, writer } = writerWith(answering('6'));
    writer.write({ phase: 'Pending' });
    await writer.flushed();
    assert.deepEqual(bodies, []);
  });

  test('a condition of somebody else is no reason for a write, wherever it stands', async () => {
    const { bodies, writer } = writerWith(answering('6'));
    const [own, other] = [condition('Ready', {}), condition('DisruptionTarget', {})];
    writer.observe({ ...pod, status: { phase: 'Pending', conditions: [own, other] } });
    writer.write({ phase: 'Pending', conditions: [other, own] });
    await writer.flushed();
    assert.deepEqual(bodies, []);
  });

  test('while one write is under way only the newest waits', async () => {
    const { bodies, writer } = writerWith(answering('6'));
    for (const phase of ['Running', 'Failed', 'Succeeded'] as const) writer.write({ phase });
    await writer.flushed();
    assert.deepEqual(bodies, [{ phase: 'Running' }, { phase: 'Succeeded' }]);
  });

  test('a late event of the watch does not take back what was written', async () => {
    const { bodies, writer } = writerWith(answering('9'));
    writer.write({ phase: 'Running' });
    await writer.flushed();
    writer.observe({ ...pod, metadata: { ...pod.metadata, resourceVersion: '7' }, status: { phase: 'Pending' } });
    writer.write({ phase: 'Running' });
    await writer.flushed();
    assert.equal(bodies.length, 1);
  });

  test('what others wrote during a write is seen, at once and afterwards', async () => {
    let answer: (pod: Pod) => void = () => undefined;
    const { bodies, writer } = writerWith(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const ready = condition('Ready', {});
    const gate = condition('x/gate', {});
    const at = (resourceVersion: string, status: PodStatus) => ({
      ...pod,
      metadata: { ...pod.metadata, resourceVersion },
      status,
    });
    writer.write({ phase: 'Running', conditions: [ready] });
    writer.observe(at('8', { phase: 'Running', conditions: [gate, ready] }));
    assert.deepEqual(writer.current.conditions, [gate, ready]);
    answer(at('7', { phase: 'Running', conditions: [ready] }));
    await writer.flushed();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(writer.current, { phase: 'Running', conditions: [gate, ready] });
    assert.equal(bodies.length, 1);
  });

  test('a pod that is gone ends the writing', async () => {
    const { bodies, writer } = writerWith(async () => {
      throw notFoundError({ group: '', resource: 'pods' }, 'p');
    });
    writer.write({ phase: 'Running' });
    await writer.flushed();
    writer.write({ phase: 'Failed' });
    await writer.flushed();
    assert.equal(bodies.length, 1);
  });
});
