import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Pod } from '../../api/core/pod.ts';
import { admitPod } from '../pods/admission.ts';
import { Pressure } from './pressure.ts';
import { evictionMessage, type PodUse, rankPods } from './ranking.ts';
import { defaultEviction, parseThresholds, type StarvedResource } from './thresholds.ts';

const mib = 1 << 20;
const settings = (more: object) => ({ ...defaultEviction, evictionHard: {}, ...more });

describe('parseThresholds()', () => {
  test('takes quantities, shares and what means nothing', () => {
    const evictionHard = { 'memory.available': '100Mi', 'nodefs.available': '10%', 'imagefs.available': '0%' };
    assert.deepEqual(parseThresholds(settings({ evictionHard })), [
      { signal: 'memory.available', value: { quantity: 100 * mib }, graceMs: 0 },
      { signal: 'nodefs.available', value: { share: 0.1 }, graceMs: 0 },
    ]);
    const soft = {
      evictionSoft: { 'pid.available': '5%' },
      evictionSoftGracePeriod: { 'pid.available': '1m30s' },
      evictionMinimumReclaim: { 'pid.available': '10' },
    };
    assert.deepEqual(parseThresholds(settings(soft)), [
      { signal: 'pid.available', value: { share: 0.05 }, graceMs: 90_000, minReclaim: { quantity: 10 } },
    ]);
    assert.equal(parseThresholds(defaultEviction).length, 5);
  });

  const refused: [object, RegExp][] = [
    [{ evictionHard: { 'memory.free': '1' } }, /^unsupported eviction signal memory\.free$/],
    [{ evictionHard: { constructor: '1' } }, /^unsupported eviction signal constructor$/],
    [{ evictionMinimumReclaim: { 'x.y': '1' } }, /^unsupported eviction signal x\.y$/],
    [{ evictionHard: { 'memory.available': 'much' } }, /is no quantity: much$/],
    [{ evictionHard: { 'memory.available': '-1Mi' } }, /must be positive: -1Mi$/],
    [{ evictionHard: { 'memory.available': '101%' } }, /between 0% and 100%: 101%$/],
    [
      { evictionSoft: { 'memory.available': '1Gi' } },
      /^grace period must be specified for the soft eviction threshold memory/,
    ],
    [{ evictionPressureTransitionPeriod: 'soon' }, /invalid duration/],
  ];
  for (const [more, message] of refused)
    test(JSON.stringify(more), () => assert.throws(() => parseThresholds(settings(more)), { message }));
});

describe('what the node is short of', () => {
  const free = (memory: number, disk = 1000 * mib) => ({
    'memory.available': { available: memory * mib, capacity: 1000 * mib },
    'nodefs.available': { available: disk, capacity: 1000 * mib },
  });
  const signalsOf = (due: readonly { signal: string }[]) => due.map(({ signal }) => signal);

  test('hard: at once, and the condition stays for its while', () => {
    const pressure = new Pressure(
      parseThresholds(settings({ evictionHard: { 'memory.available': '100Mi' } })),
      300_000,
    );
    assert.deepEqual(signalsOf(pressure.observe(free(100), 0)), []);
    assert.deepEqual(pressure.conditions, []);
    assert.deepEqual(signalsOf(pressure.observe(free(99), 1)), ['memory.available']);
    assert.deepEqual(signalsOf(pressure.observe(free(200), 2)), []);
    assert.deepEqual(pressure.conditions, ['MemoryPressure']);
    pressure.observe(free(200), 300_000);
    assert.deepEqual(pressure.conditions, ['MemoryPressure']);
    pressure.observe(free(200), 300_001);
    assert.deepEqual(pressure.conditions, []);
  });

  test('soft: only after its grace period, and no longer than that', () => {
    const soft = {
      evictionSoft: { 'memory.available': '100Mi' },
      evictionSoftGracePeriod: { 'memory.available': '30s' },
    };
    const pressure = new Pressure(parseThresholds(settings(soft)), 0);
    assert.deepEqual(signalsOf(pressure.observe(free(50), 0)), []);
    assert.deepEqual(pressure.conditions, ['MemoryPressure'], 'it is told before');
    assert.deepEqual(signalsOf(pressure.observe(free(50), 29_999)), []);
    assert.deepEqual(signalsOf(pressure.observe(free(50), 30_000)), ['memory.available']);
    pressure.observe(free(150), 30_001);
    assert.deepEqual(pressure.conditions, []);
    assert.deepEqual(signalsOf(pressure.observe(free(50), 60_002)), [], 'and begins anew');
  });

  test('it goes on until enough was given back, memory first', () => {
    const more = {
      evictionHard: { 'nodefs.available': '10%', 'memory.available': '100Mi' },
      evictionMinimumReclaim: { 'memory.available': '50Mi' },
    };
    const pressure = new Pressure(parseThresholds(settings(more)), 0);
    assert.deepEqual(signalsOf(pressure.observe(free(120), 0)), []);
    assert.deepEqual(signalsOf(pressure.observe(free(90, 1), 1)), ['memory.available', 'nodefs.available']);
    assert.deepEqual(signalsOf(pressure.observe(free(120), 2)), ['memory.available']);
    assert.equal(pressure.isShort(free(120)), true);
    assert.deepEqual(signalsOf(pressure.observe(free(150), 3)), []);
    assert.equal(pressure.isShort(free(150)), false);
  });
});

const pod = (name: string, requests: Record<string, string> = {}, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name, namespace: 'ns', uid: name },
  spec: { containers: [{ name: 'c', resources: { requests } }], ...more },
  status: {},
});
const use = (amount: number, resource: StarvedResource = 'memory'): PodUse => ({
  memory: 0,
  pids: 0,
  containers: [{ name: 'c', memory: amount, 'ephemeral-storage': amount }],
  [resource]: amount,
});

describe('who is evicted first', () => {
  const names = (pods: { pod: Pod; use: PodUse | undefined }[], resource: StarvedResource) =>
    rankPods(pods, resource).map((one) => one.pod.metadata.name);

  test('for memory: who is unknown, who has more than asked for, the less important, the larger', () => {
    const pods = [
      { pod: pod('within', { memory: '10Mi' }), use: use(9 * mib) },
      { pod: pod('over-important', {}, { priority: 10 }), use: use(500 * mib) },
      { pod: pod('over-little'), use: use(2 * mib) },
      { pod: pod('over-much', { memory: '10Mi' }), use: use(20 * mib) },
      { pod: pod('unknown', {}, { priority: 10 }), use: undefined },
    ];
    const order = ['unknown', 'over-much', 'over-little', 'over-important', 'within'];
    assert.deepEqual(names(pods, 'memory'), order);
    assert.deepEqual(names(pods.toReversed(), 'memory'), order);
  });

  test('for processes: the less important, then those with more of them', () => {
    const pods = [
      { pod: pod('important', {}, { priority: 10 }), use: use(900, 'pids') },
      { pod: pod('few'), use: use(1, 'pids') },
      { pod: pod('many'), use: use(9, 'pids') },
    ];
    assert.deepEqual(names(pods, 'pids'), ['many', 'few', 'important']);
  });

  test('for the disk: by what is asked for of it', () => {
    const pods = [
      { pod: pod('asked', { 'ephemeral-storage': '1Gi' }), use: use(900 * mib, 'ephemeral-storage') },
      { pod: pod('over'), use: use(mib, 'ephemeral-storage') },
    ];
    assert.deepEqual(names(pods, 'ephemeral-storage'), ['over', 'asked']);
  });
});

test('what an evicted pod is told', () => {
  const due = parseThresholds(settings({ evictionHard: { 'memory.available': '100Mi', 'nodefs.inodesFree': '5%' } }));
  const found = {
    'memory.available': { available: 53_123_456, capacity: 1000 * mib },
    'nodefs.inodesFree': { available: 40, capacity: 1000 },
  };
  const tell = (of: Pod, used: PodUse | undefined, resource: StarvedResource) =>
    evictionMessage(of, used, { resource, due, found });
  const low = 'The node was low on resource: memory. Threshold quantity: 100Mi, available: 53123456. ';
  assert.equal(
    tell(pod('p', { memory: '0.5Gi' }), use(600 * mib), 'memory'),
    `${low}Container c was using 600Mi, request is 512Mi, has larger consumption of memory. `,
  );
  assert.equal(
    tell(pod('p'), use(1025 * 1024), 'memory'),
    `${low}Container c was using 1025Ki, request is 0, has larger consumption of memory. `,
  );
  assert.equal(tell(pod('p', { memory: '1Gi' }), use(600 * mib), 'memory'), low);
  assert.equal(tell(pod('p'), undefined, 'memory'), low);
  const inodes = 'The node was low on resource: inodes. Threshold quantity: 50, available: 40. ';
  assert.equal(tell(pod('p'), use(9, 'inodes'), 'inodes'), inodes);
});

describe('a node that is short of something', () => {
  const node = { metadata: { name: 'n' }, spec: {}, status: { allocatable: { pods: '9', cpu: '4', memory: '4Gi' } } };
  const admit = (one: Pod, ...pressure: ('MemoryPressure' | 'DiskPressure')[]) => {
    const found = admitPod(one, node, { others: [], hasAppArmor: true, pressure });
    return found && `${found.reason}: ${found.message}`;
  };
  const tolerant = { tolerations: [{ key: 'node.kubernetes.io/memory-pressure', operator: 'Exists' }] } as Partial<
    Pod['spec']
  >;
  const critical = { priority: 2_000_000_000 };

  test('of memory takes no pod that promises nothing about it', () => {
    assert.equal(admit(pod('p'), 'MemoryPressure'), 'Evicted: The node had condition: [MemoryPressure]. ');
    assert.equal(admit(pod('p', { cpu: '1' }), 'MemoryPressure'), undefined);
    assert.equal(admit(pod('p', {}, tolerant), 'MemoryPressure'), undefined);
    assert.equal(admit(pod('p', {}, critical), 'MemoryPressure'), undefined);
  });

  test('of disk takes none, but what keeps the cluster running', () => {
    assert.equal(
      admit(pod('p', { cpu: '1' }, tolerant), 'MemoryPressure', 'DiskPressure'),
      'Evicted: The node had condition: [MemoryPressure DiskPressure]. ',
    );
    assert.equal(admit(pod('p', {}, critical), 'DiskPressure'), undefined);
  });
});
