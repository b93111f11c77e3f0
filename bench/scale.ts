// A cluster of 1,000 nodes and 30,000 pods, which have no containers: how long it takes to fill, what it takes at rest,
// and, while pods come and go, the objectives that Kubernetes publishes:
// https://github.com/kubernetes/community/blob/master/sig-scalability/slos/slos.md
import { DeploymentKind } from '../api/apps/deployment.ts';
import { NodeKind } from '../api/core/node.ts';
import { type Pod, PodKind } from '../api/core/pod.ts';
import type { KubeClient } from '../client/rest.ts';
import { realClock } from '../machinery/clock.ts';
import { type BenchCluster, cpuShares, pssMib } from './cluster.ts';
import { deploymentOf } from './controllers.ts';
import { less, median, more, quantile, type Result } from './measure.ts';
import { isPodReady, watchPods } from './pods.ts';

export const scaleNodes = 1_000;

const deploymentCount = 30;
const replicas = 1_000;
const namespace = 'default';
/** As upstream's load test: so many pods are made a second, and as many deleted. */
const churnPerSecond = 20;
const churnSeconds = 60;
/** How long one of them lives. */
const lifeMs = 10_000;

/** Pods that are ready, and when each became that; without a list that is walked with each event. */
class ReadyPods implements Disposable {
  readonly since = new Map<string, number>();
  readonly #stop = new AbortController();
  #waiting: { isSo(): boolean; resolve(): void }[] = [];

  constructor(client: KubeClient) {
    watchPods(client, this.#stop.signal, ({ type, object }) => {
      const { name = '' } = object.metadata;
      if (type === 'DELETED') this.since.delete(name);
      else if (type !== 'BOOKMARK' && isPodReady(object) && !this.since.has(name)) {
        this.since.set(name, realClock.monotonicMs());
      }
      this.#waiting = this.#waiting.filter(({ isSo, resolve }) => {
        if (!isSo()) return true;
        resolve();
        return false;
      });
    });
  }

  until(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      if (isSo()) resolve();
      else this.#waiting.push({ isSo, resolve });
    });
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }
}

/** So many answers of each verb and resource took at most so many seconds. */
type Histogram = Map<string, Map<number, number>>;

const bucketLine = /^apiserver_request_duration_seconds_bucket\{([^}]*)\} (\S+)$/gm;
const labelOf = (labels: string, name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1] ?? '';
const mutating = new Set(['POST', 'PUT', 'PATCH', 'APPLY', 'DELETE']);

/** Of requests that change an object. */
async function readDurations(client: KubeClient): Promise<Histogram> {
  const text = await client.text({ method: 'GET', path: '/metrics' });
  const found: Histogram = new Map();
  for (const [, labels = '', count] of text.matchAll(bucketLine)) {
    if (!mutating.has(labelOf(labels, 'verb'))) continue;
    const key = ['verb', 'resource', 'subresource'].map((name) => labelOf(labels, name)).join(' ');
    const buckets = found.get(key) ?? new Map<number, number>();
    const bound = labelOf(labels, 'le') === '+Inf' ? Number.POSITIVE_INFINITY : Number(labelOf(labels, 'le'));
    buckets.set(bound, (buckets.get(bound) ?? 0) + Number(count));
    found.set(key, buckets);
  }
  return found;
}

/** The bound of the bucket below which 99 of 100 answers between two readings lie: of the slowest verb and resource. */
function slowestP99(before: Histogram, after: Histogram): number {
  const p99s = [...after].map(([key, buckets]) => {
    const counts = [...buckets].map(([bound, n]) => [bound, n - (before.get(key)?.get(bound) ?? 0)] as const);
    const total = Math.max(...counts.map(([, n]) => n));
    if (total < 100) return 0;
    return Math.min(...counts.filter(([, n]) => n >= 0.99 * total).map(([bound]) => bound));
  });
  return Math.max(...p99s);
}

async function fill(client: KubeClient, ready: ReadyPods): Promise<Result> {
  const startMs = realClock.monotonicMs();
  for (let i = 0; i < deploymentCount; i++) {
    await client.resource(DeploymentKind).create(deploymentOf(`fill-${i}`, replicas));
    await ready.until(() => ready.since.size >= (i + 1) * replicas);
  }
  const seconds = (realClock.monotonicMs() - startMs) / 1000;
  return more(
    `pods a second until ${deploymentCount * replicas} are Ready`,
    (deploymentCount * replicas) / seconds,
    '/s',
  );
}

async function measureRest(cluster: BenchCluster): Promise<Result[]> {
  const pids = [...cluster.pids()].filter(([name]) =>
    ['etcd', 'apiserver', 'controllers', 'scheduler', 'simulated-nodes'].includes(name),
  );
  await realClock.sleep(20_000);
  const shares = await cpuShares(
    pids.map(([, pid]) => pid),
    20,
  );
  return pids.flatMap(([name, pid], i) => [
    less(`${name} at rest, memory (PSS)`, pssMib(pid), 'MiB', ...(name === 'scheduler' ? [300] : [])),
    less('  CPU of one core', shares[i]!, '%'),
  ]);
}

/** Pods come and go at a steady pace, whatever the answers. */
async function churn(client: KubeClient, ready: ReadyPods): Promise<Result[]> {
  const pods = client.resource<Pod>(PodKind);
  const before = await readDurations(client);
  const took: number[] = [];
  const startMs = realClock.monotonicMs();
  const live = async (i: number) => {
    await realClock.sleep(Math.max(0, startMs + (1000 * i) / churnPerSecond - realClock.monotonicMs()));
    const name = `churn-${i}`;
    const createdMs = realClock.monotonicMs();
    await pods.create({ metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'none' }] } } as Pod);
    await ready.until(() => ready.since.has(name));
    took.push(ready.since.get(name)! - createdMs);
    await realClock.sleep(lifeMs);
    await pods.delete({ name, namespace });
  };
  await Promise.all(Array.from({ length: churnPerSecond * churnSeconds }, (_, i) => live(i)));
  return [
    less('pod created to Running, median', median(took), 'ms'),
    less('pod created to Running, p99', quantile(took, 0.99), 'ms', 5_000),
    less(
      'requests that change an object, p99 of the slowest kind',
      1000 * slowestP99(before, await readDurations(client)),
      'ms',
      1_000,
    ),
  ];
}

export async function measureScale(cluster: BenchCluster): Promise<Result[]> {
  const client = cluster.client();
  await client.resource(NodeKind).patch({ name: cluster.node }, { spec: { unschedulable: true } }, { type: 'merge' });
  using ready = new ReadyPods(client);
  const results = [await fill(client, ready), ...(await measureRest(cluster)), ...(await churn(client, ready))];
  client.close();
  return results;
}
