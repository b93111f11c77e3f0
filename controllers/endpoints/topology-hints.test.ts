import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Node } from '../../api/core/node.ts';
import type { Service } from '../../api/core/service.ts';
import type { Endpoint } from '../../api/discovery/endpointslice.ts';
import { node } from '../../test/builders/node.ts';
import { pod } from '../../test/builders/pod.ts';
import { service } from '../../test/builders/workload.ts';
import { endpointSliceController } from './endpointslice.ts';
import { planSlices } from './slice-plan.ts';
import { addZoneHints, zoneShares } from './topology-hints.ts';

const inZone = (zone: string, cpu = '4', labels: object = {}, ready = 'True'): Node => {
  const place: Record<string, string> = zone === '' ? {} : { 'topology.kubernetes.io/zone': zone };
  const plain = node(`n-${zone}`, { labels: { ...place, ...labels }, conditions: { Ready: ready } });
  return { ...plain, status: { ...plain.status, allocatable: { cpu } } } as Node;
};

describe('zoneShares()', () => {
  const control = { 'node-role.kubernetes.io/control-plane': '' };
  const rows: [name: string, nodes: Node[], want: [string, number][] | undefined][] = [
    [
      'by cpu',
      [inZone('a', '1500m'), inZone('b', '4'), inZone('a', '500m'), inZone('c', '2')],
      [
        ['a', 0.25],
        ['b', 0.5],
        ['c', 0.25],
      ],
    ],
    [
      'without nodes that run no pods of users',
      [inZone('a'), inZone('b'), inZone('c', '8', control)],
      [
        ['a', 0.5],
        ['b', 0.5],
      ],
    ],
    [
      'without nodes that are not ready',
      [inZone('a'), inZone('b'), inZone('', '0', {}, 'False')],
      [
        ['a', 0.5],
        ['b', 0.5],
      ],
    ],
    ['a node in no zone', [inZone('a'), inZone('b'), inZone('')], undefined],
    ['a node without cpu', [inZone('a'), inZone('b', '0')], undefined],
    ['one zone', [inZone('a'), inZone('a')], undefined],
    ['no node', [], undefined],
  ];
  for (const [name, nodes, want] of rows) {
    test(name, () => assert.deepEqual(zoneShares(nodes), want && new Map(want)));
  }
});

describe('addZoneHints()', () => {
  /** `a3 b1`: three in zone a, one in b. */
  const endpoints = (text: string): Endpoint[] =>
    text.split(' ').flatMap((part) => {
      const count = Number(part.slice(1));
      return Array.from({ length: count }, (_, i): Endpoint => {
        const zone = part[0] === '-' ? {} : { zone: part[0]! };
        return { addresses: [`10.0.${part.charCodeAt(0)}.${i}`], conditions: { ready: true }, ...zone };
      });
    });
  const shares = (...of: number[]) => new Map(of.map((share, i) => ['abc'[i]!, share]));
  const uneven = 'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold';
  const rows: { name: string; of: string; by: ReadonlyMap<string, number> | undefined; want: string }[] = [
    { name: 'each in its own zone', of: 'a2 b2', by: shares(0.5, 0.5), want: 'a:a2 b:b2' },
    { name: 'a zone that has too many gives', of: 'a5 b1', by: shares(0.5, 0.5), want: 'a:a3 a:b2 b:b1' },
    { name: 'a zone without any is given some', of: 'a4', by: shares(0.5, 0.5), want: 'a:a2 a:b2' },
    { name: 'half an endpoint is not moved', of: 'a4 b3', by: shares(0.5, 0.5), want: 'a:a4 b:b3' },
    {
      name: 'to the one that lacks most',
      of: 'a6 b2 c1',
      by: shares(0.34, 0.33, 0.33),
      want: 'a:a3 a:b1 a:c2 b:b2 c:c1',
    },
    { name: 'one in a zone without nodes stays there', of: 'a3 b3 z1', by: shares(0.5, 0.5), want: 'a:a3 b:b3 z:z1' },
    {
      name: 'without nodes',
      of: 'a2',
      by: undefined,
      want: 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    },
    {
      name: 'fewer endpoints than zones',
      of: 'a1',
      by: shares(0.5, 0.5),
      want: 'Insufficient number of endpoints (1 endpoints, 2 zones)',
    },
    { name: 'shares that cannot be met', of: 'a2 b1', by: shares(0.5, 0.5), want: `${uneven} (3 endpoints, 2 zones)` },
    {
      name: 'an endpoint in no zone',
      of: 'a2 b1 -1',
      by: shares(0.5, 0.5),
      want: 'One or more endpoints do not have a zone specified',
    },
  ];
  for (const { name, of, by, want } of rows) {
    test(name, () => {
      const all = [...endpoints(of), { addresses: ['10.9.9.9'], conditions: { ready: false } }];
      const counts = new Map<string, number>();
      const problem = addZoneHints(all, by);
      for (const { zone, hints } of all) {
        const key = hints && `${zone}:${hints.forZones?.[0]?.name}`;
        if (key) counts.set(key, (counts.get(key) ?? 0) + 1);
      }
      assert.equal(
        problem ??
          [...counts]
            .map(([key, n]) => key + n)
            .sort()
            .join(' '),
        want,
      );
    });
  }
});

const auto = (value: string, spec: object = {}) =>
  service(spec, { metadata: { annotations: { 'service.kubernetes.io/topology-mode': value } } });
const backing = ['a', 'b'].map((zone, i) =>
  pod(zone).labels({ app: 'w' }).ip(`10.0.0.${i}`).port('web', 80).on(`n-${zone}`).ready().build(),
);
const nodeOf = (name: string) => inZone(name.slice(2));

test('planSlices() writes hints by zone, whatever else the service wishes', () => {
  const plan = (
    of: Service,
    shares = new Map([
      ['a', 0.5],
      ['b', 0.5],
    ]),
  ) => {
    const { create, hints } = planSlices({
      service: of,
      pods: backing,
      nodeOf,
      present: [],
      triggerTime: undefined,
      shares,
    });
    return [create.flatMap((slice) => slice.endpoints!.map((e) => e.hints?.forZones?.[0]?.name)), [...hints]];
  };
  assert.deepEqual(plan(auto('Auto', { trafficDistribution: 'PreferSameNode' })), [['a', 'b'], [['IPv4', undefined]]]);
  assert.deepEqual(plan(auto('Disabled')), [[undefined, undefined], []]);
  assert.deepEqual(plan(service({ trafficDistribution: 'PreferClose' })), [['a', 'b'], []]);
});

test('events tell when hints begin, why they end, and that they were taken away', async () => {
  const said: string[] = [];
  let nodes = ['a', 'b'].map((zone) => inZone(zone));
  const deps = {
    pods: { inNamespace: () => backing },
    nodes: { list: () => nodes, get: nodeOf },
    services: { list: () => [auto('Auto'), service()] },
    own: { awaitedMs: () => 0, of: () => [], write: async () => {} },
    times: { next: () => undefined },
    hinted: new Set<string>(),
    say: (_: object, type: string, reason: string, message: string) => said.push(`${type} ${reason} ${message}`),
  } as unknown as Parameters<typeof endpointSliceController.reconcile>[1];
  const look = (of: Service) => endpointSliceController.reconcile(of, deps);
  for (let i = 0; i < 2; i++) await look(auto('Auto'));
  await look(service());
  await look(service());
  nodes = [inZone('a')];
  await look(auto('Auto'));
  const disabled = 'Warning TopologyAwareHintsDisabled';
  const family = 'addressType: IPv4';
  assert.deepEqual(said, [
    `Normal TopologyAwareHintsEnabled Topology Aware Hints has been enabled, ${family}`,
    `${disabled} Topology Aware Hints has been disabled, ${family}`,
    `${disabled} Insufficient Node information: allocatable CPU or zone not specified on one or more nodes, ${family}`,
  ]);
  const related = endpointSliceController.related!.find(({ kind }) => kind.kind === 'Node')!;
  const changed = (node: Node, old: Node) => [...related.keys(node, old, deps)];
  assert.deepEqual(changed(inZone('a', '8'), inZone('a')), ['default/svc']);
  assert.deepEqual(changed(inZone('a', '4', { l: '1' }), inZone('a')), []);
});
