// Whom a pod would push off a node, and which node it would take.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { SchedulerCache } from '../cache/cache.ts';
import { type CycleResult, schedulePod } from '../cycle.ts';
import { describeFailure } from '../fit-error.ts';
import type { WeightedPlugin } from '../framework/plugin.ts';
import { podInfoOf } from '../framework/pod-info.ts';
import { createDefaultPreemption } from '../plugins/default-preemption.ts';
import { plugins } from '../plugins/index.ts';

interface World {
  nodes: NodeBuilder[];
  pods?: PodBuilder[];
  budgets?: PodDisruptionBudget[];
  /** Pods for which room is being made. */
  nominated?: [pod: PodBuilder, node: string][];
}

function budget(name: string, matchLabels: Record<string, string>, disruptionsAllowed: number): PodDisruptionBudget {
  const status = { disruptionsAllowed, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  return { metadata: { name, namespace: 'default' }, spec: { selector: { matchLabels } }, status } as never;
}

function cycle(
  wanted: PodBuilder,
  { nodes, pods = [], budgets = [], nominated = [] }: World,
  among: readonly WeightedPlugin[] = plugins,
): CycleResult {
  const cache = new SchedulerCache();
  cache.setNamespace('default', {});
  for (const n of nodes) cache.setNode(n.build());
  for (const p of pods) cache.setPod(p.build());
  for (const b of budgets) cache.setBudget(b);
  for (const [p, name] of nominated) cache.nominate(podInfoOf(p.build()), name);
  const before = cache.nodes.map((n) => [...n.pods.keys()].sort());
  const result = schedulePod(among, podInfoOf(wanted.build()), cache, { startIndex: 0, random: () => 0 });
  const after = cache.nodes.map((n) => [...n.pods.keys()].sort());
  assert.deepEqual(after, before, 'what was tried in thought was undone');
  return result;
}

/** `node: victims`, or the node it goes to, or why neither. */
function outcome(result: CycleResult): string {
  if (result.type === 'found') return result.node.name;
  const { after } = result;
  if (!after || !('preemption' in after)) return describeFailure(result);
  const { node: at, victims } = after.preemption;
  return `${at.name}: ${victims.map((v) => v.pod.metadata.name).join()}`;
}

const high = () => pod('high').priority(100).asks({ cpu: '2' });
const low = (name: string, on: string, cpu = '2', priority = 0) => pod(name).priority(priority).asks({ cpu }).on(on);
const four = { cpu: '4' };
const apart = (labels: Record<string, string>, topologyKey = 'kubernetes.io/hostname') => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector: { matchLabels: labels } }],
  },
});
const near = (labels: Record<string, string>) => ({
  podAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: labels } },
    ],
  },
});

describe('victims', () => {
  const cases: [name: string, wanted: PodBuilder, world: World, want: string | RegExp][] = [
    [
      'as few as are needed, the least important',
      high(),
      { nodes: [node('a').has(four)], pods: [low('x', 'a', '2', 5), low('y', 'a', '2', 1)] },
      'a: y',
    ],
    [
      'of equals, those that began last',
      high(),
      {
        nodes: [node('a').has(four)],
        pods: [low('old', 'a').startedAt('2026-01-01T00:00:00Z'), low('young', 'a').startedAt('2026-01-02T00:00:00Z')],
      },
      'a: young',
    ],
    [
      'several, when one is not enough',
      pod('high').priority(9).asks({ cpu: '4' }),
      { nodes: [node('a').has(four)], pods: [low('x', 'a', '2', 5), low('y', 'a', '2', 1)] },
      'a: x,y',
    ],
    [
      'a small one is spared where a large one must go anyway',
      pod('high').priority(9).asks({ cpu: '3' }),
      { nodes: [node('a').has(four)], pods: [low('large', 'a', '3'), low('small', 'a', '1')] },
      'a: large',
    ],
    [
      'none of the same importance',
      high(),
      { nodes: [node('a').has(four)], pods: [low('x', 'a', '4', 100)] },
      /preemption: 0\/1 nodes are available: 1 No preemption victims found for incoming pod\.$/,
    ],
    [
      'none where it would not help',
      high(),
      { nodes: [node('a').has(four).taint('k')], pods: [low('x', 'a', '4')] },
      /preemption: 0\/1 nodes are available: 1 Preemption is not helpful for scheduling\.$/,
    ],
    [
      'none when even all would not be enough',
      pod('high').priority(9).asks({ cpu: '3' }),
      { nodes: [node('a').has(four)], pods: [low('x', 'a', '1'), low('high2', 'a', '2', 100)] },
      /preemption: 0\/1 nodes are available: 1 Insufficient cpu\.$/,
    ],
    [
      'none for a pod that never preempts',
      high().preempts('Never'),
      { nodes: [node('a').has(four)], pods: [low('x', 'a', '4')] },
      /preemption: not eligible due to preemptionPolicy=Never\.$/,
    ],
    [
      'a pod that does not want this one near',
      pod('high').priority(9).labels({ app: 'web' }),
      { nodes: [node('a')], pods: [low('hermit', 'a', '1').affinity(apart({ app: 'web' })), low('other', 'a', '1')] },
      'a: hermit',
    ],
    [
      'a pod that this one does not want near',
      pod('high')
        .priority(9)
        .affinity(apart({ app: 'noisy' })),
      { nodes: [node('a')], pods: [low('noisy', 'a', '1').labels({ app: 'noisy' }), low('quiet', 'a', '1')] },
      'a: noisy',
    ],
    [
      'none where this pod must be near one of them: Kubernetes looks for room without all of them first',
      high().affinity(near({ app: 'db' })),
      { nodes: [node('a').has(four)], pods: [low('db', 'a', '2').labels({ app: 'db' }), low('x', 'a', '2')] },
      /preemption: 0\/1 nodes are available: 1 node\(s\) didn't match pod affinity rules\.$/,
    ],
    [
      'one of a crowded zone',
      pod('high')
        .priority(9)
        .labels({ a: 'b' })
        .spread({
          maxSkew: 1,
          topologyKey: 'zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: { matchLabels: { a: 'b' } },
        }),
      {
        nodes: [node('a').labels({ zone: '1' }), node('b').labels({ zone: '2' }).cordoned()],
        pods: [low('x', 'a', '1').labels({ a: 'b' }), low('y', 'a', '1')],
      },
      'a: x',
    ],
    [
      'whom a budget keeps goes only where nobody else can',
      high(),
      {
        nodes: [node('a').has(four)],
        pods: [low('kept', 'a').labels({ app: 'db' }), low('free', 'a', '2', 50)],
        budgets: [budget('db', { app: 'db' }, 0)],
      },
      'a: free',
    ],
    [
      'a budget is no ban',
      high(),
      {
        nodes: [node('a').has({ cpu: '2' })],
        pods: [low('kept', 'a').labels({ app: 'db' })],
        budgets: [budget('db', { app: 'db' }, 0)],
      },
      'a: kept',
    ],
  ];
  for (const [name, wanted, world, want] of cases)
    test(name, () => {
      const found = outcome(cycle(wanted, world));
      if (typeof want === 'string') assert.equal(found, want);
      else assert.match(found, want);
    });
});

describe('the node that is taken', () => {
  const full = (name: string, ...pods: PodBuilder[]): World => ({ nodes: [node(name).has(four)], pods });
  const both = (a: World, b: World, budgets: PodDisruptionBudget[] = []): World => ({
    nodes: [...a.nodes, ...b.nodes],
    pods: [...a.pods!, ...b.pods!],
    budgets,
  });
  const cases: [name: string, world: World, want: string][] = [
    [
      'breaks the fewest budgets',
      both(full('a', low('x', 'a', '4').labels({ app: 'db' })), full('b', low('y', 'b', '4', 50)), [
        budget('db', { app: 'db' }, 0),
      ]),
      'b: y',
    ],
    [
      'loses the least important pods',
      both(full('a', low('x', 'a', '4', 9)), full('b', low('y', 'b', '4', 8))),
      'b: y',
    ],
    [
      'loses less importance in sum',
      both(
        full('a', low('x1', 'a', '1', 9), low('x2', 'a', '3', 9)),
        full('b', low('y1', 'b', '1', 9), low('y2', 'b', '1', 1), low('y3', 'b', '2', 9)),
      ),
      'a: x2',
    ],
    [
      'loses what began last',
      both(
        full('a', low('x', 'a', '4').startedAt('2026-01-01T00:00:00Z')),
        full('b', low('y', 'b', '4').startedAt('2026-01-02T00:00:00Z')),
      ),
      'b: y',
    ],
  ];
  for (const [name, world, want] of cases) test(name, () => assert.equal(outcome(cycle(high(), world)), want));

  test('is looked for until one breaks no budget, however few are enough', () => {
    const one = createDefaultPreemption({ minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 1 });
    const among = [...plugins.filter(({ plugin }) => !plugin.postFilter), { plugin: one, weight: 0 }];
    const guarded = (name: string) => full(name, low(`of-${name}`, name, '4').labels({ app: 'db' }));
    const world = both(
      both(guarded('a'), guarded('b')),
      both(full('c', low('x', 'c', '4', 9)), full('d', low('y', 'd', '4'))),
    );
    assert.equal(outcome(cycle(high(), { ...world, budgets: [budget('db', { app: 'db' }, 0)] }, among)), 'c: x');
  });
});

describe('room that is being made', () => {
  const nominee = pod('nominee').priority(50).asks({ cpu: '2' });

  test('is not taken by less important pods', () => {
    const world: World = { nodes: [node('a').has({ cpu: '2' })], nominated: [[nominee, 'a']] };
    assert.match(outcome(cycle(pod('p').priority(10).asks({ cpu: '1' }), world)), /1 Insufficient cpu/);
  });

  test('is taken by more important ones, and by the one it is made for', () => {
    const world: World = { nodes: [node('a').has({ cpu: '2' })], nominated: [[nominee, 'a']] };
    assert.equal(outcome(cycle(high(), world)), 'a');
    assert.equal(outcome(cycle(nominee, world)), 'a');
  });

  test('is where the pod goes, also when others have more of it', () => {
    const nodes = [node('a').has({ cpu: '2' }), node('b').has({ cpu: '64' })];
    assert.equal(outcome(cycle(nominee, { nodes, nominated: [[nominee, 'a']] })), 'a');
  });

  test('is waited for while the victims end', () => {
    const world = (reason?: string): World => ({
      nodes: [node('a').has({ cpu: '2' })],
      pods: [low('victim', 'a').terminating(reason)],
      nominated: [[nominee, 'a']],
    });
    const waits = /preemption: not eligible due to a terminating pod on the nominated node\.$/;
    assert.match(outcome(cycle(nominee, world('PreemptionByScheduler'))), waits);
    assert.equal(outcome(cycle(nominee, world())), 'a: victim', 'it ends for another reason, and may take its time');
  });
});
