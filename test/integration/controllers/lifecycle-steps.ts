// What was done to the recorded objects while they lived, and what else was recorded of them. A
// lifecycle that is not listed here is created and waited for.
import assert from 'node:assert/strict';
import { BlockList } from 'node:net';
import { realClock } from '../../../machinery/clock.ts';
import { eventually } from '../../environment/kubectl.ts';
import type { WatchEvent } from '../../environment/watch-log.ts';
import { compareEvents } from '../recorded/compare-events.ts';
import { defaultImage } from '../recorded/lifecycle-cluster.ts';
import { type Replay, watchedPaths } from '../recorded/replay.ts';

type Steps = (replay: Replay) => Promise<void>;

const isReady = (pod: any) => pod.status.conditions?.some((c: any) => c.type === 'Ready' && c.status === 'True');

/** Waits until the one object of a kind satisfies. */
async function untilObject(replay: Replay, kind: string, satisfies: (object: any) => boolean): Promise<any> {
  const log = replay.cluster.logOf(watchedPaths[kind]!);
  await replay.untilNone(log, () => {
    const [object] = replay.objects(log);
    return object && satisfies(object) ? [] : [`${kind}: ${JSON.stringify(object?.status)}`];
  });
  return replay.objects(log)[0];
}

/** The recorded node had two processors: the rest of those that this one has are taken. */
async function leaveTwoProcessors({ cluster, masks }: Replay): Promise<void> {
  const { kubectl, node } = cluster;
  const { cpu } = kubectl.json('get', 'node', node).status.allocatable;
  if (cpu > 2 && !kubectl.get('get', 'pods', '-n', 'default', '-o', 'name').includes('pod/rest')) {
    const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'];
    const containers = [{ name: 'c', image: defaultImage, command, resources: { requests: { cpu: cpu - 2 } } }];
    const spec = { nodeName: masks.node, terminationGracePeriodSeconds: 1, containers };
    kubectl.apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'rest', namespace: 'default' }, spec });
    kubectl.get('wait', 'pod/rest', '-n', 'default', '--for=condition=Ready', '--timeout=60s');
  }
}

/** What was told of the node, oldest first. */
function nodeEntries({ cluster }: Replay): WatchEvent[] {
  return cluster.logOf('/api/v1/nodes').entries.filter(({ object }) => object.metadata.name === cluster.node);
}

/** Waits until exactly the recorded events of the node have been told, of those with such a reason. */
async function untilNodeEvents(replay: Replay, reason = /./): Promise<void> {
  const { events } = replay.cluster;
  const { name, result } = replay.recording;
  await replay.untilNone(events, () => {
    const newest = new Map<string, any>();
    for (const { object } of events.entries)
      if (object.involvedObject.kind === 'Node' && reason.test(object.reason)) newest.set(object.metadata.name, object);
    return compareEvents(name, result.nodeEvents, [...newest.values()], replay.masks);
  });
}

/**
 * Figures are written as they were recorded, and the range that controllers gave the node is the
 * one that its pods live in.
 */
function checkNode({ spec, status }: any, pods: readonly WatchEvent[]): void {
  const { capacity, allocatable } = status;
  for (const figures of [capacity, allocatable]) {
    assert.match(figures.cpu, /^\d+$/);
    assert.match(figures.memory, /^\d+Ki$/);
  }
  assert.match(capacity['ephemeral-storage'], /^\d+Ki$/);
  assert.match(allocatable['ephemeral-storage'], /^\d+$/);
  const [network, bits] = spec.podCIDR.split('/');
  const range = new BlockList();
  range.addSubnet(network, Number(bits));
  const addresses = pods.map(({ object }) => object.status.podIP).filter(Boolean);
  assert.ok(addresses.length > 0, 'no pod has an address');
  assert.deepEqual(
    addresses.filter((ip) => !range.check(ip)),
    [],
  );
}

/** `MemoryPressure=False(KubeletHasSufficientMemory: ...); ... | taints: key:Effect,...` */
function describeNode({ object: { status, spec } }: WatchEvent): string {
  const conditions = status.conditions.map((c: any) => `${c.type}=${c.status}(${c.reason}: ${c.message})`);
  const taints = (spec.taints ?? []).map((t: any) => `${t.key}:${t.effect}`);
  return `${conditions.join('; ')} | taints: ${taints.join()}`;
}

export const steps: Record<string, Steps> = {
  async 'deployment-scale-pause-recreate'(replay) {
    const { recording, masks } = replay;
    const path = `/apis/apps/v1/namespaces/${masks.namespace}/deployments/w`;
    const patch = (spec: object) => replay.ok('PATCH', path, { spec });
    const untilAvailable = (count: number) =>
      untilObject(replay, 'Deployment', ({ status }) => status.availableReplicas === count);
    replay.create();
    await untilAvailable(1);
    await patch({ replicas: 3 });
    await untilAvailable(3);
    await patch({ paused: true });
    await untilObject(
      replay,
      'Deployment',
      ({ status }) => replay.compare('pausedStatus', recording.result.pausedStatus, status).length === 0,
    );
    await patch({ replicas: 0, paused: null });
    await replay.untilRecorded();
  },

  async daemonset(replay) {
    replay.create();
    await untilObject(replay, 'DaemonSet', ({ status }) => status.numberReady === 1);
    const [{ spec }] = replay.recording.result.DaemonSet;
    replay.kubectl('set', 'image', 'daemonset/w', `c=${spec.template.spec.containers[0].image}`);
    await replay.untilRecorded();
  },

  async statefulset(replay) {
    const { afterCreate, StatefulSet } = replay.recording.result;
    replay.create();
    await untilObject(
      replay,
      'StatefulSet',
      ({ status }) => replay.compare('afterCreate', afterCreate, status).length === 0,
    );
    const [{ spec }] = StatefulSet;
    replay.kubectl('set', 'image', 'statefulset/w', `c=${spec.template.spec.containers[0].image}`);
    await replay.untilRecorded();
  },

  async cronjob(replay) {
    replay.create();
    // The next minute may be far away.
    const log = replay.cluster.logOf(watchedPaths.Job!);
    await log.until(() => replay.objects(log).some(({ status }) => status.completionTime), 120_000);
    await replay.untilRecorded();
  },

  async 'pdb-eviction'(replay) {
    const { masks, cluster, recording } = replay;
    const { pdbStatus, refused, accepted } = recording.result;
    const [budget, pod] = recording.manifest;
    const path = `/apis/policy/v1/namespaces/${masks.namespace}/poddisruptionbudgets/b`;
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p' } };
    const evict = async () => (await cluster.request('POST', replay.url('p', '/eviction'), eviction)).body;
    replay.createObjects([budget]);
    await replay.untilNone(cluster.events, () => (replay.objects(cluster.events).length > 0 ? [] : ['no event']));
    replay.createObjects([pod]);
    await replay.until('ready', isReady);
    await eventually('the budget', async () => {
      const { status } = (await cluster.request('GET', path)).body;
      return replay.compare('pdbStatus', pdbStatus, status).length === 0 || undefined;
    });
    assert.deepEqual(replay.compare('refused', refused, await evict()), []);
    await replay.ok('DELETE', path);
    assert.deepEqual(replay.compare('accepted', accepted, await evict()), []);
    await replay.untilGone();
  },

  async 'resize-deferred'(replay) {
    const { result } = replay.recording;
    await leaveTwoProcessors(replay);
    replay.create();
    for (const pod of ['p', 'q']) await replay.until('ready', isReady, pod);
    await replay.resize({ c: { requests: { cpu: '1500m' } } });
    await replay.untilLike(result.deferred);
    await replay.ok('DELETE', replay.url('q'));
    await replay.untilGone('q');
    await replay.untilRecorded();
  },

  async preemption(replay) {
    const { recording } = replay;
    const [{ metadata }, victim] = recording.manifest;
    await leaveTwoProcessors(replay);
    replay.create();
    await replay.until('ready', isReady, 'victim');
    const spec = { ...victim.spec, priorityClassName: metadata.name };
    replay.createObjects([{ ...victim, metadata: { name: 'p' }, spec }]);
    await replay.untilOnceLike(recording.result.preemptorNominated);
    await replay.untilGone('victim');
    await replay.untilRecorded();
  },

  async 'namespace-terminating'(replay) {
    const { recording, masks, cluster } = replay;
    replay.create();
    await replay.until('ready', isReady);
    const path = `/api/v1/namespaces/${masks.namespace}`;
    await replay.ok('DELETE', path);
    await replay.untilRecorded();
    const log = cluster.logOf('/api/v1/namespaces');
    await replay.untilNone(log, () => {
      const own = log.entries.filter(({ object }) => object.metadata.name === masks.namespace);
      const { spec, status } = own.at(-1)!.object;
      const { metadata: _, ...recorded } = recording.result.namespace;
      return replay.compare('Namespace', recorded, { spec, status });
    });
    const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } };
    const { body } = await cluster.request('POST', `${path}/configmaps`, map);
    assert.deepEqual(replay.compare('Status', recording.result.createErrors[0], body), []);
  },

  async 'node-object'(replay) {
    const { result } = replay.recording;
    const { cluster } = replay;
    const inDefault = '/api/v1/namespaces/default';
    const paths: Record<string, string> = {
      node: `/api/v1/nodes/${cluster.node}`,
      lease: `/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/${cluster.node}`,
      kubernetesService: `${inDefault}/services/kubernetes`,
      kubernetesEndpointSlice: '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes',
      kubernetesEndpoints: `${inDefault}/endpoints/kubernetes`,
    };
    for (const [name, path] of Object.entries(paths))
      assert.deepEqual(replay.compare(name, result[name], (await cluster.request('GET', path)).body), []);
    checkNode((await cluster.request('GET', paths.node!)).body, cluster.pods.entries);
    await untilNodeEvents(replay);
  },

  async 'taint-noschedule'(replay) {
    const { cluster, recording, masks } = replay;
    cluster.kubectl.get('taint', 'node', cluster.node, 'k=v:NoSchedule');
    try {
      const command = ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 1; done'];
      const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: 'c', image: defaultImage, command }] };
      const metadata = { name: 'p', namespace: masks.namespace };
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec };
      const path = `/api/v1/namespaces/${masks.namespace}/pods`;
      assert.equal((await cluster.request('POST', path, pod)).code, 201);
      await replay.untilLike(recording.result.pending);
    } finally {
      cluster.kubectl.get('taint', 'node', cluster.node, 'k-');
    }
    await replay.untilRecorded();
  },

  async 'taint-noexecute'(replay) {
    const { cluster } = replay;
    replay.create();
    for (const pod of ['p', 'q', 'r']) await replay.until('ready', isReady, pod);
    const startMs = realClock.monotonicMs();
    cluster.kubectl.get('taint', 'node', cluster.node, 'k=v:NoExecute');
    try {
      await replay.untilGone('p');
      await replay.untilGone('q');
      const seconds = (realClock.monotonicMs() - startMs) / 1000;
      assert.ok(seconds >= 4 && seconds < 15, `the pod that tolerates it for 4 s was gone after ${seconds} s`);
    } finally {
      cluster.kubectl.get('taint', 'node', cluster.node, 'k-');
    }
    await replay.untilRecorded();
  },

  async 'kubelet-stopped'(replay) {
    const { cluster, recording } = replay;
    const { result } = recording;
    replay.create();
    await replay.until('ready', isReady);
    const from = nodeEntries(replay).length;
    const before = describeNode(nodeEntries(replay).at(-1)!);
    // One that ends is started again; one that stands still is as silent.
    const kubelet = cluster.pidOf('kubelet');
    const startMs = realClock.monotonicMs();
    process.kill(kubelet, 'SIGSTOP');
    try {
      await replay.untilNone(cluster.logOf('/api/v1/nodes'), () => {
        const { spec, status } = nodeEntries(replay).at(-1)!.object;
        return [
          ...replay.compare('node.conditions', result.nodeConditions, status.conditions),
          ...replay.compare('node.taints', result.nodeTaints, spec.taints),
        ];
      });
      const seconds = (realClock.monotonicMs() - startMs) / 1000;
      assert.ok(seconds >= 39 && seconds < 65, `the node was unknown after ${seconds} s`);
      await replay.untilLike(result.podAfter);
      await replay.untilRecordedEvents();
      await untilNodeEvents(replay, /Ready$/);
      await replay.untilRecordedTransitions();
      const timeline: string[] = result['nodeTimeline(seconds since kubelet stop)'].map(
        ([, row]: [number, string]) => row,
      );
      const rows = [before, ...nodeEntries(replay).slice(from).map(describeNode)];
      const steps = rows.filter((row, i) => row !== rows[i - 1]);
      // Several steps may be taken at once.
      assert.deepEqual(
        steps,
        timeline.filter((row) => steps.includes(row)),
      );
      assert.deepEqual([steps[0], steps.at(-1)], [timeline[0], timeline.at(-1)]);
    } finally {
      process.kill(kubelet, 'SIGCONT');
    }
  },
};
