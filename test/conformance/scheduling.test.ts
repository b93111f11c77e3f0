// What sig-scheduling requires, and sig-instrumentation of events.
import assert from 'node:assert/strict';
import { ApiWatch, isOf } from './api-watch.ts';
import { requirements, type Space } from './cluster.ts';
import { conditionOf, gone, labelled, namesOf, patch, query, runningPods, update } from './objects.ts';
import { apps, core, pod, sleeper, templateOf, workload } from './workloads.ts';

const pods = (space: Space) => space.path(core, 'pods');
const ranges = (space: Space) => space.path(core, 'limitranges');
const priorityClasses = '/apis/scheduling.k8s.io/v1/priorityclasses';

type Amounts = Record<string, string>;
const amounts = (cpu: string, memory: string, storage: string): Amounts =>
  Object.fromEntries(
    Object.entries({ cpu, memory, 'ephemeral-storage': storage }).filter(([_name, amount]) => amount !== ''),
  );

/** A pod that only has to be there. */
const createPod = (space: Space, name: string, resources: object = {}) =>
  space.request('POST', pods(space), { body: pod(name, sleeper({ resources })) });

/** Gives the node so much of a resource of its own, and takes it away. */
async function withResource(space: Space, name: string, amount: string, run: () => Promise<void>): Promise<void> {
  const node = `${core}/nodes/${space.node}`;
  const status = { capacity: { [name]: amount }, allocatable: { [name]: amount } };
  await patch(space, `${node}/status`, 'strategic-merge', { status });
  try {
    await run();
  } finally {
    await patch(space, `${node}/status`, 'strategic-merge', { status: { capacity: { [name]: null } } });
    await space.until('the kubelet follows', node, (one) => one.status.allocatable[name] === undefined);
  }
}

/** With priority classes of these values, by name. */
async function withPriorities(space: Space, values: Record<string, number>, run: () => Promise<void>): Promise<void> {
  const labels = { e2e: space.namespace };
  for (const [name, value] of Object.entries(values)) {
    await space.ask('POST', priorityClasses, { body: { metadata: { name, labels }, value } });
  }
  try {
    await run();
  } finally {
    await space.ask('DELETE', `${priorityClasses}${query(labelled(labels))}`);
    assert.deepEqual((await space.get(`${priorityClasses}${query(labelled(labels))}`)).items, []);
  }
}

/** Requests and limits of a resource. */
const both = (resource: string, amount: string) => ({
  resources: { requests: { [resource]: amount }, limits: { [resource]: amount } },
});

/** Waits until the scheduler said that it finds no node for a pod. */
async function untilUnschedulable(space: Space, name: string, message: RegExp): Promise<void> {
  const { items } = await space.until('it says that no node fits', space.path(core, 'events'), (events) =>
    events.items.some((one: any) => one.metadata.name.startsWith(`${name}.`) && one.reason === 'FailedScheduling'),
  );
  assert.match(items.find((one: any) => one.involvedObject.name === name).message, message);
  const { reason, status } = conditionOf(await space.get(`${pods(space)}/${name}`), 'PodScheduled');
  assert.deepEqual([reason, status], ['Unschedulable', 'False']);
}

const untilRuns = (space: Space, name: string) =>
  space.until(`${name} runs`, `${pods(space)}/${name}`, ({ status }) => status.phase === 'Running');

requirements({ name: 'conf-scheduling', sig: 'sig-scheduling', images: ['busybox'] }, (requirement) => {
  requirement(
    'LimitRange should create a LimitRange with defaults and ensure pod has those defaults applied.',
    async (space) => {
      const labels = { time: space.namespace };
      const [min, max] = [amounts('50m', '100Mi', '100Gi'), amounts('500m', '500Mi', '500Gi')];
      const defaultRequest = amounts('100m', '200Mi', '200Gi');
      const limits = [{ type: 'Container', min, max, default: max, defaultRequest, maxLimitRequestRatio: {} }];
      const before = await space.get(`${ranges(space)}${query(labelled(labels))}`);
      const params = { resourceVersion: before.metadata.resourceVersion, ...labelled(labels) };
      using watch = await ApiWatch.open(space, ranges(space), params);
      await space.ask('POST', ranges(space), { body: { metadata: { name: 'limit-range', labels }, spec: { limits } } });
      await watch.until('its creation', ({ type, object }) => {
        assert.deepEqual([type, object.metadata.name], ['ADDED', 'limit-range']);
        return true;
      });
      const path = `${ranges(space)}/limit-range`;
      const { maxLimitRequestRatio, ...kept } = limits[0]!;
      assert.deepEqual((await space.get(path)).spec.limits, [kept]);
      assert.deepEqual(maxLimitRequestRatio, {});
      const resourcesOf = async (name: string) =>
        (await space.get(`${pods(space)}/${name}`)).spec.containers[0].resources;
      assert.equal((await createPod(space, 'pod-no-resources')).code, 201);
      assert.deepEqual(await resourcesOf('pod-no-resources'), { requests: defaultRequest, limits: max });
      const partial = { requests: amounts('', '150Mi', '150Gi'), limits: amounts('300m', '', '') };
      assert.equal((await createPod(space, 'pod-partial-resources', partial)).code, 201);
      // A limit that is given is the request, before any default.
      assert.deepEqual(await resourcesOf('pod-partial-resources'), {
        requests: amounts('300m', '150Mi', '150Gi'),
        limits: amounts('300m', '500Mi', '500Gi'),
      });
      const refused = async (requests: Amounts, expected: [number, string], message: RegExp) => {
        const { code, body } = await createPod(space, 'refused', { requests });
        assert.deepEqual([code, body.reason], expected);
        assert.match(body.message, message);
      };
      // With the default as its limit a large one is not valid at all.
      const large = () =>
        refused(amounts('600m', '600Mi', '600Gi'), [422, 'Invalid'], /must be less than or equal to cpu limit of 500m/);
      const small = amounts('10m', '50Mi', '50Gi');
      await refused(small, [403, 'Forbidden'], /minimum cpu usage per Container is 50m, but request is 10m/);
      await large();
      const lower = amounts('9m', '49Mi', '49Gi');
      await update(space, path, ({ spec }) => (spec.limits[0].min = lower));
      await space.until('it is so', path, ({ spec }) => spec.limits[0].min.cpu === '9m');
      assert.equal((await createPod(space, 'pod-small', { requests: small })).code, 201);
      await large();
      await space.ask('DELETE', path, { body: { gracePeriodSeconds: 30 } });
      await space.until('none is left', ranges(space), ({ items }) => items.length === 0);
      await watch.until(
        'its end',
        isOf('DELETED', () => true),
      );
      assert.equal((await createPod(space, 'pod-large', { requests: amounts('600m', '600Mi', '600Gi') })).code, 201);
    },
  );

  requirement('LimitRange should list, patch and delete a LimitRange by collection', async (space) => {
    const name = `e2e-limitrange-${space.namespace}`;
    const labels = { [name]: 'created' };
    const other = `${space.namespace}-2`;
    const range = (min: Amounts) => ({
      metadata: { name, labels },
      spec: { limits: [{ type: 'Container', min, max: amounts('500m', '500Mi', '500Gi') }] },
    });
    await space.ask('POST', `${core}/namespaces`, { body: { metadata: { name: other } } });
    for (const namespace of [space.namespace, other]) {
      const body = range(amounts('50m', '100Mi', '100Gi'));
      await space.ask('POST', `${core}/namespaces/${namespace}/limitranges`, { body });
    }
    const everywhere = (value: string) => space.get(`${core}/limitranges${query(labelled({ [name]: value }))}`);
    assert.deepEqual(namesOf(await everywhere('created')), [name, name]);
    const min = amounts('9m', '49Mi', '49Gi');
    const body = { metadata: { labels: { [name]: 'patched' } }, spec: { limits: [{ type: 'Container', min }] } };
    const patched = await patch(space, `${ranges(space)}/${name}`, 'strategic-merge', body);
    assert.deepEqual([patched.metadata.labels[name], patched.spec.limits[0].min], ['patched', min]);
    await space.ask('DELETE', `${ranges(space)}${query(labelled({ [name]: 'patched' }))}`);
    assert.deepEqual((await everywhere('patched')).items, []);
    const left = await everywhere('created');
    assert.deepEqual(
      left.items.map(({ metadata }: any) => metadata.namespace),
      [other],
    );
    await space.ask('DELETE', `${core}/namespaces/${other}`);
  });

  requirement(
    'SchedulerPredicates [Serial] validates resource limits of pods that are allowed to run',
    async (space) => {
      const free = await freeMilliCpu(space);
      const [most, half] = [Math.floor(free * 0.7), Math.floor(free * 0.5)].map((milli) => both('cpu', `${milli}m`));
      await space.ask('POST', pods(space), { body: pod('filler-pod', sleeper(most)) });
      await untilRuns(space, 'filler-pod');
      await space.ask('POST', pods(space), { body: pod('additional-pod', sleeper(half)) });
      await untilUnschedulable(space, 'additional-pod', /^0\/1 nodes are available: 1 Insufficient cpu\./);
      await space.ask('DELETE', `${pods(space)}/filler-pod`);
      await untilRuns(space, 'additional-pod');
    },
  );

  requirement('SchedulerPredicates [Serial] validates that NodeSelector is respected if matching', async (space) => {
    const label = `kubernetes.io/e2e-${space.namespace}`;
    const node = `${core}/nodes/${space.node}`;
    const body = pod('with-labels', sleeper(), { spec: { nodeSelector: { [label]: '42' } } });
    await space.ask('POST', pods(space), { body });
    await untilUnschedulable(space, 'with-labels', /didn't match Pod's node affinity\/selector/);
    await patch(space, node, 'strategic-merge', { metadata: { labels: { [label]: '42' } } });
    const running = await untilRuns(space, 'with-labels');
    assert.equal(running.spec.nodeName, space.node);
    const without = await patch(space, node, 'strategic-merge', { metadata: { labels: { [label]: null } } });
    assert.equal(without.metadata.labels[label], undefined);
  });

  requirement(
    'SchedulerPredicates [Serial] validates that there exists conflict between pods with same hostPort and protocol but one using 0.0.0.0 hostIP',
    async (space) => {
      const { items } = await space.get(`${core}/nodes`);
      const { address } = items[0].status.addresses.find(({ type }: any) => type === 'InternalIP');
      const onPort = (name: string, hostIP: string) => {
        const ports = [{ hostPort: 54322, containerPort: 8080, protocol: 'TCP', hostIP }];
        return space.ask('POST', pods(space), { body: pod(name, sleeper({ ports })) });
      };
      await onPort('pod4', '');
      await untilRuns(space, 'pod4');
      await onPort('pod5', address);
      await untilUnschedulable(space, 'pod5', /1 node\(s\) didn't have free ports for the requested pod ports/);
      await space.ask('DELETE', `${pods(space)}/pod4`);
      await untilRuns(space, 'pod5');
    },
  );

  requirement(
    'SchedulerPreemption [Serial] PreemptionExecutionPath runs ReplicaSets to verify preemption running path',
    (space) =>
      withResource(space, 'example.com/fakecpu', '1000', () =>
        withPriorities(space, { p1: 1, p2: 2, p3: 3, p4: 4 }, async () => {
          const spec = (i: number) => ({
            priorityClassName: `p${i}`,
            nodeSelector: { 'kubernetes.io/hostname': space.node },
          });
          const { metadata } = await space.get(pods(space));
          using watch = await ApiWatch.open(space, pods(space), { resourceVersion: metadata.resourceVersion });
          for (const [i, amount] of [
            [1, '200'],
            [2, '300'],
            [3, '450'],
          ] as const) {
            const labels = { name: `pod${i}` };
            const template = templateOf(labels, sleeper(both('example.com/fakecpu', amount)), spec(i));
            const body = workload(`rs-pod${i}`, labels, { replicas: 1, template });
            await space.ask('POST', space.path(apps, 'replicasets'), { body });
            await runningPods(space, labels, 1);
          }
          const preemptor = pod('pod4', sleeper(both('example.com/fakecpu', '500')), { spec: spec(4) });
          await space.ask('POST', pods(space), { body: preemptor });
          await untilRuns(space, 'pod4');
          const counts = () =>
            [1, 2, 3].map(
              (i) =>
                watch.told.filter(
                  ({ type, object }) => type === 'ADDED' && object.metadata.name.startsWith(`rs-pod${i}`),
                ).length,
            );
          await watch.until('those that were evicted are made again', () => counts().join() === '2,2,1');
          // Both were looked at again, and found no room: nothing more is to come.
          for (const name of ['pod1', 'pod2']) {
            await space.until(
              'it waits',
              `${pods(space)}${query(labelled({ name }))}`,
              (list) =>
                list.items.length === 1 && conditionOf(list.items[0], 'PodScheduled')?.reason === 'Unschedulable',
            );
          }
          assert.deepEqual(counts(), [2, 2, 1]);
        }),
      ),
  );

  requirement(
    'SchedulerPreemption [Serial] PriorityClass endpoints verify PriorityClass endpoints can be operated with different HTTP methods',
    (space) =>
      withPriorities(space, { p1: 1, p2: 2 }, async () => {
        const refused = await space.request('PATCH', `${priorityClasses}/p1`, { body: { value: 10 } });
        const p2 = await space.get(`${priorityClasses}/p2`);
        const alsoRefused = await space.request('PUT', `${priorityClasses}/p2`, { body: { ...p2, value: 20 } });
        for (const { code, body } of [refused, alsoRefused]) assert.deepEqual([code, body.reason], [422, 'Invalid']);
        const description = 'updated description';
        await patch(space, `${priorityClasses}/p1`, 'strategic-merge', { description });
        await space.ask('PUT', `${priorityClasses}/p2`, { body: { ...p2, description } });
        const { items } = await space.get(priorityClasses);
        const own = items.filter(({ metadata }: any) => metadata.labels?.e2e === space.namespace);
        assert.deepEqual(
          own.map((one: any) => [one.value, one.description]),
          [
            [1, description],
            [2, description],
          ],
        );
        const policy = await space.request('PATCH', `${priorityClasses}/p1`, { body: { preemptionPolicy: 'Never' } });
        assert.equal(policy.code, 422);
      }),
  );

  const extended = 'scheduling.k8s.io/foo';
  const levels = {
    'sched-preemption-low-priority': 1,
    'sched-preemption-medium-priority': 100,
    'sched-preemption-high-priority': 1000,
  };
  const [low, medium, high] = Object.keys(levels).map((priorityClassName) => ({ priorityClassName }));
  const onNode = (space: Space) => {
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: [space.node] }];
    const required = { nodeSelectorTerms: [{ matchFields }] };
    return { affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } } };
  };

  requirement('SchedulerPreemption [Serial] validates basic preemption works', (space) =>
    withResource(space, extended, '5', () =>
      withPriorities(space, levels, async () => {
        const create = (name: string, spec: object) =>
          space.ask('POST', pods(space), {
            body: pod(name, sleeper(both(extended, '2')), { spec: { ...spec, ...onNode(space) } }),
          });
        await create('pod0-0', low!);
        const second = await create('pod0-1', medium!);
        for (const name of ['pod0-0', 'pod0-1']) await untilRuns(space, name);
        await create('preemptor-pod', high!);
        await untilRuns(space, 'preemptor-pod');
        await gone(space, `${pods(space)}/pod0-0`);
        const left = await space.get(`${pods(space)}/pod0-1`);
        assert.deepEqual([left.metadata.uid, left.metadata.deletionTimestamp], [second.metadata.uid, undefined]);
      }),
    ),
  );

  requirement(
    'SchedulerPreemption [Serial] validates pod disruption condition is added to the preempted pod',
    (space) =>
      withResource(space, extended, '1', () =>
        withPriorities(space, levels, async () => {
          const resources = sleeper(both(extended, '1'));
          const finalizers = ['example.com/test-finalizer'];
          const victim = pod('victim-pod', resources, { metadata: { finalizers }, spec: { ...low, ...onNode(space) } });
          await space.ask('POST', pods(space), { body: victim });
          await untilRuns(space, 'victim-pod');
          const preemptor = pod('preemptor-pod', resources, { spec: { ...high, ...onNode(space) } });
          await space.ask('POST', pods(space), { body: preemptor });
          const path = `${pods(space)}/victim-pod`;
          const ending = await space.until('it is preempted', path, ({ metadata }) => metadata.deletionTimestamp);
          const { status, reason, message } = conditionOf(ending, 'DisruptionTarget');
          assert.deepEqual([status, reason], ['True', 'PreemptionByScheduler']);
          assert.match(message, /^default-scheduler: preempting to accommodate a higher priority pod/);
          await patch(space, path, 'json', [{ op: 'remove', path: '/metadata/finalizers' }]);
          await gone(space, path);
          await untilRuns(space, 'preemptor-pod');
        }),
      ),
  );

  declareEvents(requirement);
});

/** Milli-CPU of the node that no pod has asked for, once what other tests have left is gone. */
async function freeMilliCpu(space: Space): Promise<number> {
  const own = space.namespace;
  await space.until('the namespaces of others are gone', `${core}/namespaces`, (list) =>
    namesOf(list).every((name) => name === own || !name.startsWith('conformance-')),
  );
  const milli = (amount = '0') => (amount.endsWith('m') ? Number.parseInt(amount, 10) : Number(amount) * 1000);
  const { status } = await space.get(`${core}/nodes/${space.node}`);
  const { items } = await space.get(`${core}/pods`);
  const taken = items
    .filter((one: any) => !['Succeeded', 'Failed'].includes(one.status.phase))
    .flatMap(({ spec }: any) => spec.containers.map(({ resources }: any) => milli(resources?.requests?.cpu)));
  return milli(status.allocatable.cpu) - taken.reduce((sum: number, one: number) => sum + one, 0);
}

type Declare = Parameters<Parameters<typeof requirements>[1]>[0];

function declareEvents(requirement: Declare): void {
  const events = (space: Space) => space.path(core, 'events');
  const newEvents = (space: Space) => space.path('/apis/events.k8s.io/v1', 'events');
  const names = ['test-event-1', 'test-event-2', 'test-event-3'];
  const eventTime = '2017-09-19T13:49:16.000000Z';

  /** Three events are there, and gone together; another one stays. */
  const deletesTogether = async (space: Space, list: string, event: (name: string) => object) => {
    const labels = { 'testevent-set': space.namespace };
    const collection = query(labelled(labels));
    for (const name of names) {
      await space.ask('POST', list, {
        body: { metadata: { name, labels }, ...event(name) },
      });
    }
    await space.ask('POST', list, { body: { metadata: { name: 'another' }, ...event('another') } });
    for (const each of [list, list.replace(/namespaces\/[^/]+\//, '')]) {
      assert.deepEqual(namesOf(await space.get(`${each}${collection}`)), names);
    }
    await space.ask('DELETE', `${list}${collection}`);
    await space.until('they are gone', `${list}${collection}`, ({ items }) => items.length === 0);
    assert.ok(namesOf(await space.get(list)).includes('another'));
  };

  requirement('Events should delete a collection of events', (space) =>
    deletesTogether(space, events(space), (name) => ({
      message: `This is ${name}`,
      reason: 'Test',
      type: 'Normal',
      count: 1,
      involvedObject: { namespace: space.namespace },
    })),
  );

  requirement('Events API should delete a collection of events', (space) =>
    deletesTogether(space, newEvents(space), (name) => ({
      regarding: { namespace: space.namespace },
      eventTime,
      note: `This is ${name}`,
      action: 'Do',
      reason: 'Test',
      type: 'Normal',
      reportingController: 'test-controller',
      reportingInstance: 'test-node',
    })),
  );

  requirement('Events should manage the lifecycle of an event', async (space) => {
    const name = 'event-test';
    const labels = { 'testevent-constant': 'true' };
    const path = `${events(space)}/${name}`;
    const body = {
      metadata: { name, labels },
      message: 'This is a test event',
      reason: 'Test',
      type: 'Normal',
      count: 1,
      involvedObject: { namespace: space.namespace },
    };
    await space.ask('POST', events(space), { body });
    const everywhere = `${core}/events${query(labelled(labels))}`;
    assert.deepEqual(namesOf(await space.get(everywhere)), [name]);
    const message = 'This is a test event - patched';
    await patch(space, path, 'strategic-merge', { message });
    const patched = await space.get(path);
    assert.equal(patched.message, message);
    const series = { count: 100, lastObservedTime: '2014-01-05T02:02:00.000000Z' };
    await space.ask('PUT', path, { body: { ...patched, series } });
    const updated = await space.get(path);
    assert.deepEqual(updated.series, series);
    assert.deepEqual([updated.message, updated.metadata.uid], [message, patched.metadata.uid]);
    await space.ask('DELETE', path);
    assert.deepEqual((await space.get(everywhere)).items, []);
  });
}
