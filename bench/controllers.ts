// What controllers do with many objects, on simulated nodes: large Deployments and many small ones, a rolling update
// whose bounds are looked at with each event, a full namespace that goes, and what rest costs.
import { type Deployment, DeploymentKind } from '../api/apps/deployment.ts';
import { ConfigMapKind } from '../api/core/configmap.ts';
import { NamespaceKind } from '../api/core/namespace.ts';
import { NodeKind } from '../api/core/node.ts';
import type { Pod } from '../api/core/pod.ts';
import type { KubeClient } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { type BenchCluster, cpuShares } from './cluster.ts';
import { inParallel, less, type Result } from './measure.ts';
import { isPodReady, Pods } from './pods.ts';

/** Room for 110 pods each. */
export const simulatedNodes = 60;

const parallel = 16;
const largeReplicas = 1_000;
const smallCount = 1_000;
const restPods = 5_000;
const updatedReplicas = 200;
const objectCount = 5_000;
const quietSeconds = 20;
const namespace = 'default';

export function deploymentOf(name: string, replicas: number, command = 'first'): Deployment {
  const labels = { app: name };
  const spec = { containers: [{ name: 'c', image: 'none', command: [command] }] };
  const template = { metadata: { labels }, spec };
  const strategy = { rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } };
  return {
    metadata: { name, namespace },
    spec: { replicas, strategy, selector: { matchLabels: labels }, template },
  } as unknown as Deployment;
}

const isReady = (count: number) => (all: readonly Pod[]) => all.length === count && all.every(isPodReady);
const isGone = (all: readonly Pod[]) => all.length === 0;

/** Seconds until it is so, from the beginning of what is to bring it about. */
async function timed(act: () => Promise<unknown>, pods: Pods, isSo: (all: readonly Pod[]) => boolean): Promise<number> {
  const startMs = realClock.monotonicMs();
  await act();
  await pods.until(isSo);
  return (realClock.monotonicMs() - startMs) / 1000;
}

async function timeLarge(client: KubeClient, pods: Pods): Promise<Result[]> {
  const deployments = client.resource<Deployment>(DeploymentKind);
  const create = () => deployments.create(deploymentOf('large', largeReplicas));
  const ready = await timed(create, pods, isReady(largeReplicas));
  const gone = await timed(() => deployments.delete({ name: 'large', namespace }), pods, isGone);
  return [
    less(`Deployment of ${largeReplicas}, Ready`, ready, 's', 8),
    less(`Deployment of ${largeReplicas}, gone`, gone, 's', 8),
  ];
}

/** Leaves so many pods that rest can be measured. */
async function timeSmall(client: KubeClient, pods: Pods): Promise<Result> {
  const deployments = client.resource<Deployment>(DeploymentKind);
  const create = () => inParallel(smallCount, parallel, (i) => deployments.create(deploymentOf(`small-${i}`, 2)));
  return less(`${smallCount} Deployments of 2, Ready`, await timed(create, pods, isReady(2 * smallCount)), 's', 30);
}

async function measureRest(cluster: BenchCluster, client: KubeClient, pods: Pods): Promise<Result[]> {
  await client.resource<Deployment>(DeploymentKind).create(deploymentOf('rest', restPods - 2 * smallCount));
  await pods.until(isReady(restPods));
  const names = ['controllers', 'scheduler', 'apiserver'];
  // Before the rest: the question itself is work for what is measured.
  const pids = cluster.pids();
  await realClock.sleep(10_000);
  const shares = await cpuShares(
    names.map((name) => pids.get(name)!),
    quietSeconds,
  );
  return names.map((name, i) =>
    less(
      `${name} at rest with ${restPods} pods, CPU of one core`,
      shares[i]!,
      '%',
      ...(name === 'controllers' ? [2] : []),
    ),
  );
}

async function timeUpdate(client: KubeClient, pods: Pods): Promise<Result[]> {
  const deployments = client.resource<Deployment>(DeploymentKind);
  const name = 'updated';
  const isOurs = (pod: Pod) => pod.metadata.labels?.app === name;
  await deployments.create(deploymentOf(name, updatedReplicas));
  await pods.until((all) => isReady(updatedReplicas)(all.filter(isOurs)));
  let [most, fewest] = [0, updatedReplicas];
  const look = (all: readonly Pod[]) => {
    const ours = all.filter(isOurs);
    most = Math.max(most, ours.filter(({ metadata }) => !metadata.deletionTimestamp).length);
    fewest = Math.min(fewest, ours.filter((pod) => !pod.metadata.deletionTimestamp && isPodReady(pod)).length);
    return ours.every(({ spec }) => spec.containers[0]!.command![0] === 'second') && isReady(updatedReplicas)(ours);
  };
  const { spec } = deploymentOf(name, updatedReplicas, 'second');
  const update = () => deployments.patch({ name, namespace }, { spec }, { type: 'merge' });
  return [
    less(`rolling update of ${updatedReplicas}`, await timed(update, pods, look), 's'),
    less('  most pods at any event', most, '', 1.25 * updatedReplicas),
    less('  fewest ready, lacking of all at any event', updatedReplicas - fewest, '', 0.25 * updatedReplicas),
  ];
}

async function timeNamespace(client: KubeClient): Promise<Result> {
  const name = 'full';
  const namespaces = client.resource(NamespaceKind);
  await namespaces.create({ metadata: { name }, spec: {} });
  await inParallel(objectCount, parallel, (i) =>
    client.resource(ConfigMapKind).create({ metadata: { name: `o-${i}`, namespace: name } }),
  );
  const startMs = realClock.monotonicMs();
  const stop = new AbortController();
  const fieldSelector = `metadata.name=${name}`;
  const gone = new Promise<void>((resolve) => {
    const onEvent = ({ type }: { type: string }) => (type === 'DELETED' ? resolve() : undefined);
    void namespaces.watch({ signal: stop.signal, fieldSelector }, onEvent).catch(() => undefined);
  });
  await namespaces.delete({ name });
  await gone;
  const tookMs = realClock.monotonicMs() - startMs;
  stop.abort();
  return less(`namespace of ${objectCount} objects, gone`, tookMs / 1000, 's', 15);
}

export async function measureControllers(cluster: BenchCluster): Promise<Result[]> {
  const client = cluster.client();
  // What has containers is left alone.
  await client.resource(NodeKind).patch({ name: cluster.node }, { spec: { unschedulable: true } }, { type: 'merge' });
  using pods = new Pods(client);
  const results = [
    ...(await timeLarge(client, pods)),
    await timeSmall(client, pods),
    ...(await measureRest(cluster, client, pods)),
    ...(await timeUpdate(client, pods)),
    await timeNamespace(client),
  ];
  client.close();
  return results;
}
