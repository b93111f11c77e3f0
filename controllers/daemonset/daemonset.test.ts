import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ControllerRevision } from '../../api/apps/controllerrevision.ts';
import type { Node } from '../../api/core/node.ts';
import type { Pod } from '../../api/core/pod.ts';
import { node } from '../../test/builders/node.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import { daemonSet } from '../../test/builders/workload.ts';
import { daemonSetController } from './daemonset.ts';
import { buildPod, nodeNameOf, placeOn } from './placement.ts';
import { computeStatus, type DaemonInput, planPlacement, planUpdate } from './plan.ts';
import { buildRevision, type HistoryEffects, planHistoryCleanup, syncHistory } from './revisions.ts';

const hash = 'new';
const on = (name: string, nodeName: string, revision = hash) =>
  pod(name).on(nodeName).labels({ app: 'w', 'controller-revision-hash': revision });
const input = (parts: Partial<DaemonInput>): DaemonInput => ({
  set: daemonSet(),
  pods: [],
  nodes: ['n1', 'n2', 'n3'].map((name) => node(name)),
  hash,
  nowMs: testTimeMs,
  ...parts,
});
const names = (pods: readonly Pod[]) => pods.map((p) => p.metadata.name);
const rolling = (maxUnavailable: number | string, maxSurge: number | string) =>
  daemonSet({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } } });
const withSpec = (spec: object) =>
  daemonSet({ template: { metadata: { labels: { app: 'w' } }, spec: { containers: [], ...spec } } });

describe('placeOn()', () => {
  const taint = (key: string, effect: 'NoSchedule' | 'NoExecute') => ({ taints: [{ key, effect }] });
  const cases = [
    { name: 'a plain node', set: daemonSet(), node: node('n'), want: [true, true] },
    { name: 'another node by name', set: withSpec({ nodeName: 'm' }), node: node('n'), want: [false, false] },
    {
      name: 'a node without the label',
      set: withSpec({ nodeSelector: { disk: 'ssd' } }),
      node: node('n'),
      want: [false, false],
    },
    {
      name: 'a node in trouble',
      set: daemonSet(),
      node: node('n', taint('node.kubernetes.io/not-ready', 'NoExecute')),
      want: [true, true],
    },
    {
      name: 'a cordoned node',
      set: daemonSet(),
      node: node('n', taint('node.kubernetes.io/unschedulable', 'NoSchedule')),
      want: [true, true],
    },
    { name: 'a reserved node', set: daemonSet(), node: node('n', taint('k', 'NoSchedule')), want: [false, true] },
    { name: 'a node to leave', set: daemonSet(), node: node('n', taint('k', 'NoExecute')), want: [false, false] },
  ];
  for (const { name, set, node: subject, want } of cases) {
    test(name, () => {
      const { shouldRun, mayStay } = placeOn(set, subject);
      assert.deepEqual([shouldRun, mayStay], want);
    });
  }
});

test('buildPod() leaves the scheduler one choice', () => {
  const built = buildPod(daemonSet(), 'n1', hash);
  assert.equal(nodeNameOf(built), 'n1');
  assert.equal(built.spec.tolerations?.length, 6);
  assert.equal(built.metadata.labels?.['controller-revision-hash'], hash);
  const own = { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' };
  const given = buildPod(withSpec({ tolerations: [own, { key: 'k', operator: 'Exists' }] }), 'n1', hash);
  assert.deepEqual(
    given.spec.tolerations?.slice(0, 3).map(({ key }) => key),
    [own.key, 'k', 'node.kubernetes.io/not-ready'],
  );
});

describe('planPlacement()', () => {
  test('one pod where one is missing, none where there is one too many', () => {
    const pods = [
      on('a', 'n1').age(50).ready().build(),
      on('b', 'n1').age(20).ready().build(),
      on('c', 'gone').build(),
    ];
    const plan = planPlacement(input({ pods }));
    assert.deepEqual([plan.createOn, names(plan.delete)], [['n2', 'n3'], ['b']]);
  });

  test('finished pods are replaced', () => {
    const plan = planPlacement(input({ pods: [on('a', 'n1').failed().build()], nodes: [node('n1')] }));
    assert.deepEqual([plan.createOn, names(plan.delete), names(plan.finished)], [[], ['a'], ['a']]);
  });

  test('one that has ended and is deleted, but held by a finalizer, is replaced', () => {
    const pods = [on('a', 'n1').failed().deleting().finalizer('x').build()];
    assert.deepEqual(planPlacement(input({ pods, nodes: [node('n1')] })).createOn, ['n1']);
  });

  test('a surge does not wait for one that goes', () => {
    const going = [on('a', 'n1').ready().deleting().build()];
    const of = (set: ReturnType<typeof rolling>) => planPlacement(input({ set, pods: going, nodes: [node('n1')] }));
    assert.deepEqual([of(rolling(0, 1)).createOn, of(rolling(1, 0)).createOn], [['n1'], []]);
  });

  test('pods leave where they may not stay', () => {
    const pods = [on('a', 'n1').ready().build()];
    const plan = planPlacement(input({ pods, nodes: [node('n1', { taints: [{ key: 'k', effect: 'NoExecute' }] })] }));
    assert.deepEqual(names(plan.delete), ['a']);
  });
});

describe('planUpdate()', () => {
  const old = (name: string, nodeName: string) => on(name, nodeName, 'old');
  const reserved = { taints: [{ key: 'k', effect: 'NoSchedule' as const }] };
  type Row = { name: string; set: ReturnType<typeof rolling>; nodes?: Node[]; pods: Pod[]; want: [string[], string[]] };
  const cases: Row[] = [
    {
      name: 'one at a time',
      set: rolling(1, 0),
      pods: [old('a', 'n1').ready().build(), old('b', 'n2').ready().build(), old('c', 'n3').ready().build()],
      want: [[], ['a']],
    },
    {
      name: 'waits for the last step',
      set: rolling(1, 0),
      pods: [on('a', 'n1').running().build(), old('b', 'n2').ready().build(), old('c', 'n3').ready().build()],
      want: [[], []],
    },
    {
      name: 'an old pod that does not serve goes at once',
      set: rolling(1, 0),
      pods: [on('a', 'n1').running().build(), old('b', 'n2').running().build(), old('c', 'n3').ready().build()],
      want: [[], ['b']],
    },
    {
      name: 'and counts as missing, so that no other goes beyond the bound',
      set: rolling(1, 0),
      pods: [old('a', 'n1').ready().build(), old('b', 'n2').running().build(), old('c', 'n3').ready().build()],
      want: [[], ['b']],
    },
    {
      name: 'a surge makes the new pod first',
      set: rolling(0, '34%'),
      pods: [old('a', 'n1').ready().build(), old('b', 'n2').ready().build(), old('c', 'n3').ready().build()],
      want: [['n1', 'n2'], []],
    },
    {
      name: 'a surge ends the old pod when the new one serves',
      set: rolling(0, 1),
      pods: [
        old('a', 'n1').ready().build(),
        on('a2', 'n1').ready().build(),
        old('b', 'n2').ready().build(),
        on('c', 'n3').ready().build(),
      ],
      want: [['n2'], ['a']],
    },
    {
      name: 'where it is not to run any more the old pod goes without another one',
      set: rolling(1, 0),
      nodes: [node('n1', reserved)],
      pods: [old('a', 'n1').ready().build()],
      want: [[], ['a']],
    },
    {
      name: 'in a surge once as many serve as should',
      set: rolling(0, 1),
      nodes: [node('n1', reserved), node('n2')],
      pods: [old('a', 'n1').ready().build(), on('b', 'n2').ready().build()],
      want: [[], ['a']],
    },
    {
      name: 'and not before',
      set: rolling(0, 1),
      nodes: [node('n1', reserved), node('n2')],
      pods: [old('a', 'n1').ready().build(), on('b', 'n2').running().build()],
      want: [[], []],
    },
    {
      name: 'unless it serves no more',
      set: rolling(0, 1),
      nodes: [node('n1', reserved), node('n2')],
      pods: [old('a', 'n1').running().build(), on('b', 'n2').running().build()],
      want: [[], ['a']],
    },
    {
      name: 'OnDelete does nothing',
      set: daemonSet({ updateStrategy: { type: 'OnDelete' } }),
      pods: [old('a', 'n1').ready().build()],
      want: [[], []],
    },
  ];
  for (const { name, set, pods, nodes, want } of cases) {
    test(name, () => {
      const plan = planUpdate(input({ set, pods, ...(nodes && { nodes }) }));
      assert.deepEqual([plan.createOn, names(plan.delete)], want);
    });
  }
});

test('a surge does not keep an old pod that no longer serves until the new one does', () => {
  const cases: [Pod, Pod, string[]][] = [
    [on('old', 'n1', 'old').ready().build(), on('new', 'n1').running().build(), []],
    [on('old', 'n1', 'old').running().build(), on('new', 'n1').running().build(), ['old']],
    [on('old', 'n1', 'old').ready().build(), on('new', 'n1').ready().build(), ['old']],
  ];
  for (const [old, current, want] of cases) {
    const plan = planPlacement(input({ set: rolling(0, 1), pods: [old, current], nodes: [node('n1')] }));
    assert.deepEqual(names(plan.delete), want);
  }
});

test('computeStatus() counts nodes', () => {
  const pods = [on('a', 'n1').ready().build(), on('b', 'n2', 'old').running().build(), on('d', 'n4').ready().build()];
  const nodes = [node('n1'), node('n2'), node('n3'), node('n4', { taints: [{ key: 'k', effect: 'NoSchedule' }] })];
  assert.deepEqual(computeStatus(input({ pods, nodes })), {
    currentNumberScheduled: 2,
    numberMisscheduled: 1,
    desiredNumberScheduled: 3,
    numberReady: 1,
    observedGeneration: 1,
    updatedNumberScheduled: 1,
    numberAvailable: 1,
    numberUnavailable: 2,
  });
  // It has a new pod beside the old one, and does not see all that was done for its last change.
  const surging = [on('b', 'n2', 'old').age(50).ready().build(), on('c', 'n2').age(5).ready().build()];
  const waiting = computeStatus(input({ pods: surging, nodes }), false);
  assert.deepEqual([waiting.observedGeneration, waiting.updatedNumberScheduled], [undefined, undefined]);
});

describe('two revisions of one template', () => {
  const set = daemonSet();
  const named = (revision: ControllerRevision, name: string) => ({
    ...revision,
    metadata: { ...revision.metadata, name, labels: { 'controller-revision-hash': name } },
  });
  const first = named(buildRevision(set, 1), 'first');
  const second = named(buildRevision(set, 2), 'second');
  const sync = async (revisions: ControllerRevision[]) => {
    const writes: string[] = [];
    const say =
      (verb: string) =>
      async ({ name }: { name: string }, body: unknown) =>
        writes.push(`${verb} ${name} ${JSON.stringify(body)}`);
    const effects = {
      revisionClient: { delete: say('delete'), update: async () => writes.push('update') },
      podClient: { patch: say('patch') },
    } as unknown as HistoryEffects;
    const pods = [on('p', 'n1', 'first').build(), on('q', 'n2', 'before').build()];
    const history = await syncHistory(set, { revisions, pods }, effects);
    return { current: history?.current.metadata.name, old: history?.old.length, writes };
  };

  test('the later one stays, and has the pods of the other', async () => {
    assert.deepEqual(await sync([first, second]), {
      current: 'second',
      old: 0,
      writes: ['patch p {"metadata":{"labels":{"controller-revision-hash":"second"}}}', 'delete first {}'],
    });
  });

  test('the one that is left keeps its number', async () => {
    assert.deepEqual(await sync([second]), { current: 'second', old: 0, writes: [] });
  });
});

test('a revision has the bytes that clients compute', () => {
  const set = structuredClone(daemonSet());
  set.spec.template.metadata = { labels: { z: '1', a: '2' } };
  const text = JSON.stringify(buildRevision(set, 1).data);
  assert.match(
    text,
    /^\{"spec":\{"template":\{"\$patch":"replace","metadata":\{"labels":\{"a":"2","z":"1"\}\},"spec":\{"containers"/,
  );
});

test('a revision that somebody makes wakes nobody, one that goes does', () => {
  const related = daemonSetController.related?.find(({ kind }) => kind.kind === 'ControllerRevision');
  const revision = buildRevision(daemonSet(), 1);
  const deps = {} as Parameters<typeof daemonSetController.reconcile>[1];
  assert.deepEqual([...related!.keys(revision, undefined, deps)], []);
  assert.deepEqual([...related!.keys(undefined, revision, deps)], ['default/w']);
});

test('the history keeps its limit and what still runs', () => {
  const set = daemonSet({ revisionHistoryLimit: 1 });
  const revisions = ['a', 'b', 'c'].map((name, i) => {
    const revision = buildRevision(set, i + 1);
    return { ...revision, metadata: { ...revision.metadata, name, labels: { 'controller-revision-hash': name } } };
  });
  const doomed = planHistoryCleanup(set, revisions, [on('p', 'n1', 'a').build()]);
  assert.deepEqual(
    doomed.map((r) => r.metadata.name),
    ['b', 'c'],
  );
});
