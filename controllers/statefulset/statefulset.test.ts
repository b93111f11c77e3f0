import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ControllerRevision } from '../../api/apps/controllerrevision.ts';
import type { StatefulSet } from '../../api/apps/statefulset/schema.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { alreadyExistsError, forbiddenError } from '../../machinery/errors.ts';
import { deepFreeze } from '../../machinery/json.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { pod, testTimeMs } from '../../test/builders/pod.ts';
import { template } from '../../test/builders/workload.ts';
import { buildPod, claimOwners, isStaleClaim, ordinalOf } from './identity.ts';
import { computeStatus, planPods, usesCurrent } from './plan.ts';
import { StatefulPods } from './pods.ts';
import { buildRevision, nameOf, planHistoryCleanup, syncHistory, withRevision } from './revisions.ts';
import { statefulSetController } from './statefulset.ts';

function statefulSet(spec: object = {}, status: object = {}): StatefulSet {
  const metadata = { name: 'w', namespace: 'default', uid: 'uid-w', generation: 1, resourceVersion: '5' };
  const own = {
    replicas: 3,
    selector: { matchLabels: { app: 'w' } },
    template: template(),
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
    podManagementPolicy: 'OrderedReady',
    serviceName: 'svc',
  };
  return deepFreeze({ metadata, spec: { ...own, ...spec }, status } as unknown as StatefulSet);
}

/** `0` ready, `1?` running, `2.` pending, `3!` failed, `4x` ready and going; `o` behind it: of the old revision. */
function podOf(text: string): Pod {
  const [, ordinal = '', state = '', old = ''] = /^(\d+)([?.!x]?)(o?)$/.exec(text)!;
  const name = `w-${ordinal}`;
  const builder = pod(name).labels({
    app: 'w',
    'statefulset.kubernetes.io/pod-name': name,
    'controller-revision-hash': old ? 'old' : 'new',
  });
  if (state === '?') return builder.running().build();
  if (state === '!') return builder.failed().build();
  if (state === 'x') return builder.ready().deleting().build();
  return state === '.' ? builder.build() : builder.ready(50).build();
}

const stateOf = (set: StatefulSet, pods: string) => ({
  set,
  pods: pods.split(' ').filter(Boolean).map(podOf),
  current: 'old',
  update: 'new',
  collisionCount: 0,
  nowMs: testTimeMs,
});

describe('planPods()', () => {
  const parallel = { podManagementPolicy: 'Parallel' };
  const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
  const five = { replicas: 5 };
  // Name, spec, pods, and what is planned: +0 create, -0 delete.
  const cases: [string, object, string, string][] = [
    ['the first one first', {}, '', '+0'],
    ['the next when the one before is ready', {}, '0', '+1'],
    ['not before', {}, '0?', ''],
    ['nor before it has been ready long enough', { minReadySeconds: 60 }, '0', ''],
    ['in parallel all at once', parallel, '0?', '+1 +2'],
    ['what failed is made anew, in its turn', {}, '0! 1!', '-0'],
    ['in parallel all that failed', parallel, '0! 1! 2', '-0 -1'],
    ['one that goes is waited for', {}, '0x 1 2', ''],
    ['a gap is filled', {}, '0 2', '+1'],
    ['those beyond go from above, one at a time', { replicas: 1 }, '0 1 2', '-2'],
    ['after the one that goes', { replicas: 1 }, '0 1 2x', ''],
    ['the sick one beyond first', { replicas: 1 }, '0 1 2?', '-2'],
    ['a sick one holds up those above it', { replicas: 1 }, '0 1? 2?', ''],
    ['in parallel all beyond', { ...parallel, replicas: 1 }, '0 1? 2', '-2 -1'],
    ['not before those in range are ready', { replicas: 1 }, '0? 1 2', ''],
    ['the range moves', { ordinals: { start: 1 } }, '0 1 2 3', '-0'],
    ['an update begins above', {}, '0o 1o 2o', '-2'],
    ['and waits for the new one', {}, '0o 1o 2?', ''],
    ['then goes on', {}, '0o 1o 2', '-1'],
    ['down to the partition', rolling({ partition: 2 }), '0o 1o 2', ''],
    ['OnDelete updates nothing', { updateStrategy: { type: 'OnDelete' } }, '0o 1o 2o', ''],
    ['several at a time', { ...five, ...rolling({ maxUnavailable: 2 }) }, '0o 1o 2o 3o 4o', '-4 -3'],
    ['a share, rounded down', { ...five, ...rolling({ maxUnavailable: '50%' }) }, '0o 1o 2o 3o 4o', '-4 -3'],
    ['a small share is one', { ...five, ...rolling({ maxUnavailable: '10%' }) }, '0o 1o 2o 3o 4o', '-4'],
    [
      'what is missing already counts',
      { ...five, ...parallel, ...rolling({ maxUnavailable: 2 }) },
      '0o 1o 2o 3o 4?',
      '-3',
    ],
    ['a sick old one is replaced at once', { ...parallel, ...rolling({ maxUnavailable: 1 }) }, '0o 1?o 2o', '-1'],
    ['in parallel sick ones below are not waited for', parallel, '0?o 1?o 2o', '-2'],
    ['a sick old one goes in its turn', parallel, '0o 1?o 2', '-1'],
    ['one that goes is waited for', parallel, '0o 1o 2xo', ''],
    ['in parallel one that failed is told once', parallel, '0o 1o 2!o', '-2'],
    ['scaling comes before updating', { replicas: 2 }, '0o 1o 2o', '-2'],
  ];
  for (const [name, spec, pods, wanted] of cases) {
    test(`${name}: ${pods}`, () => {
      const plan = planPods(stateOf(statefulSet(spec), pods));
      const deleted = plan.delete.map(({ metadata }) => `-${metadata.name!.slice(2)}`);
      assert.equal([...plan.create.map((i) => `+${i}`), ...deleted].join(' '), wanted);
    });
  }

  test('of billions of pods those that are there and some that are missing are looked at', () => {
    const of = (spec: object, pods: string) => planPods(stateOf(statefulSet({ replicas: 2 ** 31 - 1, ...spec }), pods));
    assert.deepEqual(of({}, '0 1 3').create, [2]);
    const { create, delete: doomed } = of(parallel, '0 1o 700! 2147483646o');
    assert.deepEqual([create.length, create[0], create.at(-1)], [500, 2, 501]);
    assert.deepEqual(
      doomed.map(({ metadata }) => metadata.name),
      ['w-700', 'w-2147483646'],
    );
    const share = { ...parallel, ...rolling({ maxUnavailable: '100%', partition: 1 }) };
    assert.deepEqual(of(share, '0o 1o').delete.length, 1);
  });

  test('pods that lost their labels, and pending ones, are looked after', () => {
    const bare = pod('w-0').ready().labels({ app: 'w', 'controller-revision-hash': 'new' }).build();
    const plan = planPods({ ...stateOf(statefulSet(), '1.'), pods: [bare, podOf('1.')] });
    assert.deepEqual([plan.relabel, plan.pending], [[bare], [podOf('1.')]]);
  });
});

test('usesCurrent(): below the partition, or as many as there were before settings were', () => {
  const of = (spec: object, status: object = {}) =>
    [0, 1, 2, 3].filter((ordinal) => usesCurrent(statefulSet(spec, status), ordinal));
  assert.deepEqual(of({ updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } }), [0, 1]);
  assert.deepEqual(of({ updateStrategy: { type: 'RollingUpdate' } }, { currentReplicas: 1 }), [0]);
  assert.deepEqual(of({ updateStrategy: { type: 'OnDelete' } }, { currentReplicas: 3 }), []);
});

test('computeStatus() counts, and ends an update', () => {
  const status = (spec: object, pods: string) => computeStatus(stateOf(statefulSet(spec), pods));
  const rest = { observedGeneration: 1, collisionCount: 0, updateRevision: 'new' };
  assert.deepEqual(status({}, '0o 1?o 2'), {
    ...rest,
    replicas: 3,
    readyReplicas: 2,
    availableReplicas: 2,
    currentReplicas: 2,
    updatedReplicas: 1,
    currentRevision: 'old',
  });
  // One that was replaced at once must not be taken for one of the old that is missing.
  const state = stateOf(statefulSet(), '0o 1o 2o');
  assert.equal(computeStatus({ ...state, deleted: planPods(state).delete }).currentReplicas, 2);
  assert.deepEqual([status({}, '0 1 2').currentRevision, status({}, '0 1 2').currentReplicas], ['new', 3]);
  assert.equal(status({}, '0 1 2?').currentRevision, 'old');
  assert.equal(status({ updateStrategy: { type: 'OnDelete' } }, '0 1 2').currentRevision, 'old');
  assert.deepEqual(status({}, ''), { ...rest, replicas: 0, availableReplicas: 0, currentRevision: 'old' });
});

describe('identity', () => {
  test('ordinalOf() knows its own', () => {
    const of = (name: string) => ordinalOf(statefulSet(), pod(name).build());
    const names = ['w-0', 'w-12', 'w-01', 'w-x', 'v-1', 'w', 'w-w-1', 'w--1'];
    assert.deepEqual(names.map(of), [0, 12, undefined, undefined, undefined, undefined, undefined, undefined]);
  });

  test('buildPod(): claims take the place of volumes of their name', () => {
    const volumes = [
      { name: 'data', emptyDir: {} },
      { name: 'tmp', emptyDir: {} },
    ];
    const claims = [{ metadata: { name: 'data' }, spec: {} }];
    const own = { ...template(), spec: { ...template().spec, volumes } };
    const { metadata, spec } = buildPod(statefulSet({ template: own, volumeClaimTemplates: claims }), 1, 'new');
    assert.deepEqual(
      [metadata.name, metadata.generateName, spec.hostname, spec.subdomain],
      ['w-1', 'w-', 'w-1', 'svc'],
    );
    assert.deepEqual(spec.volumes, [{ name: 'data', persistentVolumeClaim: { claimName: 'data-w-1' } }, volumes[1]]);
  });

  test('claimOwners() by the policy', () => {
    const owned = pod('w-5').build();
    const show = (whenDeleted: string, whenScaled: string, ordinal: number, present: any[] = []) =>
      claimOwners(statefulSet({ persistentVolumeClaimRetentionPolicy: { whenDeleted, whenScaled } }), {
        ordinal,
        pod: owned,
        present,
      }).map(({ kind, name }) => `${kind} ${name}`);
    assert.deepEqual(show('Retain', 'Retain', 1), []);
    assert.deepEqual(show('Delete', 'Retain', 1), ['StatefulSet w']);
    assert.deepEqual(show('Delete', 'Retain', 5), ['StatefulSet w']);
    assert.deepEqual(show('Retain', 'Delete', 1), []);
    assert.deepEqual(show('Delete', 'Delete', 5), ['Pod w-5']);
    const before = [
      { kind: 'StatefulSet', name: 'w' },
      { kind: 'X', name: 'y' },
    ];
    assert.deepEqual(show('Retain', 'Retain', 1, before), ['X y']);
    // Whoever else controls it decides.
    assert.deepEqual(show('Delete', 'Retain', 1, [{ kind: 'X', name: 'y', controller: true }]), ['X y']);
  });

  test('a claim of a pod that is gone is stale', () => {
    const claim = {
      metadata: { ownerReferences: [{ kind: 'Pod', name: 'w-1', uid: 'before' }] },
    } as PersistentVolumeClaim;
    assert.equal(isStaleClaim(claim, 'w-1', undefined), true);
    assert.equal(isStaleClaim(claim, 'w-2', undefined), false);
  });
});

describe('history', () => {
  const set = statefulSet();
  const first = { ...buildRevision(set, 1, 0) };
  const other = buildRevision(statefulSet({ template: template('img:2') }), 2, 0);
  const client = (more: object = {}) =>
    ({
      create: async (it: ControllerRevision) => it,
      update: async (it: ControllerRevision) => it,
      ...more,
    }) as unknown as Parameters<typeof syncHistory>[2];

  test('the first, the same, a new one, and one that comes back', async () => {
    const show = async (revisions: ControllerRevision[], status: object = {}) => {
      const { current, update } = await syncHistory(statefulSet({}, status), revisions, client());
      return [nameOf(current), nameOf(update), update.revision];
    };
    assert.deepEqual(await show([]), [nameOf(first), nameOf(first), 1]);
    assert.deepEqual(await show([first]), [nameOf(first), nameOf(first), 1]);
    assert.deepEqual(await show([other], { currentRevision: nameOf(other) }), [nameOf(other), nameOf(first), 3]);
    assert.deepEqual(await show([first, other], { currentRevision: nameOf(other) }), [nameOf(other), nameOf(first), 3]);
    assert.deepEqual(withRevision(set, other).spec.template, template('img:2'));
  });

  test('a name that another template has is left to it', async () => {
    const names: string[] = [];
    const create = async (it: ControllerRevision) => {
      names.push(nameOf(it));
      if (names.length === 1) throw alreadyExistsError({ group: 'apps', resource: 'controllerrevisions' }, nameOf(it));
      return it;
    };
    const { collisionCount } = await syncHistory(set, [], client({ create, get: async () => other }));
    assert.deepEqual([collisionCount, names.length, names[0] === names[1]], [1, 2, false]);
  });

  test('cleanup leaves what runs, and the limit', () => {
    const of = (name: string, revision: number) => ({ metadata: { name }, revision }) as ControllerRevision;
    const all = [of('e', 5), of('a', 1), of('b', 2), of('c', 3), of('d', 4)];
    const live = {
      current: all[4]!,
      update: all[0]!,
      pods: [pod('p').labels({ 'controller-revision-hash': 'a' }).build()],
    };
    const cut = (revisionHistoryLimit: number) => planHistoryCleanup(statefulSet({ revisionHistoryLimit }), all, live);
    assert.deepEqual([cut(0).map(nameOf), cut(1).map(nameOf), cut(2)], [['b', 'c'], ['b'], []]);
  });
});

test('reconcile() tells how far it is when pods are refused, and waits for its own write', async () => {
  const statuses: StatefulSet['status'][] = [];
  let tries = 0;
  const deps = {
    clock: new FakeClock(testTimeMs),
    revisionsFor: () => [],
    revisionClient: { create: async (revision: object) => revision },
    owned: {
      expectations: { expect: () => undefined, creationObserved: () => undefined },
      isSettled: () => true,
      candidates: () => [],
    },
    statefulPods: {
      create: () => {
        tries++;
        return Promise.reject(forbiddenError({ group: '', resource: 'pods' }, 'w-0', 'exceeded quota'));
      },
    },
    setClient: {
      updateStatus: async (set: StatefulSet) => {
        statuses.push(set.status);
        return { ...set, metadata: { ...set.metadata, resourceVersion: '7' } };
      },
    },
    written: new Map(),
  } as unknown as Parameters<typeof statefulSetController.reconcile>[1];
  await assert.rejects(statefulSetController.reconcile(statefulSet(), deps), /exceeded quota/);
  assert.deepEqual(
    statuses.map((s) => [s?.replicas, s?.observedGeneration]),
    [[0, 1]],
  );
  assert.equal(await statefulSetController.reconcile(statefulSet(), deps), undefined);
  assert.equal(tries, 1);
});

test('a pod waits until a claim of its name that is being deleted is gone', async () => {
  const events: string[] = [];
  const created: string[] = [];
  const claim = { metadata: { name: 'data-w-0', namespace: 'default', deletionTimestamp: '2026-01-01T00:00:00Z' } };
  const context = {
    resource: () => ({ create: async (it: Pod) => created.push(it.metadata.name ?? '') }),
    informer: () => ({ lister: { get: () => claim } }),
    recorder: () => ({ event: (_: object, ...words: string[]) => events.push(words.join(' ')) }),
  } as unknown as ControllerContext;
  const set = statefulSet({ volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] });
  await assert.rejects(new StatefulPods(context, 'statefulset-controller').create(set, buildPod(set, 0, 'new')));
  const why = 'Create Pod w-0 in StatefulSet w failed error: pvc data-w-0 is being deleted';
  assert.deepEqual([events, created], [[`Warning FailedCreate ${why}`], []]);
});
