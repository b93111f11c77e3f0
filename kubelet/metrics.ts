// Metrics of the kubelet, under upstream's names.
import { exponentialBuckets, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import type { CriClient } from '../proto/cri-client.ts';
import type { CertificateManager } from './certificates/certificate-manager.ts';
import type { PodSet } from './pods/pod-set.ts';
import { readySandbox } from './pods/runtime-state.ts';

// biome-ignore format: as upstream has them
const sliBuckets = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
];

export type KubeletMetrics = ReturnType<typeof registerMetrics>;

export function registerMetrics(registry: Registry, podSet: () => PodSet | undefined) {
  const { counter, histogram, seen } = metricsIn(registry, 'kubelet_');
  const workers = () => podSet()?.list() ?? [];
  seen('gauge', ['running_pods', 'Pods that have a running sandbox.'], () => [
    [[], workers().filter(({ runtime }) => readySandbox(runtime.state)).length],
  ]);
  seen('gauge', ['running_containers', 'Containers, by their state.', ['container_state']], () => {
    const counts = new Map<string, number>();
    for (const { state } of workers().flatMap(({ runtime }) => runtime.state.containers))
      counts.set(state, (counts.get(state) ?? 0) + 1);
    return [...counts].map(([state, count]) => [[state.slice('CONTAINER_'.length).toLowerCase()], count]);
  });
  const startOf = (name: string, help: string) => histogram(name, help, [], sliBuckets).of();
  const podStart = startOf(
    'pod_start_duration_seconds',
    'Seconds from the moment the kubelet sees a pod to its containers being ready.',
  );
  const total = startOf(
    'pod_start_total_duration_seconds',
    'Seconds from the moment a pod is made to its containers running.',
  );
  const sli = startOf('pod_start_sli_duration_seconds', 'The same without the time that images were pulled.');
  const evicted = 'Pods that were evicted, by the signal that was over its limit.';
  const evictions = counter('evictions', evicted, ['eviction_signal']);
  const started = 'Pods with a user namespace of their own that were tried to start.';
  const userNamespaces = {
    started: counter('started_user_namespaced_pods_total', started).of(),
    failed: counter('started_user_namespaced_pods_errors_total', 'Such pods that got no sandbox.').of(),
  };
  return {
    /** A pod became ready so long after the kubelet took it on. */
    observePodStart: (durationMs: number) => podStart.observe(durationMs / 1000),
    /** The containers of a pod ran so long after the pod was made; its images were pulled for a part of that. */
    observeContainersStart(durationMs: number, pullingMs: number): void {
      if (Number.isNaN(durationMs)) return;
      total.observe(Math.max(0, durationMs) / 1000);
      sli.observe(Math.max(0, durationMs - pullingMs) / 1000);
    },
    /** A pod with a user namespace of its own was to get a sandbox, or did not get it. */
    countUserNamespace: (what: 'started' | 'failed') => void userNamespaces[what].value++,
    /** A pod was evicted for what the signal measures. */
    countEviction: (signal: string) => void evictions.of(signal).value++,
  };
}

/** kubelet_certificate_manager_*: how long a certificate lasts, and how often it could not be renewed. */
export function registerCertificate(
  registry: Registry,
  kind: 'client' | 'server',
  { clock, manager }: { clock: Clock; manager: Pick<CertificateManager, 'current' | 'failures'> },
): void {
  const { seen } = metricsIn(registry, `kubelet_certificate_manager_${kind}_`);
  seen('gauge', ['ttl_seconds', `Seconds until the ${kind}'s certificate expires; +Inf while there is none.`], () => [
    [[], manager.current ? (manager.current.notAfterMs - clock.now()) / 1000 : Number.POSITIVE_INFINITY],
  ]);
  seen('gauge', ['expiration_renew_errors', `How often the ${kind}'s certificate could not be renewed.`], () => [
    [[], manager.failures],
  ]);
}

/** `run_podsandbox` for RunPodSandbox. */
const operationOf = (name: string) =>
  name === 'UpdateContainerResources'
    ? 'update_container'
    : name
        .replace('PodSandbox', 'Podsandbox')
        .replace(/\B[A-Z]/g, (c) => `_${c}`)
        .toLowerCase();

/** The same service; `seen` is told of each call that has one answer: a stream lasts as long as somebody listens. */
export const watchCalls = <T extends object>(service: T, seen: (name: string, answer: Promise<unknown>) => void): T =>
  Object.fromEntries(
    Object.entries(service).map(([name, call]) => [
      name,
      (...given: unknown[]) => {
        const answer = call(...given);
        if (answer instanceof Promise) seen(name, answer);
        return answer;
      },
    ]),
  ) as T;

/** The same client, with its calls timed: kubelet_runtime_operations_*. Upstream: instrumented_services.go. */
export function timeOperations(registry: Registry, clock: Clock, cri: CriClient): CriClient {
  const { counter, histogram } = metricsIn(registry, 'kubelet_runtime_operations_');
  const by = ['operation_type'];
  const total = counter('total', 'Calls of the runtime.', by);
  const errors = counter('errors_total', 'Calls of the runtime that failed.', by);
  const callBuckets = exponentialBuckets(0.005, 2.5, 14);
  const duration = histogram('duration_seconds', 'Seconds that a call of the runtime took.', by, callBuckets);
  const timed = <T extends object>(service: T): T =>
    watchCalls(service, (name, answer) => {
      const operation = operationOf(name);
      const startMs = clock.monotonicMs();
      total.of(operation).value++;
      answer
        .catch(() => errors.of(operation).value++)
        .finally(() => duration.of(operation).observe((clock.monotonicMs() - startMs) / 1000));
    });
  return { ...cri, runtime: timed(cri.runtime), images: timed(cri.images) };
}
