// The loop: what it writes for a pod that fits nowhere, and what becomes of bindings that fail.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Registry } from 'prom-client';
import type { Node } from '../api/core/node.ts';
import type { Pod } from '../api/core/pod.ts';
import type { PodDisruptionBudget } from '../api/policy/poddisruptionbudget.ts';
import type { KubeClient } from '../client/rest.ts';
import { conflictError, internalError } from '../machinery/errors.ts';
import { silentLogger } from '../machinery/log.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { FedGroups } from '../test/builders/fed-groups.ts';
import { FedInformer } from '../test/builders/fed-informer.ts';
import { node, type PodBuilder, pod } from '../test/builders/scheduling.ts';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { startExtender } from '../test/environment/extender-server.ts';
import { eventually } from '../test/environment/kubectl.ts';
import { PodGroups } from './cache/pod-groups.ts';
import { defaultBackoff } from './config/configuration.ts';
import type { ExtenderConfig } from './config/extender-config.ts';
import { buildProfiles } from './config/profiles.ts';
import { Extender } from './extenders/extender.ts';
import { Extenders } from './extenders/extenders.ts';
import { noVolumes } from './framework/volume-view.ts';
import { SchedulerMetrics } from './metrics.ts';
import { Scheduler } from './scheduler.ts';

const settle = async () => {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve));
};

async function startScheduler(profiles = buildProfiles({}), extenders: ExtenderConfig[] = []) {
  const clock = new FakeClock();
  const pods = new FedInformer<Pod>();
  const nodes = new FedInformer<Node>();
  const budgets = new FedInformer<PodDisruptionBudget>();
  /** Bindings asked for; each waits until a test answers it. */
  const bindings: { name: string; node: string; answer(err?: Error): Promise<void> }[] = [];
  const patches: any[] = [];
  const events: string[] = [];
  const log: string[] = [];
  /** A pod that cannot be deleted. */
  const refuses = { to: '' };
  const client = {
    resource: () => ({
      createSubresource: ({ name }: { name: string }, _: string, body: any) =>
        new Promise<void>((resolve, reject) => {
          const answer = (err?: Error) => {
            if (err) reject(err);
            else resolve();
            return settle();
          };
          bindings.push({ name, node: body.target.name, answer });
        }),
      patch: async ({ name }: { name: string }, patch: any) => {
        patches.push(patch);
        log.push(`patch ${name}`);
      },
      delete: async ({ name }: { name: string }, { uid }: { uid: string }) => {
        log.push(`delete ${name} ${uid}`);
        if (name === refuses.to) throw internalError('no');
      },
    }),
  } as unknown as KubeClient;
  const registry = new Registry();
  const scheduler = new Scheduler(
    {
      client,
      pods,
      nodes,
      namespaces: new FedInformer(),
      budgets,
      volumes: noVolumes,
      groups: new PodGroups(new FedGroups()),
      extenders: new Extenders(
        extenders.map((one) => new Extender(one, clock)),
        silentLogger,
      ),
      metrics: new SchedulerMetrics(registry),
      clock,
      random: seededRandom(1),
      log: silentLogger,
      backoff: defaultBackoff,
    },
    profiles.map((profile) => ({
      ...profile,
      recorder: { event: (_, { reason, message }) => void events.push(`${reason}: ${message}`) },
    })),
  );
  const add = (...wanted: PodBuilder[]) => {
    for (const p of wanted) pods.put(p.build());
    return settle();
  };
  const advance = async (ms: number) => {
    await clock.advance(ms);
    await settle();
  };
  await scheduler.start();
  /** What metrics say under a name, without what is zero. */
  const told = async (name: string) =>
    (await registry.getSingleMetricAsString(`scheduler_${name}`))
      .split('\n')
      .filter((line) => !line.startsWith('#') && !line.endsWith(' 0'));
  return { clock, scheduler, told, pods, nodes, bindings, patches, events, log, refuses, add, advance };
}

test('the condition of a pod that fits nowhere is written when it changes, and remembers since when', async () => {
  const { clock, pods, nodes, patches, add, advance } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1' }).build());
  await add(pod('p').asks({ cpu: '8' }));
  assert.equal(patches.length, 1);
  const [condition] = patches[0].status.conditions;
  assert.equal(condition.reason, 'Unschedulable');
  pods.put({ ...pods.lister.get('default/p')!, status: { conditions: [condition] } } as Pod);
  await advance(10_000);
  nodes.put(node('a').has({ cpu: '8' }).taint('k').build()); // enough, but it is no longer for everybody
  await settle();
  assert.equal(patches.length, 2);
  const [second] = patches[1].status.conditions;
  assert.match(second.message, /untolerated taint/);
  assert.equal(second.lastTransitionTime, condition.lastTransitionTime);
  pods.put({ ...pods.lister.get('default/p')!, status: { conditions: [second] } } as Pod);
  await advance(6 * 60_000);
  assert.ok(clock.now() > Date.parse(second.lastTransitionTime));
  assert.equal(patches.length, 2); // looked at again, and the same came out
});

test('a pod waits for a feature that its node has after an upgrade', async () => {
  const { nodes, bindings, add, advance } = await startScheduler();
  nodes.put(node('a').build());
  await add(pod('p').restartsAll());
  nodes.put(node('a').declares('RestartAllContainersOnContainerExits').build());
  await advance(10_000);
  assert.equal(bindings[0]?.name, 'p');
});

test('a binding that fails is told', async () => {
  const { nodes, bindings, patches, events, add } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1' }).build());
  await add(pod('p').asks({ cpu: '1' }));
  await add(pod('q').asks({ cpu: '1' }));
  assert.deepEqual(
    bindings.map((b) => b.name),
    ['p'],
  );
  events.length = 0;
  patches.length = 0;
  await bindings[0]!.answer(internalError('no space'));
  assert.match(events[0]!, /^FailedScheduling: binding rejected: running Bind plugin "DefaultBinder": .*no space/);
  assert.equal(patches[0].status.conditions[0].reason, 'SchedulerError');
});

test('pods that a failed binding kept waiting are tried again', async () => {
  const { scheduler, nodes, bindings, add } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1' }).build());
  await add(pod('p').asks({ cpu: '1' }));
  await add(pod('q').asks({ cpu: '1' }));
  assert.equal(scheduler.state().pending.unschedulable, 1);
  await bindings[0]!.answer(conflictError({ group: '', resource: 'pods/binding' }, 'p', 'being deleted'));
  assert.deepEqual(scheduler.state().pending, { active: 0, backoff: 1, unschedulable: 0, gated: 0 });
  assert.equal(bindings[1]?.name, 'q', 'nobody else was there: it did not wait for its back-off');
});

test('pods that waited for one that was deleted while it was being bound are tried again', async () => {
  const { scheduler, pods, nodes, bindings, add, advance } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1' }).build());
  await add(pod('p').asks({ cpu: '1' }));
  await add(pod('q').asks({ cpu: '1' }));
  assert.equal(scheduler.state().pending.unschedulable, 1);
  await bindings[0]!.answer();
  pods.remove(pod('p').build()); // the watch began anew and never showed its node
  await advance(1_000);
  assert.equal(bindings[1]?.name, 'q');
});

test('a change during a binding that then fails is not lost', async () => {
  const { nodes, bindings, add, advance } = await startScheduler();
  nodes.put(node('a').build());
  await add(pod('p'));
  nodes.put(node('a').cordoned().build());
  nodes.put(node('b').taint('k').build());
  await add(pod('p').tolerates('k'));
  assert.equal(bindings.length, 1);
  await bindings[0]!.answer(internalError('no'));
  await advance(1_000);
  assert.equal(bindings[1]?.node, 'b');
  // The binding is made: what the watch still shows of before is no reason to bind again.
  await bindings[1]!.answer();
  await add(pod('p').tolerates('k').labels({ a: 'b' }));
  await advance(10_000);
  assert.equal(bindings.length, 2);
});

test('a node that goes may be what a pod waited for', async () => {
  const { nodes, bindings, add, advance } = await startScheduler();
  const near = node('a').labels({ zone: '1' });
  const far = node('b').labels({ zone: '2' }).cordoned();
  const spread = { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule', labelSelector: {} };
  nodes.put(near.build());
  nodes.put(far.build());
  await add(pod('o').on('a'), pod('p').spread(spread));
  assert.equal(bindings.length, 0);
  nodes.remove(far.build());
  await advance(1_000);
  assert.equal(bindings[0]?.node, 'a');
});

test('a label that is taken off a pod may be what another one waited for', async () => {
  const { nodes, bindings, add, advance } = await startScheduler();
  const spread = {
    maxSkew: 1,
    topologyKey: 'zone',
    whenUnsatisfiable: 'DoNotSchedule',
    labelSelector: { matchLabels: { a: 'b' } },
  };
  nodes.put(node('a').labels({ zone: '1' }).build());
  nodes.put(node('b').labels({ zone: '2' }).cordoned().build());
  await add(pod('o').on('a').labels({ a: 'b' }), pod('p').labels({ a: 'b' }).spread(spread));
  assert.equal(bindings.length, 0);
  await add(pod('o').on('a').labels({ a: 'c' }));
  await advance(1_000);
  assert.equal(bindings.length, 1);
});

describe('a pod that takes the place of another one', () => {
  const victim = () => pod('victim').asks({ cpu: '1' }).on('a');
  const high = () => pod('high').priority(10).asks({ cpu: '1' });
  const start = async () => {
    const parts = await startScheduler();
    parts.nodes.put(node('a').has({ cpu: '1' }).build());
    await parts.add(victim());
    return parts;
  };

  test('says so, lets the other one say why it ends, and follows when it is gone', async () => {
    const { pods, bindings, patches, events, log, add, advance } = await start();
    await add(high());
    assert.deepEqual(log, ['patch high', 'patch victim', 'delete victim uid-victim']);
    assert.equal(patches[0].status.nominatedNodeName, 'a');
    assert.deepEqual(
      patches.map(({ status: { conditions } }) => [conditions[0].type, conditions[0].reason, conditions[0].message]),
      [
        ['PodScheduled', 'Unschedulable', '0/1 nodes are available: 1 Insufficient cpu.'],
        [
          'DisruptionTarget',
          'PreemptionByScheduler',
          'default-scheduler: preempting to accommodate a higher priority pod',
        ],
      ],
    );
    assert.deepEqual(events, [
      'FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.',
      'Preempted: Preempted by pod uid-high on node a',
    ]);
    pods.put(victim().terminating('PreemptionByScheduler').build());
    await advance(60_000);
    assert.equal(bindings.length, 0);
    assert.equal(log.filter((line) => line.startsWith('delete')).length, 1, 'once is enough');
    pods.remove(victim().build());
    await advance(10_000);
    assert.deepEqual(
      bindings.map((b) => [b.name, b.node]),
      [['high', 'a']],
    );
  });

  test('keeps the place from those that are less important', async () => {
    const { pods, bindings, add, advance } = await start();
    await add(high());
    pods.remove(victim().build());
    await add(pod('low').asks({ cpu: '1' }));
    await advance(10_000);
    assert.deepEqual(
      bindings.map((b) => b.name),
      ['high'],
    );
  });

  test('gives the place up when the other one cannot be ended, and tries again', async () => {
    const { log, patches, refuses, add, advance } = await start();
    refuses.to = 'victim';
    await add(high());
    assert.equal(patches.at(-1).status.nominatedNodeName, null);
    refuses.to = '';
    await advance(6 * 60_000);
    assert.equal(log.filter((line) => line.startsWith('delete')).length, 2);
  });

  test('yields to one that is more important still, and looks anew', async () => {
    const { pods, bindings, patches, add, advance } = await start();
    await add(high());
    await add(pod('highest').priority(100).asks({ cpu: '1' }));
    assert.equal(bindings.length, 0);
    pods.remove(victim().build());
    await advance(10_000);
    assert.deepEqual(
      bindings.map((b) => b.name),
      ['highest'],
    );
    assert.ok(patches.some(({ status }) => status.nominatedNodeName === null));
  });
});

test('a pod goes where somebody else has nominated it, if it fits, and others leave it the place', async () => {
  const { pods, nodes, bindings, add } = await startScheduler();
  const wants = (name: string) => pod(name).asks({ cpu: '2' });
  const nominate = ({ ...one }: Pod, nominatedNodeName: string) => pods.put({ ...one, status: { nominatedNodeName } });
  nodes.put(node('roomy').has({ cpu: '8' }).build());
  nominate(wants('early').gate('g').build(), 'new');
  nodes.put(node('new').has({ cpu: '2' }).build());
  await add(wants('equal').selects({ 'kubernetes.io/hostname': 'new' }));
  assert.equal(bindings.length, 0);
  nominate(wants('early').build(), 'new');
  nominate(wants('astray').build(), 'nowhere');
  await settle();
  assert.deepEqual(bindings.map((b) => `${b.name} ${b.node}`).sort(), ['astray roomy', 'early new']);
});

test('bindings are written some at a time', async () => {
  const { nodes, bindings, add } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1000', pods: '1000' }).build());
  await add(...Array.from({ length: 200 }, (_, i) => pod(`p${i}`)));
  await settle();
  const first = bindings.length;
  assert.ok(first > 0 && first < 200, String(first));
  await bindings[0]!.answer();
  assert.equal(bindings.length, first + 1);
});

test('each profile has the pods that name it, with its own plugins', async () => {
  const profiles = buildProfiles({
    profiles: [
      { schedulerName: 'default-scheduler' },
      { schedulerName: 'careless', plugins: { filter: { disabled: [{ name: 'NodeUnschedulable' }] } } },
    ],
  });
  const { nodes, bindings, events, add } = await startScheduler(profiles);
  nodes.put(node('a').cordoned().build());
  await add(pod('p'), pod('q').scheduler('careless'), pod('r').scheduler('nobody'));
  assert.deepEqual(
    bindings.map(({ name }) => name),
    ['q'],
  );
  assert.equal(events.length, 1);
  assert.match(events[0]!, /1 node\(s\) were unschedulable/);
});

test('metrics tell of attempts, queues, the cache and how long its parts took', async () => {
  const { nodes, bindings, add, told } = await startScheduler();
  nodes.put(node('a').has({ cpu: '1' }).build());
  await add(pod('p').asks({ cpu: '1' }));
  assert.deepEqual(await told('cache_size'), [
    'scheduler_cache_size{type="nodes"} 1',
    'scheduler_cache_size{type="pods"} 1',
    'scheduler_cache_size{type="assumed_pods"} 1',
  ]);
  assert.deepEqual(await told('schedule_attempts_total'), [], 'it is not bound yet');
  await bindings[0]!.answer();
  await add(pod('large').asks({ cpu: '8' }));
  await add(pod('q').asks({ cpu: '1' }).gate('g'));
  assert.deepEqual(await told('schedule_attempts_total'), [
    'scheduler_schedule_attempts_total{result="scheduled",profile="default-scheduler"} 1',
    'scheduler_schedule_attempts_total{result="unschedulable",profile="default-scheduler"} 1',
  ]);
  assert.deepEqual(await told('pending_pods'), [
    'scheduler_pending_pods{queue="unschedulable"} 1',
    'scheduler_pending_pods{queue="gated"} 1',
  ]);
  assert.deepEqual(await told('unschedulable_pods'), [
    'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"} 1',
  ]);
  assert.deepEqual(await told('preemption_attempts_total'), ['scheduler_preemption_attempts_total 1']);
  const has = async (name: string, line: string) => assert.ok((await told(name)).includes(`scheduler_${line}`), line);
  await has('pod_scheduling_attempts', 'pod_scheduling_attempts_bucket{le="1"} 1');
  await has('pod_scheduling_sli_duration_seconds', 'pod_scheduling_sli_duration_seconds_count{attempts="1"} 1');
  await has('scheduling_algorithm_duration_seconds', 'scheduling_algorithm_duration_seconds_count 1');
  await has('event_handling_duration_seconds', 'event_handling_duration_seconds_count{event="NodeAdd"} 1');
  const counts = { PreFilter: 2, Filter: 2, PostFilter: 1, Reserve: 1, Bind: 1 };
  for (const [point, count] of Object.entries(counts)) {
    const labels = `extension_point="${point}",status="${point === 'PostFilter' ? 'Unschedulable' : 'Success'}"`;
    const line = `framework_extension_point_duration_seconds_count{${labels},profile="default-scheduler"} ${count}`;
    await has('framework_extension_point_duration_seconds', line);
  }
  const labels = 'plugin="NodeResourcesFit",extension_point="Filter",status="Success"';
  await has('plugin_execution_duration_seconds', `plugin_execution_duration_seconds_count{${labels}} 1`);
});

describe('extenders', () => {
  test('are asked for one pod after the other, and bind', async () => {
    let asking = 0;
    let most = 0;
    await using server = await startExtender({
      filter: async ({ Nodes }) => {
        most = Math.max(most, ++asking);
        await settle();
        asking--;
        return { Nodes };
      },
      bind: () => ({}),
    });
    const { nodes, bindings, events, add } = await startScheduler(undefined, [
      { urlPrefix: server.urlPrefix, filterVerb: 'filter', bindVerb: 'bind' },
    ]);
    nodes.put(node('a').has({ cpu: '2' }).build());
    await add(pod('p').asks({ cpu: '1' }), pod('q').asks({ cpu: '1' }), pod('r').asks({ cpu: '1' }));
    await eventually('all are looked at', () => events.length === 3);
    assert.equal(most, 1);
    assert.deepEqual(bindings, [], 'nobody else binds');
    assert.deepEqual(events.sort(), [
      'FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.',
      'Scheduled: Successfully assigned default/p to a',
      'Scheduled: Successfully assigned default/q to a',
    ]);
    const bound = server.asked.filter(({ verb }) => verb === 'bind').map(({ args }) => args);
    assert.deepEqual(bound[0], { PodName: 'p', PodNamespace: 'default', PodUID: 'uid-p', Node: 'a' });
  });

  test('that fail are told, and the pod is tried again', async () => {
    let isDown = true;
    await using server = await startExtender({ filter: ({ Nodes }) => (isDown ? 500 : { Nodes }) });
    const config = { urlPrefix: server.urlPrefix, filterVerb: 'filter' };
    const { nodes, bindings, patches, events, add, advance } = await startScheduler(undefined, [config]);
    nodes.put(node('a').build());
    await add(pod('p'));
    await eventually('it is told', () => events.length > 0);
    assert.match(events[0]!, /^FailedScheduling: failed filter with extender at URL http:.*\/filter, code 500$/);
    assert.equal(patches[0].status.conditions[0].reason, 'SchedulerError');
    isDown = false;
    await advance(1_000);
    await eventually('it is bound', () => bindings[0]?.node === 'a');
  });

  test('a pod that is gone when they have answered is not bound', async () => {
    const gate: { open?: () => void } = {};
    const opened = new Promise<void>((resolve) => {
      gate.open = resolve;
    });
    await using server = await startExtender({
      async filter({ Pod, Nodes }) {
        if (Pod.metadata.name === 'p') await opened;
        return { Nodes };
      },
    });
    const { pods, nodes, bindings, add } = await startScheduler(undefined, [
      { urlPrefix: server.urlPrefix, filterVerb: 'filter' },
    ]);
    nodes.put(node('a').build());
    await add(pod('p'), pod('q'));
    await eventually('it is asked', () => server.asked.length > 0);
    pods.remove(pod('p').build());
    gate.open?.();
    await eventually('the other one is bound', () => bindings.length > 0);
    assert.deepEqual(
      bindings.map(({ name }) => name),
      ['q'],
    );
  });
});
