// A pod gets more or less of cpu and memory while it runs, on a real node.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { eventually, type Kubectl, needsNewKubectl } from '../../environment/kubectl.ts';
import { needsRoot, type TestCluster, testCluster } from '../cli/k8ts-command.ts';
import { findGroup, image, isReady, upWithBusybox } from './busybox-cluster.ts';

const mib = 1 << 20;

describe('a pod is resized in place', { skip: needsRoot || needsNewKubectl }, () => {
  let cluster: TestCluster;
  let kubectl: Kubectl;

  before(async () => {
    cluster = testCluster('resize');
    kubectl = await upWithBusybox(cluster);
  });

  after(() => cluster?.[Symbol.dispose]());

  const amounts = (cpu: string, memory: string) => ({ cpu, memory });
  const container = (name: string, cpu: string, memory: string, more: object = {}) => ({
    name,
    image,
    command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'],
    resources: { requests: amounts(cpu, memory), limits: amounts(cpu, memory) },
    ...more,
  });
  const create = (name: string, ...containers: object[]) => createWhole(name, {}, containers);
  const createWhole = (name: string, more: object, containers: object[]) =>
    kubectl.apply({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        nodeName: `${cluster.name}-control-plane`,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers,
        ...more,
      },
    });
  const podOf = (name: string) => kubectl.json('get', 'pod', name);
  const until = (what: string, name: string, check: (pod: any) => unknown) =>
    eventually(what, () => {
      const pod = podOf(name);
      return check(pod) ? pod : undefined;
    });
  const ready = (name: string) => until(`${name} is ready`, name, isReady);
  const resize = (name: string, containers: Record<string, object>) => {
    const list = Object.entries(containers).map(([c, resources]) => ({ name: c, resources }));
    const patch = JSON.stringify({ spec: { containers: list } });
    return kubectl.get('patch', 'pod', name, '--subresource', 'resize', '-p', patch);
  };
  const both = (cpu: string, memory: string) => ({ requests: amounts(cpu, memory), limits: amounts(cpu, memory) });
  const condition = (pod: any, type: string) => pod.status.conditions.find((c: any) => c.type === type);
  const settled = (pod: any) => !condition(pod, 'PodResizePending') && !condition(pod, 'PodResizeInProgress');
  const statusOf = (pod: any, name: string) => pod.status.containerStatuses.find((c: any) => c.name === name);
  const eventsOf = (name: string): string[] =>
    kubectl
      .json('get', 'events', '--field-selector', `involvedObject.name=${name}`)
      .items.map((e: any) => `${e.type} ${e.reason} ${e.message}`);
  /** What the kernel has of a container, or of the whole pod: the quota of its cpu and its memory. */
  const kernelOf = (pod: any, name?: string): number[] => {
    const id = name && statusOf(pod, name).containerID.replace('k8ts://', '');
    const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
    const read = (controller: string, file: string) => {
      const found = findGroup(join('/sys/fs/cgroup', isV2 ? '' : controller), `pod${pod.metadata.uid}`);
      const group = id ? join(found, readdirSync(found).find((entry) => entry.includes(id))!) : found;
      return Number(readFileSync(join(group, file), 'utf8').split(' ')[0]);
    };
    return isV2
      ? [read('', 'cpu.max'), read('', 'memory.max')]
      : [read('cpu', 'cpu.cfs_quota_us'), read('memory', 'memory.limit_in_bytes')];
  };

  test('both ways, container by container, while it runs on', async () => {
    create('both', container('a', '100m', '64Mi'), container('b', '200m', '64Mi'));
    const first = await ready('both');
    assert.deepEqual(kernelOf(first), [30_000, 128 * mib]);
    resize('both', { a: both('300m', '128Mi'), b: both('100m', '32Mi') });
    const resized = (pod: any) => statusOf(pod, 'a').resources.limits.cpu === '300m' && settled(pod);
    const pod = await until('the resize is through', 'both', resized);
    for (const [name, cpu, memory] of [
      ['a', '300m', '128Mi'],
      ['b', '100m', '32Mi'],
    ] as const) {
      const status = statusOf(pod, name);
      assert.deepEqual(status.allocatedResources, amounts(cpu, memory));
      assert.deepEqual(status.resources, { limits: amounts(cpu, memory), requests: amounts(cpu, memory) });
      assert.equal(status.restartCount, 0);
      assert.equal(status.containerID, statusOf(first, name).containerID);
    }
    assert.deepEqual(kernelOf(pod), [40_000, 160 * mib]);
    assert.deepEqual(kernelOf(pod, 'a'), [30_000, 128 * mib]);
    assert.deepEqual(kernelOf(pod, 'b'), [10_000, 32 * mib]);
    assert.equal(pod.status.observedGeneration, pod.metadata.generation);
    const summary = JSON.stringify({
      containers: [
        { name: 'a', resources: { limits: amounts('300m', '128Mi'), requests: amounts('300m', '128Mi') } },
        { name: 'b', resources: { limits: amounts('100m', '32Mi'), requests: amounts('100m', '32Mi') } },
      ],
      generation: 2,
    });
    const wanted = [
      `Normal ResizeCompleted Pod resize completed: ${summary}`,
      `Normal ResizeStarted Pod resize started: ${summary}`,
    ];
    await eventually('both are told', () => {
      const told = eventsOf('both').filter((event) => event.includes(' Resize'));
      return told.length >= 2 ? (assert.deepEqual(told.sort(), wanted) ?? true) : undefined;
    });
  });

  test('as a whole, and with it containers without limits of their own', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    const [shares, restarts] = ['a', 'b'].map((name) => container(name, '1', '1Mi', { resources: {} }));
    createWhole('whole', { resources: both('200m', '64Mi') }, [shares!, { ...restarts, resizePolicy }]);
    const first = await ready('whole');
    const has = (pod: any, name?: string) => kernelOf(pod, name).join(' ');
    assert.deepEqual([has(first), has(first, 'a')], [`20000 ${64 * mib}`, `20000 ${64 * mib}`]);
    const patch = JSON.stringify({ spec: { resources: both('300m', '96Mi') } });
    kubectl.get('patch', 'pod', 'whole', '--subresource', 'resize', '-p', patch);
    const resized = (p: any) => p.status.resources?.limits.cpu === '300m' && settled(p) && isReady(p);
    const pod = await until('the resize is through', 'whole', resized);
    const all = [undefined, 'a', 'b'].map((name) => has(pod, name));
    assert.deepEqual(all, Array(3).fill(`30000 ${96 * mib}`));
    assert.deepEqual(pod.status.allocatedResources, amounts('300m', '96Mi'));
    assert.deepEqual([statusOf(pod, 'a').restartCount, statusOf(pod, 'b').restartCount], [0, 1]);
    kubectl.get('delete', 'pod', 'whole');
  });

  test('while an init container runs, and before another has begun', async () => {
    const init = (name: string) =>
      container(name, '100m', '32Mi', { command: ['sh', '-c', `until [ -e /tmp/${name} ]; do sleep 0.1; done`] });
    createWhole('early', { initContainers: [init('first'), init('second')] }, [container('main', '100m', '32Mi')]);
    const initOf = (pod: any, name: string) => pod.status.initContainerStatuses?.find((c: any) => c.name === name);
    await until('the first runs', 'early', (pod) => initOf(pod, 'first')?.state.running);
    const wish = both('200m', '64Mi');
    const initContainers = ['first', 'second'].map((name) => ({ name, resources: wish }));
    kubectl.get('patch', 'pod', 'early', '--subresource', 'resize', '-p', JSON.stringify({ spec: { initContainers } }));
    for (const name of ['first', 'second']) {
      const has = (pod: any) => initOf(pod, name).resources?.limits.cpu === '200m' && settled(pod);
      const pod = await until(`${name} has it`, 'early', has);
      const status = initOf(pod, name);
      assert.deepEqual([status.resources, status.restartCount], [wish, 0]);
      const statuses = { status: { containerStatuses: pod.status.initContainerStatuses }, metadata: pod.metadata };
      assert.deepEqual(kernelOf(statuses, name), [20_000, 64 * mib]);
      kubectl.get('exec', 'early', '-c', name, '--', 'touch', `/tmp/${name}`);
    }
    assert.deepEqual(statusOf(await ready('early'), 'main').resources, both('100m', '32Mi'));
    kubectl.get('delete', 'pod', 'early');
  });

  test('by a restart where its policy says so', async () => {
    const resizePolicy = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }];
    create('restarts', container('a', '100m', '64Mi', { resizePolicy }), container('b', '100m', '64Mi'));
    const before = await ready('restarts');
    resize('restarts', { a: both('200m', '64Mi') });
    const cpu = await until('cpu', 'restarts', (p) => statusOf(p, 'a').resources.limits.cpu === '200m' && settled(p));
    assert.equal(statusOf(cpu, 'a').restartCount, 0, 'cpu needs none');
    resize('restarts', { a: both('200m', '48Mi') });
    const pod = await until(
      'memory',
      'restarts',
      (p) => statusOf(p, 'a').resources?.limits?.memory === '48Mi' && settled(p) && statusOf(p, 'a').ready,
    );
    assert.equal(statusOf(pod, 'a').restartCount, 1);
    assert.equal(statusOf(pod, 'b').containerID, statusOf(before, 'b').containerID);
    assert.deepEqual(kernelOf(pod, 'a'), [20_000, 48 * mib]);
    assert.deepEqual(kernelOf(pod), [30_000, 112 * mib]);
    await eventually(
      'the reason is told',
      () => eventsOf('restarts').some((e) => e === 'Normal Killing Container a resize requires restart') || undefined,
    );
  });

  test('never below the memory that it uses', async () => {
    const fill = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=48 2>/dev/null; touch /tmp/full; sleep 1000000';
    const full = { exec: { command: ['test', '-f', '/tmp/full'] }, periodSeconds: 1 };
    create('uses', container('a', '100m', '96Mi', { command: ['sh', '-c', fill], readinessProbe: full }));
    await ready('uses');
    resize('uses', { a: both('100m', '32Mi') });
    const pod = await until('the refusal', 'uses', (p) => condition(p, 'PodResizeInProgress')?.reason === 'Error');
    const { message, observedGeneration, status } = condition(pod, 'PodResizeInProgress');
    assert.match(
      message,
      /^cannot decrease memory limits: \[attempting to set pod memory limit \(33554432\) below current usage \(\d+\), attempting to set container "a" memory limit \(33554432\) below current usage \(\d+\)\]$/,
    );
    assert.deepEqual([observedGeneration, status], [2, 'True']);
    assert.equal(statusOf(pod, 'a').resources.limits.memory, '96Mi', 'what is in force');
    assert.equal(statusOf(pod, 'a').allocatedResources.memory, '32Mi');
    assert.deepEqual(kernelOf(pod, 'a'), [10_000, 96 * mib]);
    kubectl.get('exec', 'uses', '--', 'rm', '/dev/shm/x');
    const after = await until(
      'it is tried again',
      'uses',
      (p) => statusOf(p, 'a').resources.limits.memory === '32Mi' && settled(p),
    );
    assert.deepEqual(kernelOf(after, 'a'), [10_000, 32 * mib]);
    assert.equal(statusOf(after, 'a').restartCount, 0);
  });

  test('when there is room, and not at all where there never will be', async () => {
    kubectl.get('delete', 'pod', 'both', 'restarts', 'uses');
    const { capacity, allocatable } = kubectl.json('get', 'node', `${cluster.name}-control-plane`).status;
    const burstable = (cpu: string) => ({ requests: { cpu } });
    const cpus = Number(capacity.cpu);
    create('big', { ...container('a', '1', '1Mi'), resources: burstable(`${cpus * 1000 - 800}m`) });
    create('small', { ...container('a', '1', '1Mi'), resources: burstable('10m') });
    await ready('big');
    await ready('small');
    assert.throws(
      () => resize('small', { a: burstable(`${cpus + 1}`) }),
      /Node didn't have enough allocatable resources: cpu, requested: \d+, allocatable: \d+/,
    );
    resize('small', { a: burstable('900m') });
    const later = await until('a deferral', 'small', (p) => condition(p, 'PodResizePending')?.reason === 'Deferred');
    assert.match(
      condition(later, 'PodResizePending').message,
      new RegExp(
        `^Node didn't have enough resource: cpu, requested: 900, used: \\d+, capacity: ${Number(allocatable.cpu) * 1000}$`,
      ),
    );
    // A kubelet that comes back takes no wish for a grant.
    const old = cluster.pidOf('kubelet');
    process.kill(old, 'SIGKILL');
    await eventually('another kubelet', () => {
      const pid = cluster.pidOf('kubelet');
      return (pid !== old && existsSync(`/proc/${pid}`)) || undefined;
    });
    create('fresh', { ...container('a', '1', '1Mi'), resources: {} });
    await ready('fresh');
    assert.equal(statusOf(podOf('small'), 'a').resources.requests.cpu, '10m');
    assert.equal(kubectl.run(['delete', 'pod', 'big', '--wait=false']).code, 0);
    const pod = await until(
      'there is room',
      'small',
      (p) => statusOf(p, 'a').resources.requests.cpu === '900m' && settled(p),
    );
    assert.equal(statusOf(pod, 'a').restartCount, 0);
    for (const reason of ['ResizeDeferred', 'ResizeStarted', 'ResizeCompleted'])
      await eventually(reason, () => eventsOf('small').some((event) => event.split(' ')[1] === reason) || undefined);
  });
});
