// Pods that say nothing of how they are spread: with whom they belong together, and where they go for it.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FedGroups } from '../../test/builders/fed-groups.ts';
import { type NodeBuilder, node, type PodBuilder, pod } from '../../test/builders/scheduling.ts';
import { SchedulerCache } from '../cache/cache.ts';
import { PodGroups } from '../cache/pod-groups.ts';
import { buildProfiles } from '../config/profiles.ts';
import { schedulePod } from '../cycle.ts';
import { describeFailure } from '../fit-error.ts';
import { podInfoOf } from '../framework/pod-info.ts';

const zone = 'topology.kubernetes.io/zone';
const named = (name: string, selector: object, namespace = 'default') =>
  ({ metadata: { name, namespace }, spec: { selector } }) as any;

/** Services, replica sets, ... of a test. */
function groupsWith(fill: (fed: FedGroups) => void): PodGroups {
  const fed = new FedGroups();
  const groups = new PodGroups(fed);
  fill(fed);
  return groups;
}

describe('what the pods of a group have in common', () => {
  const web = { matchLabels: { app: 'web' } };
  const isIn = (key: string, ...values: string[]) => ({ key, operator: 'In', values });
  const cases: [what: string, pod: PodBuilder, fill: (fed: FedGroups) => void, want: object | undefined][] = [
    ['nothing', pod('p').labels({ app: 'web' }), () => undefined, undefined],
    [
      'the selectors of all services that select it',
      pod('p').labels({ app: 'web', tier: 'front', x: 'y' }),
      ({ services }) => {
        services.put(named('a', { app: 'web' }));
        services.put(named('b', { tier: 'front' }));
        services.put(named('other', { tier: 'back' }));
        services.put(named('elsewhere', { x: 'y' }, 'other'));
        services.put(named('everything', {}));
        services.put({ metadata: { name: 'headless', namespace: 'default' }, spec: {} } as any);
      },
      { matchLabels: { app: 'web', tier: 'front' }, matchExpressions: [] },
    ],
    [
      'the selector of a replica set, beside',
      pod('p').labels({ app: 'web' }).ownedBy('apps/v1', 'ReplicaSet', 'rs'),
      ({ services, replicaSets }) => {
        services.put(named('a', { app: 'web' }));
        replicaSets.put(named('rs', { ...web, matchExpressions: [isIn('tier', 'a', 'b')] }));
      },
      { matchLabels: { app: 'web' }, matchExpressions: [isIn('app', 'web'), isIn('tier', 'a', 'b')] },
    ],
    [
      'the selector of a stateful set',
      pod('p').ownedBy('apps/v1', 'StatefulSet', 'ss'),
      ({ statefulSets }) => void statefulSets.put(named('ss', web)),
      { matchLabels: {}, matchExpressions: [isIn('app', 'web')] },
    ],
    [
      'the selector of a replication controller',
      pod('p').ownedBy('v1', 'ReplicationController', 'rc'),
      ({ replicationControllers }) => void replicationControllers.put(named('rc', { app: 'web' })),
      { matchLabels: {}, matchExpressions: [isIn('app', 'web')] },
    ],
    [
      'nothing of an owner of another kind, or that is gone',
      pod('p').ownedBy('batch/v1', 'Job', 'rs'),
      ({ replicaSets }) => void replicaSets.put(named('rs', web)),
      undefined,
    ],
    ['nothing of one that is gone', pod('p').ownedBy('apps/v1', 'ReplicaSet', 'rs'), () => undefined, undefined],
  ];
  for (const [what, one, fill, want] of cases)
    test(what, () => assert.deepEqual(groupsWith(fill).selectorOf(one.build()), want));

  test('is what it is now', () => {
    const fed = new FedGroups();
    const groups = new PodGroups(fed);
    const one = pod('p').labels({ app: 'web', tier: 'front' }).build();
    assert.equal(groups.selectorOf(one), undefined);
    fed.services.put(named('a', { app: 'web' }));
    assert.deepEqual(groups.selectorOf(one)?.matchLabels, { app: 'web' });
    fed.services.put(named('a', { tier: 'front' }));
    assert.deepEqual(groups.selectorOf(one)?.matchLabels, { tier: 'front' });
    fed.services.remove(named('a', {}));
    assert.equal(groups.selectorOf(one), undefined);
  });
});

describe('pods of a service are spread', () => {
  const groups = groupsWith(({ services }) => void services.put(named('web', { app: 'web' })));
  const web = (name: string) => pod(name).labels({ app: 'web' });
  const inZone = (name: string, value: string) => node(name).labels({ [zone]: value });

  const place = (
    args: object,
    { wanted = web('p'), nodes, others }: { wanted?: PodBuilder; nodes: NodeBuilder[]; others: PodBuilder[] },
  ): string => {
    const [profile] = buildProfiles({ profiles: [{ pluginConfig: [{ name: 'PodTopologySpread', args }] }] });
    const cache = new SchedulerCache(undefined, groups);
    for (const one of nodes) cache.setNode(one.build());
    for (const one of others) cache.setPod(one.build());
    const result = schedulePod(profile!.plugins, podInfoOf(wanted.build()), cache, { startIndex: 0, random: () => 0 });
    return result.type === 'found' ? result.node.name : describeFailure(result);
  };
  const list = (...defaultConstraints: object[]) => ({ defaultingType: 'List', defaultConstraints });
  const hard = list({ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule' });
  const soft = list({ maxSkew: 1, topologyKey: zone, whenUnsatisfiable: 'ScheduleAnyway' });
  /** Free in the same measure: what is asked for weighs more than a few pods of the group. */
  const zones = () => [inZone('a1', 'a'), inZone('a2', 'a'), inZone('b1', 'b')];
  const fill = (name: string) => pod(`fill-${name}`).on(name).asks({ cpu: '100m', memory: '200Mi' });

  const cases: [what: string, args: object, parts: Parameters<typeof place>[1], want: string | RegExp][] = [
    ['over hosts', {}, { nodes: [node('a'), node('b')], others: [web('o').on('a'), fill('b')] }, 'b'],
    [
      'a pod of another group is no reason',
      {},
      { wanted: pod('p'), nodes: [node('a'), node('b')], others: [web('o').on('a'), fill('b')] },
      'a',
    ],
    ['over zones, too', {}, { nodes: zones(), others: [web('o').on('a1'), fill('a2'), fill('b1')] }, 'b1'],
    [
      'over hosts where some have no zone',
      {},
      { nodes: [node('a'), inZone('b', 'z')], others: [web('o').on('b'), web('q').on('b'), fill('a')] },
      'a',
    ],
    [
      'not at all by an empty list',
      list(),
      { nodes: [node('a'), node('b')], others: [web('o').on('a'), fill('b')] },
      'a',
    ],
    ['by a list', soft, { nodes: zones(), others: [web('o').on('a1'), fill('a2'), fill('b1')] }, 'b1'],
    [
      'by a list that lets a node without the label have no points',
      soft,
      { nodes: [node('a'), inZone('b', 'z')], others: [web('o').on('b'), web('q').on('b')] },
      'b',
    ],
    [
      'by a list that turns nodes down',
      hard,
      { nodes: [inZone('a', 'a'), inZone('b', 'b').cordoned()], others: [web('o').on('a')] },
      /1 node\(s\) didn't match pod topology spread constraints, 1 node\(s\) were unschedulable/,
    ],
    [
      'by what they say themselves, if they do',
      hard,
      {
        wanted: web('p').spread({ maxSkew: 9, topologyKey: zone, whenUnsatisfiable: 'DoNotSchedule' }),
        nodes: [inZone('a', 'a'), inZone('b', 'b').cordoned()],
        others: [web('o').on('a')],
      },
      'a',
    ],
  ];
  for (const [what, args, parts, want] of cases)
    test(what, () => {
      const got = place(args, parts);
      if (typeof want === 'string') assert.equal(got, want);
      else assert.match(got, want);
    });

  test('a pod that a list has turned down looks again when one of its namespace goes', () => {
    const [profile] = buildProfiles({ profiles: [{ pluginConfig: [{ name: 'PodTopologySpread', args: hard }] }] });
    const { plugin } = profile!.plugins.find((one) => one.plugin.name === 'PodTopologySpread')!;
    const waiting = podInfoOf(web('p').build());
    assert.equal(plugin.mayHelp!({ type: 'PodRemoved', pod: web('o').build() }, waiting), true);
    const elsewhere = { ...web('o').build(), metadata: { name: 'o', namespace: 'other' } };
    assert.equal(plugin.mayHelp!({ type: 'PodRemoved', pod: elsewhere }, waiting), false);
  });
});
