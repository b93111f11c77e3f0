import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { EndpointSlice } from '../../api/discovery/endpointslice.ts';
import { node } from '../../test/builders/node.ts';
import { pod, secondsAgo } from '../../test/builders/pod.ts';
import { service } from '../../test/builders/workload.ts';
import { computeSubsets, planEndpoints } from './endpoints.ts';
import { endpointSliceController } from './endpointslice.ts';
import { TriggerTimes } from './service-pods.ts';
import { planSlices, type SliceInput } from './slice-plan.ts';

const web = (name: string, ip: string) => pod(name).labels({ app: 'w' }).ip(ip).port('web', 8080).on('n1');
const p = web('p', '10.0.0.9').ready().build();
const q = web('q', '10.0.0.10').ready().build();
const r = web('r', '10.0.0.3').running().build();
const going = web('g', '10.0.0.4').ready().deleting().build();

describe('computeSubsets()', () => {
  const addresses = (subset: any) =>
    [subset.addresses, subset.notReadyAddresses].map((list) => list?.map((a: any) => a.ip));

  test('ready and not ready, in the order of their numbers; what is going is left out', () => {
    const [subset] = computeSubsets(service(), [q, r, p, going]);
    assert.deepEqual(addresses(subset), [['10.0.0.9', '10.0.0.10'], ['10.0.0.3']]);
    assert.deepEqual(subset?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
  });

  test('publishNotReadyAddresses makes all of them ready', () => {
    const [subset] = computeSubsets(service({ publishNotReadyAddresses: true }), [r, going]);
    assert.deepEqual(addresses(subset), [['10.0.0.3', '10.0.0.4'], undefined]);
  });

  test('pods that lack a named port are not behind it', () => {
    const bare = pod('b').labels({ app: 'w' }).ip('10.0.0.7').ready().build();
    const ports = [
      { name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' },
      { name: 'raw', port: 81, targetPort: 9000, protocol: 'TCP' },
    ];
    const subsets = computeSubsets(service({ ports }), [p, bare]);
    assert.deepEqual(
      subsets.map((s) => [s.ports?.map((x) => x.name), s.addresses?.map((a) => a.ip)]),
      [
        [['http'], ['10.0.0.9']],
        [['raw'], ['10.0.0.7', '10.0.0.9']],
      ],
    );
  });

  test('a headless service needs no ports', () => {
    const [subset] = computeSubsets(service({ clusterIP: 'None', ports: undefined }), [p]);
    assert.deepEqual([subset?.ports, addresses(subset)[0]], [undefined, ['10.0.0.9']]);
  });
});

test('planEndpoints() leaves a service beyond its capacity as it is, in whatever order its pods come', () => {
  const pods = Array.from({ length: 1000 }, (_, i) =>
    web(`p${i}`, `10.1.${i >> 8}.${i & 255}`)
      .ready()
      .build(),
  );
  const wanted = planEndpoints(service(), [...pods, r], { present: undefined, triggerTime: undefined });
  assert.equal(wanted?.metadata.annotations?.['endpoints.kubernetes.io/over-capacity'], 'truncated');
  assert.equal(wanted?.subsets?.[0]?.addresses?.length, 1000);
  // The server stores no empty lists.
  assert.deepEqual(Object.keys(wanted?.subsets?.[0] ?? {}).sort(), ['addresses', 'ports']);
  assert.equal(planEndpoints(service(), [...pods, r], { present: wanted, triggerTime: undefined }), undefined);

  const other = pod('o').labels({ app: 'w' }).ip('10.0.0.8').port('web', 9090).ready().build();
  const present = planEndpoints(service(), [p, other], { present: undefined, triggerTime: undefined });
  assert.equal(planEndpoints(service(), [other, p], { present, triggerTime: undefined }), undefined);
});

test('planEndpoints() writes only changes, and marks headless ones', () => {
  const wanted = planEndpoints(service(), [p], { present: undefined, triggerTime: secondsAgo(1) });
  assert.deepEqual(wanted?.metadata.annotations, { 'endpoints.kubernetes.io/last-change-trigger-time': secondsAgo(1) });
  assert.equal(planEndpoints(service(), [p], { present: wanted, triggerTime: undefined }), undefined);
  const headless = planEndpoints(service({ clusterIP: 'None' }), [p], { present: undefined, triggerTime: undefined });
  assert.deepEqual(headless?.metadata.labels, {
    'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    'service.kubernetes.io/headless': '',
  });
});

describe('planSlices()', () => {
  const zone = { 'topology.kubernetes.io/zone': 'z1' };
  const input = (parts: Partial<SliceInput>): SliceInput => ({
    service: service(),
    pods: [],
    nodeOf: (name) => node(name, { labels: zone }),
    present: [],
    triggerTime: undefined,
    ...parts,
  });
  const many = (n: number) =>
    Array.from({ length: n }, (_, i) =>
      web(`m${i}`, `10.0.${i >> 8}.${i & 255}`)
        .ready()
        .build(),
    );
  const stored = (slice: EndpointSlice, name: string): EndpointSlice => ({
    ...slice,
    metadata: { ...slice.metadata, name },
  });
  const counts = (slices: readonly EndpointSlice[]) => slices.map((s) => s.endpoints?.length);

  test('conditions, node and zone of each endpoint', () => {
    const { create } = planSlices(input({ pods: [p, going] }));
    const [slice] = create;
    assert.deepEqual(
      slice?.endpoints?.map(({ conditions }) => conditions),
      [
        { ready: true, serving: true, terminating: false },
        { ready: false, serving: true, terminating: true },
      ],
    );
    assert.deepEqual([slice?.endpoints?.[0]?.nodeName, slice?.endpoints?.[0]?.zone], ['n1', 'z1']);
    assert.deepEqual(slice?.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }]);
  });

  test('at most a hundred to a slice', () => {
    assert.deepEqual(counts(planSlices(input({ pods: many(250) })).create), [100, 100, 50]);
  });

  test('a new endpoint goes to a slice with room; what is right is left alone', () => {
    const [full, rest] = planSlices(input({ pods: many(150) })).create.map((s, i) => stored(s, `s${i}`));
    const plan = planSlices(input({ pods: many(151), present: [full!, rest!] }));
    assert.deepEqual([counts(plan.create), counts(plan.update), plan.delete.length], [[], [51], 0]);
    const same = planSlices(input({ pods: many(150), present: [full!, rest!] }));
    assert.deepEqual([same.create, same.update, same.delete], [[], [], []]);
  });

  test('without endpoints one empty slice stays', () => {
    const first = planSlices(input({}));
    assert.deepEqual(counts(first.create), [0]);
    const empty = stored(first.create[0]!, 'e');
    const again = planSlices(input({ present: [empty] }));
    assert.deepEqual([again.create, again.update, again.delete], [[], [], []]);
    const filled = planSlices(input({ pods: [p], present: [empty] }));
    assert.deepEqual([counts(filled.update), filled.create, filled.delete], [[1], [], []], 'its slice is used again');
    const emptied = planSlices(input({ present: [stored(filled.update[0]!, 'e')] }));
    assert.deepEqual([counts(emptied.update), emptied.update[0]?.ports, emptied.delete], [[0], [], []]);
  });

  test('no more slices are written than have to be', () => {
    const all = many(300);
    const of = (indexes: number[], name: string) =>
      stored(planSlices(input({ pods: indexes.map((i) => all[i]!) })).create[0]!, name);
    const every = (step: number, from: number, to: number) =>
      Array.from({ length: to }, (_, i) => i).filter((i) => i % step === from);
    const cases: [string, number, EndpointSlice[], number[][]][] = [
      [
        'room for all that is left in one of two',
        250,
        [of(every(4, 0, 248), 'a'), of(every(4, 1, 244), 'b')],
        [[100], [89]],
      ],
      ['room in none', 300, [of(every(4, 0, 296), 'a'), of(every(4, 1, 296), 'b')], [[100, 52], []]],
    ];
    for (const [name, count, present, want] of cases) {
      const plan = planSlices(input({ pods: all.slice(0, count), present }));
      assert.deepEqual([counts(plan.create), counts(plan.update)], want, name);
      assert.deepEqual(plan.delete, [], name);
    }
  });

  test('other ports keep the slices', () => {
    const present = planSlices(input({ pods: many(150) })).create.map((s, i) => stored(s, `s${i}`));
    const ports = [{ name: 'http', port: 80, targetPort: 9, protocol: 'TCP' }];
    const plan = planSlices(input({ service: service({ ports }), pods: many(150), present }));
    assert.deepEqual([plan.create, plan.delete, counts(plan.update)], [[], [], [100, 50]]);
    assert.deepEqual(
      plan.update.map(({ metadata, ports: of }) => [metadata.name, of?.[0]?.port]),
      [
        ['s0', 9],
        ['s1', 9],
      ],
    );
  });

  test('a pod without the named port has an endpoint without ports', () => {
    const bare = pod('b').labels({ app: 'w' }).ip('10.0.0.7').on('n1').ready().build();
    const [slice] = planSlices(input({ pods: [bare] })).create;
    assert.deepEqual([slice?.ports, slice?.endpoints?.length], [[], 1]);
  });

  test('a pod whose node is gone has none, unless unready ones have', () => {
    const nodeOf = () => undefined;
    assert.deepEqual(counts(planSlices(input({ pods: [p], nodeOf })).create), [0]);
    const all = service({ publishNotReadyAddresses: true });
    assert.deepEqual(counts(planSlices(input({ service: all, pods: [p], nodeOf })).create), [1]);
  });

  test('labels that say something else are not taken over', () => {
    const labelled = service({}, { metadata: { labels: { 'service.kubernetes.io/headless': '', a: 'b' } } });
    assert.deepEqual(Object.keys(planSlices(input({ service: labelled })).create[0]?.metadata.labels ?? {}).sort(), [
      'a',
      'endpointslice.kubernetes.io/managed-by',
      'kubernetes.io/service-name',
    ]);
  });

  test('hints follow the wish for close endpoints', () => {
    const near = planSlices(input({ service: service({ trafficDistribution: 'PreferSameNode' }), pods: [p] }));
    const hints = { forNodes: [{ name: 'n1' }], forZones: [{ name: 'z1' }] };
    assert.deepEqual(near.create[0]?.endpoints?.[0]?.hints, hints);
  });
});

test('TriggerTimes tells the earliest change since the last look', () => {
  const times = new TriggerTimes();
  assert.equal(times.next(service(), [p]), secondsAgo(100));
  assert.equal(times.next(service(), [p]), undefined);
  assert.equal(times.next(service(), [p, web('s', '10.0.0.5').ready(7).build()]), secondsAgo(7));
});

test('both services hear of a slice that is taken from one and given to another', () => {
  const slice = (name: string, manager = 'endpointslice-controller.k8s.io') => ({
    metadata: {
      namespace: 'ns',
      labels: { 'kubernetes.io/service-name': name, 'endpointslice.kubernetes.io/managed-by': manager },
    },
  });
  const related = endpointSliceController.related!.find(({ kind }) => kind.kind === 'EndpointSlice')!;
  const keys = (object: object | undefined, old?: object) => [...related.keys(object, old, undefined as never)].sort();
  assert.deepEqual(keys(slice('a'), slice('a')), ['ns/a']);
  assert.deepEqual(keys(slice('a'), slice('b')), ['ns/a', 'ns/b']);
  assert.deepEqual(keys(slice('a', 'me'), slice('a')), ['ns/a']);
  assert.deepEqual(keys(slice('a', 'me')), []);
});
