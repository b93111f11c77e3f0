import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { pod, secondsAgo, testTimeMs } from '../../test/builders/pod.ts';
import {
  type PodMetric,
  type Proposal,
  replicasForAverage,
  replicasForShare,
  replicasForUtilization,
  replicasForValue,
} from './replicas.ts';

const tolerances = { up: 0.1, down: 0.1 };
const nowMs = testTimeMs;

interface Shape {
  /** Thousandths of a core that it requests; absent: none. */
  request?: number;
  /** What was measured, if anything was. */
  used?: number;
  phase?: string;
  isReady?: boolean;
  startedAgo?: number;
  readyAgo?: number;
  isGoing?: boolean;
  /** A sidecar's request. */
  sidecar?: number;
}

const requests = (milli: number | undefined) =>
  milli === undefined ? {} : { resources: { requests: { cpu: `${milli}m` } } };

function makePod(name: string, shape: Shape): Pod {
  const { request, phase = 'Running', isReady = true, startedAgo = 3600, readyAgo = startedAgo, isGoing } = shape;
  const made = pod(name).build();
  const ready = { type: 'Ready', status: isReady ? 'True' : 'False', lastTransitionTime: secondsAgo(readyAgo) };
  const sidecar = { name: 's', restartPolicy: 'Always', ...requests(shape.sidecar) };
  return {
    ...made,
    metadata: { ...made.metadata, ...(isGoing ? { deletionTimestamp: secondsAgo(1) } : {}) },
    spec: {
      containers: [{ name: 'c', ...requests(request) }],
      ...(shape.sidecar === undefined ? {} : { initContainers: [sidecar] }),
    },
    status: { phase, startTime: secondsAgo(startedAgo), conditions: [ready] },
  } as Pod;
}

function inputOf(shapes: readonly Shape[], current = shapes.length) {
  const pods = shapes.map((shape, i) => makePod(`p${i}`, shape));
  const measured = shapes.flatMap(({ used }, i): [string, PodMetric][] =>
    used === undefined ? [] : [[`p${i}`, { value: used, atMs: nowMs - 5_000, windowMs: 15_000 }]],
  );
  return { pods, metrics: new Map(measured), current, tolerances, nowMs };
}

const each = (count: number, shape: Shape): Shape[] => Array.from({ length: count }, () => shape);
const outcome = (work: () => Proposal) => {
  try {
    const { replicas, utilization } = work();
    return utilization === undefined ? replicas : [replicas, utilization];
  } catch (err) {
    return (err as Error).message;
  }
};

describe('by utilization of CPU, target 50 percent', () => {
  const steady = { request: 100, used: 50 };
  const busy = { request: 100, used: 100 };
  const idle = { request: 100, used: 10 };
  const starting = { ...busy, startedAgo: 20, readyAgo: 15 };
  const table: [name: string, shapes: Shape[], want: unknown, current?: number][] = [
    ['on target', each(3, steady), [3, 50]],
    ['within tolerance', each(10, { request: 100, used: 55 }), [10, 55]],
    ['beyond tolerance', each(10, { request: 100, used: 56 }), [12, 56]],
    ['twice the target', each(3, busy), [6, 100]],
    ['far below', each(5, idle), [1, 10]],
    ['nothing used', each(4, { request: 100, used: 0 }), [0, 0]],
    [
      'requests of different sizes',
      [
        { request: 100, used: 100 },
        { request: 300, used: 100 },
      ],
      [2, 50],
    ],
    ['a sidecar counts', [{ request: 100, sidecar: 100, used: 100 }], [1, 50]],
    ['one that is Pending would take a share', [...each(3, busy), { request: 100, phase: 'Pending' }], [6, 100]],
    ['so would many: the change is too small', [busy, ...each(9, { request: 100, phase: 'Pending' })], [10, 100]],
    ['Pending ones do not count for less', [...each(3, idle), { request: 100, phase: 'Pending' }], [1, 10]],
    ['one that is just ready is not measured', [...each(2, steady), starting], [3, 50]],
    ['ready for a window: it is', [...each(2, steady), { ...busy, startedAgo: 40, readyAgo: 30 }], [4, 66]],
    ['unready after a good start: measured', [{ ...busy, isReady: false, startedAgo: 900, readyAgo: 60 }], [2, 100]],
    [
      'never ready',
      [{ ...busy, isReady: false, startedAgo: 900, readyAgo: 895 }],
      'did not receive metrics for targeted pods (pods might be unready)',
    ],
    ['unmeasured: takes nothing when there is too little', [...each(3, busy), { request: 100 }], [6, 100]],
    ['unmeasured: takes its request when there is too much', [...each(3, idle), { request: 100 }], [3, 10], 4],
    ['which may forbid the change', [idle, ...each(3, { request: 100 })], [4, 10]],
    ['one that is going does not count', [...each(2, busy), { ...busy, isGoing: true }], [4, 100]],
    ['nor one that has failed', [...each(2, busy), { ...busy, phase: 'Failed' }], [4, 100]],
    [
      'one that has succeeded does, as one that is not measured',
      [...each(2, idle), { ...busy, used: undefined, phase: 'Succeeded' }],
      [3, 10],
    ],
    ['no request', [{ used: 10 }], 'missing request for cpu in container c of Pod p0'],
    ['no pods', [], 'no pods returned by selector while calculating replica count'],
    ['none measured', each(2, { request: 100 }), 'did not receive metrics for targeted pods (pods might be unready)'],
    ['requests of zero', each(2, { request: 0, used: 1 }), 'no metrics returned matched known pods'],
  ];
  for (const [name, shapes, want, current] of table) {
    test(name, () => {
      const input = { ...inputOf(shapes, current), resource: 'cpu' };
      assert.deepEqual(
        outcome(() => replicasForUtilization(input, 50)),
        want,
      );
    });
  }

  test('a target above the requests: an unmeasured pod uses the target', () => {
    const input = { ...inputOf([...each(3, { request: 100, used: 100 }), { request: 100 }]), resource: 'cpu' };
    assert.deepEqual(
      outcome(() => replicasForUtilization(input, 200)),
      [3, 100],
    );
  });

  test('each direction has its tolerance', () => {
    const of = (used: number) => {
      const input = { ...inputOf(each(10, { request: 100, used })), resource: 'cpu', tolerances: { up: 0, down: 0.3 } };
      return replicasForUtilization(input, 50).replicas;
    };
    assert.deepEqual([of(51), of(50), of(36), of(34)], [11, 10, 10, 7]);
  });

  test('one container', () => {
    const input = { ...inputOf([{ request: 100, sidecar: 100, used: 100 }]), resource: 'cpu', container: 'c' };
    assert.deepEqual(
      outcome(() => replicasForUtilization(input, 50)),
      [2, 100],
    );
    const other = { ...input, container: 'x' };
    assert.equal(
      outcome(() => replicasForUtilization(other, 50)),
      'container x not found in Pod p0',
    );
  });

  test('what a pod requests as a whole counts', () => {
    const input = inputOf([{ used: 100 }]);
    const [only] = input.pods;
    const pods = [{ ...only!, spec: { ...only!.spec, resources: { requests: { cpu: '200m' } } } }];
    assert.deepEqual(
      outcome(() => replicasForUtilization({ ...input, pods, resource: 'cpu' }, 25)),
      [2, 50],
    );
  });
});

describe('by an average value', () => {
  const table: [name: string, shapes: Shape[], target: number, want: unknown][] = [
    ['more', each(2, { used: 3000 }), 1000, 6],
    ['less', each(4, { used: 200 }), 1000, 1],
    ['the same', each(4, { used: 1050 }), 1000, 4],
    [
      'an unready pod counts: it is no CPU',
      [...each(2, { used: 2000 }), { used: 2000, isReady: false, startedAgo: 5 }],
      1000,
      6,
    ],
    ['unmeasured: the target when there is too much', [...each(3, { used: 100 }), {}], 1000, 2],
    ['unmeasured: nothing when there is too little', [...each(3, { used: 4000 }), {}], 1000, 12],
  ];
  for (const [name, shapes, target, want] of table) {
    test(name, () =>
      assert.equal(
        outcome(() => replicasForAverage(inputOf(shapes), target)),
        want,
      ),
    );
  }
});

describe('by a value of something else', () => {
  const input = (shapes: Shape[], current = shapes.length) => inputOf(shapes, current);
  test('multiplies the ready pods', () => {
    const pods = [...each(2, {}), { isReady: false }];
    assert.deepEqual(replicasForValue(input(pods), 30_000, 10_000), { replicas: 6, usage: 30_000 });
    assert.equal(replicasForValue(input(pods), 10_900, 10_000).replicas, 3);
    assert.equal(replicasForValue(input([], 0), 25_000, 10_000).replicas, 3);
    assert.throws(() => replicasForValue(input([], 2), 30_000, 10_000), /unable to calculate ready pods/);
    assert.equal(replicasForValue(input(each(2, {})), 1e300, 1).replicas, 2 ** 31 - 1);
  });
  test('or is shared among the pods there are', () => {
    assert.deepEqual(replicasForShare({ running: 2, tolerances }, 50_000, 10_000), { replicas: 5, usage: 25_000 });
    assert.deepEqual(replicasForShare({ running: 5, tolerances }, 51_000, 10_000), { replicas: 5, usage: 10_200 });
    assert.deepEqual(replicasForShare({ running: 0, tolerances }, 30_000, 10_000), { replicas: 3, usage: 0 });
  });
});
