// What the kubelet does for pods and answers to clients, under upstream's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (kubelet_*)
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import type { CriClient } from '../proto/cri-client.ts';
import type { PodCgroups } from './cgroups/pod-cgroups.ts';
import type { PodSet } from './pods/pod-set.ts';
import type { PodWorker } from './pods/pod-worker.ts';
import { isStaticPod } from './static/static-pod-file.ts';

const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export interface WorkMetrics {
  /** Times a pass over a pod. */
  pass(kind: 'sync' | 'terminating' | 'terminated', work: () => Promise<void>): Promise<void>;
  /** The first pass over a pod begins so long after the pod was seen. */
  begins(afterMs: number): void;
  /** A container of the kind is about to be started. */
  starts(kind: 'container' | 'init_container' | 'ephemeral_container'): void;
}

export function registerWork(registry: Registry, clock: Clock): WorkMetrics {
  const registers = [registry];
  const passes = new Histogram({
    name: 'kubelet_pod_worker_duration_seconds',
    help: 'Seconds of a pass over a pod.',
    labelNames: ['operation_type'],
    buckets,
    registers,
  });
  const starts = new Histogram({
    name: 'kubelet_pod_worker_start_duration_seconds',
    help: 'Seconds from seeing a pod to the first pass over it.',
    buckets,
    registers,
  });
  const containers = new Counter({
    name: 'kubelet_started_containers_total',
    help: 'Containers that were to be started.',
    labelNames: ['container_type'],
    registers,
  });
  return {
    async pass(operation_type, work) {
      const startMs = clock.monotonicMs();
      try {
        await work();
      } finally {
        passes.observe({ operation_type }, (clock.monotonicMs() - startMs) / 1000);
      }
    },
    begins: (afterMs) => starts.observe(afterMs / 1000),
    starts: (container_type) => containers.inc({ container_type }),
  };
}

/** The same client; sandboxes that are asked for are counted, and those that could not be had. */
export function countPodStarts(registry: Registry, cri: CriClient): CriClient {
  const registers = [registry];
  const all = new Counter({ name: 'kubelet_started_pods_total', help: 'Pods that were to be started.', registers });
  const help = 'Pods that could not be started.';
  const failed = new Counter({ name: 'kubelet_started_pods_errors_total', help, registers });
  const run: CriClient['runtime']['RunPodSandbox'] = (...given) => {
    all.inc();
    const answer = cri.runtime.RunPodSandbox(...given);
    answer.catch(() => failed.inc());
    return answer;
  };
  return { ...cri, runtime: { ...cri.runtime, RunPodSandbox: run } };
}

/** Who the node is, and what it has to do. */
export function tellNode(registry: Registry, node: string, podSet: () => PodSet | undefined): void {
  const registers = [registry];
  new Gauge({ name: 'kubelet_node_name', help: "The node's name; always 1.", labelNames: ['node'], registers }).set(
    { node },
    1,
  );
  const count = (name: string, help: string, of: (pods: PodSet) => readonly PodWorker[]) =>
    new Gauge({
      name,
      help,
      labelNames: ['static'],
      registers,
      collect() {
        const pods = podSet();
        const all = pods ? of(pods) : [];
        const fixed = all.filter(({ pod }) => isStaticPod(pod)).length;
        this.set({ static: 'true' }, fixed);
        this.set({ static: '' }, all.length - fixed);
      },
    });
  count('kubelet_desired_pods', 'Pods that are to be on the node.', (pods) => pods.list());
  count('kubelet_active_pods', 'Pods that take up something of the node.', (pods) =>
    pods.list().filter((worker) => worker.isTakingResources),
  );
}

/** Times what is done to the control groups of pods, from now on. */
export function timeCgroups(registry: Registry, clock: Clock, cgroups: PodCgroups): PodCgroups {
  const seconds = new Histogram({
    name: 'kubelet_cgroup_manager_duration_seconds',
    help: 'Seconds of changes of control groups.',
    labelNames: ['operation_type'],
    buckets,
    registers: [registry],
  });
  const timed =
    <A extends unknown[], R>(operation_type: string, act: (...given: A) => R) =>
    (...given: A): R => {
      const startMs = clock.monotonicMs();
      try {
        return act.apply(cgroups, given);
      } finally {
        seconds.observe({ operation_type }, (clock.monotonicMs() - startMs) / 1000);
      }
    };
  cgroups.create = timed('create', cgroups.create);
  cgroups.resize = timed('update', cgroups.resize);
  cgroups.remove = timed('destroy', cgroups.remove);
  return cgroups;
}

/** Times looks at everything that the runtime has, and the time between two. */
export function timeRelists(registry: Registry, clock: Clock): <T>(look: Promise<T>) => Promise<T> {
  const histogram = (name: string, help: string) =>
    new Histogram({ name: `kubelet_pleg_relist_${name}_seconds`, help, buckets, registers: [registry] });
  const took = histogram('duration', 'Seconds of a look at all that the runtime has.');
  const between = histogram('interval', 'Seconds between two of them.');
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
  const labelNames = ['method', 'path', 'server_type', 'long_running'] as const;
  const shared = { labelNames, registers: [registry] };
  const total = new Counter({ name: 'kubelet_http_requests_total', help: 'Requests.', ...shared });
  const now = new Gauge({ name: 'kubelet_http_inflight_requests', help: 'Requests under way.', ...shared });
  const name = 'kubelet_http_requests_duration_seconds';
  const seconds = new Histogram({ name, help: 'Seconds of requests.', buckets, ...shared });
  return (given, given_path) => {
    const path = routeOf(given_path);
    const method = ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'].includes(given) ? given : 'other';
    const labels = { method, path, server_type: 'readwrite', long_running: String(streams.has(path)) };
    const startMs = clock.monotonicMs();
    total.inc(labels);
    now.inc(labels);
    return () => {
      now.dec(labels);
      seconds.observe(labels, (clock.monotonicMs() - startMs) / 1000);
    };
  };
}
