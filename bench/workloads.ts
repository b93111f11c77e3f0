// The declared workloads. Each measures one thing a user feels, on a cluster of its own or a shared
// one, beside the target of docs/status.md.
import { PodKind } from '../api/core/pod.ts';
import type { KubeClient } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { imageArchive } from '../test/images/images.ts';
import { loadApi } from './api.ts';
import { measureCel } from './cel.ts';
import { type BenchCluster, cpuSeconds, processTree, pssMib } from './cluster.ts';
import { measureCrds } from './crds.ts';
import { less, median, quantile, type Result } from './measure.ts';
import { measureScheduler } from './scheduler.ts';

export interface Workload {
  name: string;
  /** Runs in this process, without the cluster. */
  isAlone?: boolean;
  run(cluster: BenchCluster): Promise<Result[]>;
}

const podCount = 20;
const idleSeconds = 30;

const podManifest = (name: string): any => ({
  metadata: { name, namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'c', image: 'busybox:1.36', command: ['sleep', '3600'] }],
  },
});

/** Milliseconds from the ADDED event of a pod to the event that shows it Ready. */
async function timePod(client: KubeClient, name: string): Promise<number> {
  const pods = client.resource(PodKind);
  const stop = new AbortController();
  let addedMs = 0;
  const ready = new Promise<number>((resolve, reject) => {
    pods
      .watch(
        { namespace: 'default', fieldSelector: `metadata.name=${name}`, signal: stop.signal },
        ({ type, object }) => {
          if (type === 'ADDED') addedMs = realClock.monotonicMs();
          if (object.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True'))
            resolve(realClock.monotonicMs() - addedMs);
        },
      )
      .catch(reject);
  });
  ready.catch(() => undefined);
  await realClock.sleep(50);
  await pods.create(podManifest(name));
  const tookMs = await ready;
  stop.abort();
  await pods.delete({ name, namespace: 'default' }, { gracePeriodSeconds: 0 });
  return tookMs;
}

async function timePods(cluster: BenchCluster): Promise<Result[]> {
  cluster.load(await imageArchive('busybox'));
  const client = cluster.client();
  const times: number[] = [];
  for (let i = 0; i < podCount; i++) times.push(await timePod(client, `bench-${i}`));
  client.close();
  return [
    less('pod, ADDED to Ready, median of 20', median(times), 'ms', 500),
    less('pod, ADDED to Ready, p90', quantile(times, 0.9), 'ms'),
  ];
}

async function measureIdle(cluster: BenchCluster): Promise<Result[]> {
  await realClock.sleep(10_000);
  const components = [...cluster.pids()];
  // Everything below the supervisor, wrappers included; a component adopted from an earlier one stands beside it.
  const pids = [...new Set(components.flatMap(([, pid]) => processTree(pid)))];
  const before = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  await realClock.sleep(idleSeconds * 1000);
  const used = pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0) - before;
  const memory = pids.reduce((sum, pid) => sum + pssMib(pid), 0);
  const parts = components.map(([name, pid]) => less(`  ${name}`, pssMib(pid), 'MiB'));
  return [
    less('idle memory (PSS), etcd included', memory, 'MiB', 350),
    ...parts,
    less('idle CPU of one core', (100 * used) / idleSeconds, '%', 3),
  ];
}

export const workloads: readonly Workload[] = [
  { name: 'cel', isAlone: true, run: measureCel },
  { name: 'scheduler', isAlone: true, run: measureScheduler },
  {
    name: 'up',
    run: async (cluster) => [less('k8ts up to a Ready node and answering DNS', cluster.upMs / 1000, 's', 8)],
  },
  { name: 'idle', run: measureIdle },
  { name: 'pods', run: timePods },
  { name: 'api', run: loadApi },
  { name: 'crds', run: measureCrds },
];
