// What the owner of pods feels: how long they take to start and to go, alone and many at a time, with their volumes.
import { type Deployment, DeploymentKind } from '../api/apps/deployment.ts';
import { type ConfigMap, ConfigMapKind } from '../api/core/configmap.ts';
import { PersistentVolumeClaimKind } from '../api/core/persistentvolumeclaim.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import type { KubeClient, WatchEvent } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { imageArchive } from '../test/images/images.ts';
import { type BenchCluster, cpuShares, pssMib } from './cluster.ts';
import { less, median, quantile, type Result } from './measure.ts';

const podCount = 50;
const claimCount = 10;
const quietSeconds = 20;
const namespace = 'default';
/** Ends at once when it is asked to. */
const obedient = ['sh', '-c', 'trap exit TERM; sleep 3600 & wait'];

const specOf = (command: string[], more: object = {}): any => ({
  containers: [{ name: 'c', image: 'busybox:1.36', command, ...more }],
});

export const isPodReady = (pod: Pod) =>
  pod.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

/** Tells of the pods of the namespace until it is aborted. */
export function watchPods(client: KubeClient, signal: AbortSignal, onEvent: (event: WatchEvent<Pod>) => void): void {
  void client
    .resource(PodKind)
    .watch({ namespace, signal }, onEvent)
    .catch((err) => {
      if (!signal.aborted) throw err;
    });
}

/** All pods of the namespace, as a watch tells of them, with the time of each event. */
export class Pods implements Disposable {
  readonly now = new Map<string, Pod>();
  readonly #stop = new AbortController();
  #notify: () => void = () => undefined;

  constructor(client: KubeClient) {
    watchPods(client, this.#stop.signal, ({ type, object }) => {
      if (type === 'DELETED') this.now.delete(object.metadata.name!);
      else if (type !== 'BOOKMARK') this.now.set(object.metadata.name!, object);
      this.#notify();
    });
  }

  /** Milliseconds until it is so; looks now and at each event. */
  async until(condition: (pods: readonly Pod[]) => boolean): Promise<number> {
    const startMs = realClock.monotonicMs();
    await new Promise<void>((resolve) => {
      this.#notify = () => {
        if (condition([...this.now.values()])) resolve();
      };
      this.#notify();
    });
    return realClock.monotonicMs() - startMs;
  }

  readonly has = (name: string) => this.until(() => this.now.has(name));
  readonly isReady = (name: string) => this.until(() => this.now.has(name) && isPodReady(this.now.get(name)!));
  readonly hasEnded = (name: string) => this.until(() => this.now.get(name)?.status?.phase === 'Succeeded');
  readonly isGone = (name: string) => this.until(() => !this.now.has(name));

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}

async function timeSinglePods(client: KubeClient, pods: Pods): Promise<Result[]> {
  const [ready, gone]: [number[], number[]] = [[], []];
  for (let i = 0; i < podCount; i++) {
    const name = `bench-${i}`;
    const created = client.resource(PodKind).create({ metadata: { name, namespace }, spec: specOf(obedient) });
    await pods.has(name);
    ready.push(await pods.isReady(name));
    await created;
    const deleted = client.resource(PodKind).delete({ name, namespace });
    gone.push(await pods.isGone(name));
    await deleted;
  }
  return [
    less('pod, ADDED to Ready, median', median(ready), 'ms', 110),
    less('pod, ADDED to Ready, p99', quantile(ready, 0.99), 'ms', 300),
    less('pod that ends on SIGTERM, delete to gone, median', median(gone), 'ms', 300),
  ];
}

async function timeDeployment(client: KubeClient, pods: Pods, replicas: number, whileUp?: () => Promise<Result[]>) {
  const name = `bench-${replicas}`;
  const labels = { app: name };
  const deployments = client.resource<Deployment>(DeploymentKind);
  await deployments.create({
    metadata: { name, namespace },
    spec: { replicas, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: specOf(obedient) } },
  } as Deployment);
  const readyMs = await pods.until((all) => all.filter(isPodReady).length === replicas);
  const others = (await whileUp?.()) ?? [];
  await deployments.delete({ name, namespace });
  const goneMs = await pods.until((all) => all.length === 0);
  return { readyMs, goneMs, others };
}

/** Of a kubelet whose pods do nothing. */
async function measureKubelet(cluster: BenchCluster): Promise<Result[]> {
  const pid = [...cluster.pids()].find(([name]) => name.endsWith('kubelet'))![1];
  await realClock.sleep(10_000);
  const [share = 0] = await cpuShares([pid], quietSeconds);
  return [
    less('kubelet with 100 pods, memory (PSS)', pssMib(pid), 'MiB', 110),
    less('kubelet with 100 pods, idle CPU of one core', share, '%', 1.5),
  ];
}

async function timeClaims(client: KubeClient, pods: Pods): Promise<Result> {
  const times: number[] = [];
  const claims = client.resource(PersistentVolumeClaimKind);
  for (let i = 0; i < claimCount; i++) {
    const name = `claim-${i}`;
    const startMs = realClock.monotonicMs();
    const resources = { requests: { storage: '1Mi' } };
    await claims.create({ metadata: { name, namespace }, spec: { accessModes: ['ReadWriteOnce'], resources } });
    const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: name } }];
    const spec = { ...specOf(obedient, { volumeMounts: [{ name: 'data', mountPath: '/data' }] }), volumes };
    await client.resource(PodKind).create({ metadata: { name, namespace }, spec });
    await pods.isReady(name);
    times.push(realClock.monotonicMs() - startMs);
    await client.resource(PodKind).delete({ name, namespace });
    await pods.isGone(name);
    await claims.delete({ name, namespace });
  }
  return less('claim created to its pod Ready, median', median(times), 'ms', 400);
}

async function timeConfigMap(client: KubeClient, pods: Pods): Promise<Result> {
  const name = 'config';
  const maps = client.resource<ConfigMap>(ConfigMapKind);
  await maps.create({ metadata: { name, namespace }, data: { key: 'old' } });
  const waits = ['sh', '-c', 'until grep -q new /config/key; do usleep 10000; done'];
  const volumes = [{ name, configMap: { name } }];
  const spec = {
    ...specOf(waits, { volumeMounts: [{ name, mountPath: '/config' }] }),
    volumes,
    restartPolicy: 'Never',
  };
  await client.resource(PodKind).create({ metadata: { name, namespace }, spec });
  await pods.isReady(name);
  await maps.patch({ name, namespace }, { data: { key: 'new' } }, { type: 'merge' });
  const tookMs = await pods.hasEnded(name);
  await client.resource(PodKind).delete({ name, namespace });
  await pods.isGone(name);
  return less('ConfigMap changed until a container that waits for it has ended', tookMs / 1000, 's', 2);
}

export async function timePods(cluster: BenchCluster): Promise<Result[]> {
  cluster.load(await imageArchive('busybox'));
  const client = cluster.client();
  using pods = new Pods(client);
  const single = await timeSinglePods(client, pods);
  const thirty = await timeDeployment(client, pods, 30);
  const hundred = await timeDeployment(client, pods, 100, () => measureKubelet(cluster));
  const results = [
    ...single,
    less('Deployment of 30, Ready', thirty.readyMs / 1000, 's', 1.6),
    less('Deployment of 30, gone', thirty.goneMs / 1000, 's', 1.6),
    less('Deployment of 100, Ready', hundred.readyMs / 1000, 's', 6),
    ...hundred.others,
    await timeClaims(client, pods),
    await timeConfigMap(client, pods),
  ];
  client.close();
  return results;
}
