// What the kubelet does for pods and answers to clients, under upstream's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubelet_*)
import type { Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { CriClient } from '../proto/cri-client.ts';
import type { PodCgroups } from './cgroups/pod-cgroups.ts';
import type { PodSet } from './pods/pod-set.ts';
import type { PodWorker } from './pods/pod-worker.ts';
import { isStaticPod } from './static/static-pod-file.ts';

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export type WorkMetrics = ReturnType<typeof registerWork>;

export function registerWork(registry: Registry, clock: Clock) {
  const { counter, histogram } = metricsIn(registry, 'kubelet_');
  const seconds = 'Seconds of a pass over a pod.';
  const passes = histogram('pod_worker_duration_seconds', seconds, ['operation_type'], buckets);
  const toFirst = 'Seconds from seeing a pod to the first pass over it.';
  const starts = histogram('pod_worker_start_duration_seconds', toFirst, [], buckets);
  const containers = counter('started_containers_total', 'Containers that were to be started.', ['container_type']);
  return {
    /** Times a pass over a pod. */
    async pass(kind: 'sync' | 'terminating' | 'terminated', work: () => Promise<void>): Promise<void> {
      const startMs = clock.monotonicMs();
      try {
        await work();
      } finally {
        passes.of(kind).observe((clock.monotonicMs() - startMs) / 1000);
      }
    },
    /** The first pass over a pod begins so long after the pod was seen. */
    begins: (afterMs: number) => starts.of().observe(afterMs / 1000),
    /** A container of the kind is about to be started. */
    starts: (kind: 'container' | 'init_container' | 'ephemeral_container') => void containers.of(kind).value++,
  };
}

/** The same client; sandboxes that are asked for are counted, and those that could not be had. */
export function countPodStarts(registry: Registry, cri: CriClient): CriClient {
  const { counter } = metricsIn(registry, 'kubelet_started_pods_');
  const all = counter('total', 'Pods that were to be started.');
  const failed = counter('errors_total', 'Pods that could not be started.');
  const run: CriClient['runtime']['RunPodSandbox'] = (...given) => {
    all.of().value++;
    const answer = cri.runtime.RunPodSandbox(...given);
    answer.catch(() => failed.of().value++);
    return answer;
  };
  return { ...cri, runtime: { ...cri.runtime, RunPodSandbox: run } };
}

/** Who the node is, and what it has to do. */
export function tellNode(registry: Registry, node: string, podSet: () => PodSet | undefined): void {
  const { gauge, seen } = metricsIn(registry, 'kubelet_');
  gauge('node_name', "The node's name; always 1.", ['node']).of(node).value = 1;
  const count = (name: string, help: string, of: (pods: PodSet) => readonly PodWorker[]) =>
    seen('gauge', [name, help, ['static']], () => {
      const pods = podSet();
      const all = pods ? of(pods) : [];
      const fixed = all.filter(({ pod }) => isStaticPod(pod)).length;
      return [
        [['true'], fixed],
        [[''], all.length - fixed],
      ];
    });
  count('desired_pods', 'Pods that are to be on the node.', (pods) => pods.list());
  count('active_pods', 'Pods that take up something of the node.', (pods) =>
    pods.list().filter((worker) => worker.isTakingResources),
  );
}

/** Times what is done to the control groups of pods, from now on. */
export function timeCgroups(registry: Registry, clock: Clock, cgroups: PodCgroups): PodCgroups {
  const { histogram } = metricsIn(registry, 'kubelet_cgroup_manager_');
  const seconds = histogram('duration_seconds', 'Seconds of changes of control groups.', ['operation_type'], buckets);
  const timed =
    <A extends unknown[], R>(operation: string, act: (...given: A) => R) =>
    (...given: A): R => {
      const startMs = clock.monotonicMs();
      try {
        return act.apply(cgroups, given);
      } finally {
        seconds.of(operation).observe((clock.monotonicMs() - startMs) / 1000);
      }
    };
  cgroups.create = timed('create', cgroups.create);
  cgroups.resize = timed('update', cgroups.resize);
  cgroups.remove = timed('destroy', cgroups.remove);
  return cgroups;
}

/** Times looks at everything that the runtime has, and the time between two. */
export function timeRelists(registry: Registry, clock: Clock): <T>(look: Promise<T>) => Promise<T> {
  const { histogram } = metricsIn(registry, 'kubelet_pleg_relist_');
  const took = histogram('duration_seconds', 'Seconds of a look at all that the runtime has.', [], buckets).of();
  const between = histogram('interval_seconds', 'Seconds between two of them.', [], buckets).of();
  let lastMs: number | undefined;
  return async (look) => {
    const startMs = clock.monotonicMs();
    if (lastMs !== undefined) between.observe((startMs - lastMs) / 1000);
    lastMs = startMs;
    try {
      return await look;
    } finally {
      took.observe((clock.monotonicMs() - startMs) / 1000);
    }
  };
}

const streams = new Set(['exec', 'attach', 'portForward', 'run']);
const routes = new Set(['pods', 'runningpods', 'healthz', 'logs', 'configz', 'stats', 'containerLogs', ...streams]);

/** Paths that name pods are told by their first part; those that nobody serves as one. */
function routeOf(path: string): string {
  const [first = '', second] = path.split('/').filter((part) => part !== '');
  if (first === 'metrics')
    return ['cadvisor', 'probes', 'resource'].includes(second ?? '') ? `metrics/${second}` : first;
  return routes.has(first) ? first : 'other';
}

/** Counts requests to the kubelet's server; what is returned ends one. */
export function countRequests(registry: Registry, clock: Clock): (method: string, path: string) => () => void {
  const { counter, gauge, histogram } = metricsIn(registry, 'kubelet_http_');
  const labelNames = ['method', 'path', 'server_type', 'long_running'];
  const total = counter('requests_total', 'Requests.', labelNames);
  const now = gauge('inflight_requests', 'Requests under way.', labelNames);
  const seconds = histogram('requests_duration_seconds', 'Seconds of requests.', labelNames, buckets);
  return (given, givenPath) => {
    const path = routeOf(givenPath);
    const method = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].includes(given) ? given : 'other';
    const labels = [method, path, 'readwrite', String(streams.has(path))];
    const startMs = clock.monotonicMs();
    total.of(...labels).value++;
    now.of(...labels).value++;
    return () => {
      now.of(...labels).value--;
      seconds.of(...labels).observe((clock.monotonicMs() - startMs) / 1000);
    };
  };
}
