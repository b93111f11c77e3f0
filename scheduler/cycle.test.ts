import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type NodeBuilder, node, type PodBuilder, pod } from '../test/builders/scheduling.ts';
import { SchedulerCache } from './cache/cache.ts';
import { feasibleWanted, schedulePod } from './cycle.ts';
import { describeFailure } from './fit-error.ts';
import { podInfoOf } from './framework/pod-info.ts';
import { plugins } from './plugins/index.ts';

/** Where the pod goes, or the sentence it gets. */
function schedule(wanted: PodBuilder, nodes: NodeBuilder[], others: PodBuilder[] = []): string {
  const cache = new SchedulerCache();
  cache.setNamespace('default', { team: 'a' });
  for (const n of nodes) cache.setNode(n.build());
  for (const p of others) cache.setPod(p.build());
  const info = podInfoOf(wanted.build());
  const result = schedulePod(plugins, info, cache, { startIndex: 0, random: () => 0 });
  return result.type === 'found' ? result.node.name : describeFailure(result);
}

/** `0/1 nodes are available: ...` with what preemption would say. */
const none = (why: string, preemption: string, total = 1) =>
  `0/${total} nodes are available: ${why}. no new claims to deallocate, preemption: 0/${total} nodes are available: ${preemption}.`;
const hopeless = '1 Preemption is not helpful for scheduling';
const noVictims = '1 No preemption victims found for incoming pod';
const near = (topologyKey: string, matchLabels: object) => ({
  requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels } }],
});
const spreadOver = (topologyKey: string) => ({
  maxSkew: 1,
  topologyKey,
  whenUnsatisfiable: 'DoNotSchedule',
  labelSelector: { matchLabels: { a: 'b' } },
});
const preferablyOver = (topologyKey: string) => ({ ...spreadOver(topologyKey), whenUnsatisfiable: 'ScheduleAnyway' });
const rather = (topologyKey: string, matchLabels: object) => ({
  preferredDuringSchedulingIgnoredDuringExecution: [
    { weight: 1, podAffinityTerm: { topologyKey, labelSelector: { matchLabels } } },
  ],
});
const preferring = (key: string, value: string) => ({
  nodeAffinity: {
    preferredDuringSchedulingIgnoredDuringExecution: [
      { weight: 1, preference: { matchExpressions: [{ key, operator: 'In', values: [value] }] } },
    ],
  },
});
const requiring = (term: object) => ({
  nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
});

describe('a pod goes to a node that fits, or says why none does', () => {
  const cases: [name: string, pod: PodBuilder, nodes: NodeBuilder[], others: PodBuilder[], want: string][] = [
    ['no nodes', pod('p'), [], [], 'no nodes available to schedule pods'],
    ['one node', pod('p'), [node('n')], [], 'n'],
    [
      'more cpu than the node has',
      pod('p').asks({ cpu: '100' }),
      [node('n')],
      [],
      none('1 Insufficient cpu', hopeless),
    ],
    [
      'cpu that others hold',
      pod('p').asks({ cpu: '3' }),
      [node('n')],
      [pod('o').on('n').asks({ cpu: '2' })],
      none('1 Insufficient cpu', noVictims),
    ],
    [
      'two shortages',
      pod('p').asks({ cpu: '100', memory: '1Ti' }),
      [node('n')],
      [],
      none('1 Insufficient cpu, 1 Insufficient memory', hopeless),
    ],
    [
      'an extended resource',
      pod('p').asks({ 'example.com/gpu': '1' }),
      [node('n')],
      [],
      none('1 Insufficient example.com/gpu', hopeless),
    ],
    [
      'an extended resource that is there',
      pod('p').asks({ 'example.com/gpu': '1' }),
      [node('m'), node('n').has({ 'example.com/gpu': '2' })],
      [],
      'n',
    ],
    [
      'a pod that never preempts',
      pod('p').asks({ cpu: '3' }).preempts('Never'),
      [node('n')],
      [pod('o').on('n').asks({ cpu: '2' })],
      '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
    ],
    ['too many pods', pod('p'), [node('n').has({ pods: '1' })], [pod('o').on('n')], none('1 Too many pods', noVictims)],
    ['a taint', pod('p'), [node('n').taint('k')], [], none('1 node(s) had untolerated taint(s)', hopeless)],
    ['a tolerated taint', pod('p').tolerates('k'), [node('n').taint('k')], [], 'n'],
    [
      'a taint of another value',
      pod('p').tolerates('k', { operator: 'Equal', value: 'x' }),
      [node('n').taint('k', 'NoSchedule', 'y')],
      [],
      none('1 node(s) had untolerated taint(s)', hopeless),
    ],
    ['a soft taint is avoided', pod('p'), [node('a').taint('k', 'PreferNoSchedule'), node('b')], [], 'b'],
    ['a cordoned node', pod('p'), [node('n').cordoned()], [], none('1 node(s) were unschedulable', hopeless)],
    [
      'a feature that one node declares',
      pod('p').restartsAll(),
      [node('a').declares('Other'), node('b').declares('RestartAllContainersOnContainerExits')],
      [],
      'b',
    ],
    [
      'a feature that no node declares',
      pod('p').restartsAll(),
      [node('n')],
      [],
      none("1 node(s) didn't match Pod's required features", hopeless),
    ],
    ['a node selector', pod('p').selects({ disk: 'ssd' }), [node('a'), node('b').labels({ disk: 'ssd' })], [], 'b'],
    [
      'a node selector nobody meets',
      pod('p').selects({ disk: 'ssd' }),
      [node('n')],
      [],
      none("1 node(s) didn't match Pod's node affinity/selector", hopeless),
    ],
    [
      'node affinity by field',
      pod('p').affinity(requiring({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b'] }] })),
      [node('a'), node('b')],
      [],
      'b',
    ],
    [
      'affinity to a node by name, which is all that is looked at',
      pod('p')
        .asks({ cpu: '100' })
        .affinity(requiring({ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['b', 'gone'] }] })),
      [node('a'), node('b'), node('c')],
      [],
      none(
        "1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]",
        '3 Preemption is not helpful for scheduling',
        3,
      ),
    ],
    [
      'affinity to no node that could be: said once, not of each node',
      pod('p').affinity(
        requiring({
          matchFields: ['a', 'b'].map((name) => ({ key: 'metadata.name', operator: 'In', values: [name] })),
        }),
      ),
      [node('a'), node('b')],
      [],
      '0/2 nodes are available: pod affinity terms conflict. not found',
    ],
    [
      'node affinity with Gt',
      pod('p').affinity(requiring({ matchExpressions: [{ key: 'gen', operator: 'Gt', values: ['4'] }] })),
      [node('a').labels({ gen: '4' }), node('b').labels({ gen: '5' })],
      [],
      'b',
    ],
    [
      'a preferred node',
      pod('p').affinity(preferring('zone', 'z')),
      [node('a'), node('b').labels({ zone: 'z' })],
      [],
      'b',
    ],
    [
      'a host port in use',
      pod('p').hostPort(80),
      [node('n')],
      [pod('o').on('n').hostPort(80)],
      none("1 node(s) didn't have free ports for the requested pod ports", noVictims),
    ],
    [
      'a host port on another address',
      pod('p').hostPort(80, '10.0.0.1'),
      [node('n')],
      [pod('o').on('n').hostPort(80, '10.0.0.2')],
      'n',
    ],
    [
      'the emptier node',
      pod('p').asks({ cpu: '1', memory: '1Gi' }),
      [node('a'), node('b')],
      [pod('o').on('a').asks({ cpu: '2', memory: '2Gi' })],
      'b',
    ],
    [
      'the node with the image',
      pod('p').image('big:1'),
      [node('a'), node('b').image('big:1', 900 * 1024 * 1024)],
      [],
      'b',
    ],
    [
      'affinity to a pod',
      pod('p').affinity({ podAffinity: near('zone', { a: 'b' }) }),
      [node('a').labels({ zone: '1' }), node('b').labels({ zone: '2' })],
      [pod('o').on('b').labels({ a: 'b' })],
      'b',
    ],
    [
      'affinity to nobody',
      pod('p').affinity({ podAffinity: near('kubernetes.io/hostname', { a: 'b' }) }),
      [node('n')],
      [],
      none("1 node(s) didn't match pod affinity rules", hopeless),
    ],
    [
      'the first of a group with affinity to itself',
      pod('p')
        .labels({ a: 'b' })
        .affinity({ podAffinity: near('kubernetes.io/hostname', { a: 'b' }) }),
      [node('n')],
      [],
      'n',
    ],
    [
      'anti-affinity',
      pod('p').affinity({ podAntiAffinity: near('kubernetes.io/hostname', { a: 'b' }) }),
      [node('n')],
      [pod('o').on('n').labels({ a: 'b' })],
      none("1 node(s) didn't match pod anti-affinity rules", noVictims),
    ],
    [
      'anti-affinity of a pod that is there',
      pod('p').labels({ x: 'y' }),
      [node('n')],
      [
        pod('o')
          .on('n')
          .affinity({ podAntiAffinity: near('kubernetes.io/hostname', { x: 'y' }) }),
      ],
      none("1 node(s) didn't satisfy existing pods anti-affinity rules", noVictims),
    ],
    [
      'spread over zones',
      pod('p').labels({ a: 'b' }).spread(spreadOver('zone')),
      [node('a').labels({ zone: '1' }), node('b').labels({ zone: '2' })],
      [pod('o').on('a').labels({ a: 'b' })],
      'b',
    ],
    [
      'spread over a label that is missing',
      pod('p').labels({ a: 'b' }).spread(spreadOver('zone')),
      [node('n')],
      [],
      none("1 node(s) didn't match pod topology spread constraints (missing required label)", hopeless),
    ],
    [
      'a node that lacks one of the labels is not counted as an empty place of the other',
      pod('p').labels({ a: 'b' }).spread(spreadOver('zone'), spreadOver('rack')),
      [node('a').labels({ zone: '1', rack: '1' }), node('b').labels({ zone: '2' })],
      [pod('o').on('a').labels({ a: 'b' })],
      'a',
    ],
    [
      'a node without the label is not the best place to spread to',
      pod('p').labels({ a: 'b' }).spread(preferablyOver('zone')),
      [node('a'), node('b').labels({ zone: '1' })],
      [pod('o').on('b').labels({ a: 'b' })],
      'b',
    ],
    [
      'pods on nodes that are out of the question count for their zone',
      pod('p').labels({ a: 'b' }).spread(preferablyOver('zone')),
      [node('a').labels({ zone: '1' }), node('a2').labels({ zone: '1' }).cordoned(), node('b').labels({ zone: '2' })],
      [
        pod('o1').on('a2').labels({ a: 'b' }),
        pod('o2').on('a2').labels({ a: 'b' }),
        pod('o3').on('b').labels({ a: 'b' }),
      ],
      'b',
    ],
    [
      'also for those that would rather be near them',
      pod('p').affinity({ podAffinity: rather('zone', { a: 'b' }) }),
      [node('a').labels({ zone: '1' }), node('b').labels({ zone: '2' }), node('b2').labels({ zone: '2' }).cordoned()],
      [pod('o').on('b2').labels({ a: 'b' })],
      'b',
    ],
    [
      'a pod is welcome where others need one like it',
      pod('p').labels({ a: 'b' }),
      [node('a'), node('b')],
      [
        pod('o')
          .on('b')
          .affinity({ podAffinity: near('kubernetes.io/hostname', { a: 'b' }) }),
      ],
      'b',
    ],
    [
      'reasons of several nodes are counted',
      pod('p').asks({ cpu: '100' }),
      [node('a'), node('b'), node('c').taint('k')],
      [],
      none('1 node(s) had untolerated taint(s), 2 Insufficient cpu', '3 Preemption is not helpful for scheduling', 3),
    ],
  ];
  for (const [name, wanted, nodes, others, want] of cases) {
    test(name, () => assert.equal(schedule(wanted, nodes, others), want));
  }
});

test('feasibleWanted() is everything in a small cluster and a share of a large one', () => {
  const wanted = (percentage: number) => [0, 99, 100, 200, 1000, 5000].map((n) => feasibleWanted(n, percentage));
  assert.deepEqual(wanted(0), [0, 99, 100, 100, 420, 500]);
  assert.deepEqual(wanted(70), [0, 99, 100, 140, 700, 3500], 'as the configuration says');
});
