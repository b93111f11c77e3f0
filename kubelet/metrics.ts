// Metrics of the kubelet, under upstream's names.
import { Counter, exponentialBuckets, Gauge, Histogram, type Registry } from 'prom-client';
import type { Clock } from '../machinery/clock.ts';
import type { CriClient } from '../proto/cri-client.ts';
import type { CertificateManager } from './certificates/certificate-manager.ts';
import type { PodSet } from './pods/pod-set.ts';
import { readySandbox } from './pods/runtime-state.ts';

// biome-ignore format: as upstream has them
const sliBuckets = [
  0.5, 1, 2, 3, 4, 5, 6, 8, 10, 20, 30, 45, 60, 120, 180, 240, 300, 360, 480, 600, 900, 1200, 1800, 2700, 3600,
];

export interface KubeletMetrics {
  /** A pod became ready so long after the kubelet took it on. */
  observePodStart(durationMs: number): void;
  /** The containers of a pod ran so long after the pod was made; its images were pulled for a part of that. */
  observeContainersStart(durationMs: number, pullingMs: number): void;
  /** A pod with a user namespace of its own was to get a sandbox, or did not get it. */
  countUserNamespace(what: 'started' | 'failed'): void;
  /** A pod was evicted for what the signal measures. */
  countEviction(signal: string): void;
}

export function registerMetrics(registry: Registry, podSet: () => PodSet | undefined): KubeletMetrics {
  const count = (of: (pods: PodSet) => number) =>
    function (this: Gauge) {
      const pods = podSet();
      this.set(pods ? of(pods) : 0);
    };
  new Gauge({
    name: 'kubelet_running_pods',
    help: 'Pods that have a running sandbox.',
    registers: [registry],
    collect: count((pods) => pods.list().filter((w) => readySandbox(w.runtime.state)).length),
  });
  new Gauge({
    name: 'kubelet_running_containers',
    help: 'Containers, by their state.',
    labelNames: ['container_state'],
    registers: [registry],
    collect() {
      this.reset();
      const containers =
        podSet()
          ?.list()
          .flatMap(({ runtime }) => runtime.state.containers) ?? [];
      for (const { state } of containers) this.inc({ container_state: state.slice('CONTAINER_'.length).toLowerCase() });
    },
  });
  const podStart = new Histogram({
    name: 'kubelet_pod_start_duration_seconds',
    help: 'Seconds from the moment the kubelet sees a pod to its containers being ready.',
    buckets: sliBuckets,
    registers: [registry],
  });
  const startOf = (name: string, help: string) =>
    new Histogram({ name, help, buckets: sliBuckets, registers: [registry] });
  const total = startOf(
    'kubelet_pod_start_total_duration_seconds',
    'Seconds from the moment a pod is made to its containers running.',
  );
  const sli = startOf('kubelet_pod_start_sli_duration_seconds', 'The same without the time that images were pulled.');
  const evictions = new Counter({
    name: 'kubelet_evictions',
    help: 'Pods that were evicted, by the signal that was over its limit.',
    labelNames: ['eviction_signal'],
    registers: [registry],
  });
  const countOf = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const userNamespaces = {
    started: countOf(
      'kubelet_started_user_namespaced_pods_total',
      'Pods with a user namespace of their own that were tried to start.',
    ),
    failed: countOf('kubelet_started_user_namespaced_pods_errors_total', 'Such pods that got no sandbox.'),
  };
  return {
    observePodStart: (durationMs) => podStart.observe(durationMs / 1000),
    observeContainersStart(durationMs, pullingMs) {
      if (Number.isNaN(durationMs)) return;
      total.observe(Math.max(0, durationMs) / 1000);
      sli.observe(Math.max(0, durationMs - pullingMs) / 1000);
    },
    countUserNamespace: (what) => userNamespaces[what].inc(),
    countEviction: (signal) => evictions.inc({ eviction_signal: signal }),
  };
}

/** kubelet_certificate_manager_*: how long a certificate lasts, and how often it could not be renewed. */
export function registerCertificate(
  registry: Registry,
  kind: 'client' | 'server',
  { clock, manager }: { clock: Clock; manager: Pick<CertificateManager, 'current' | 'failures'> },
): void {
  new Gauge({
    name: `kubelet_certificate_manager_${kind}_ttl_seconds`,
    help: `Seconds until the ${kind}'s certificate expires; +Inf while there is none.`,
    registers: [registry],
    collect() {
      this.set(manager.current ? (manager.current.notAfterMs - clock.now()) / 1000 : Number.POSITIVE_INFINITY);
    },
  });
  new Gauge({
    name: `kubelet_certificate_manager_${kind}_expiration_renew_errors`,
    help: `How often the ${kind}'s certificate could not be renewed.`,
    registers: [registry],
    collect() {
      this.set(manager.failures);
    },
  });
}

/** `run_podsandbox` for RunPodSandbox. */
const operationOf = (name: string) =>
  name === 'UpdateContainerResources'
    ? 'update_container'
    : name
        .replace('PodSandbox', 'Podsandbox')
        .replace(/\B[A-Z]/g, (c) => `_${c}`)
        .toLowerCase();

/** The same client, with its calls timed: kubelet_runtime_operations_*. Upstream: instrumented_services.go. */
export function timeOperations(registry: Registry, clock: Clock, cri: CriClient): CriClient {
  const shared = { labelNames: ['operation_type'] as const, registers: [registry] };
  const total = new Counter({ name: 'kubelet_runtime_operations_total', help: 'Calls of the runtime.', ...shared });
  const errors = new Counter({
    name: 'kubelet_runtime_operations_errors_total',
    help: 'Calls of the runtime that failed.',
    ...shared,
  });
  const duration = new Histogram({
    name: 'kubelet_runtime_operations_duration_seconds',
    help: 'Seconds that a call of the runtime took.',
    buckets: exponentialBuckets(0.005, 2.5, 14),
    ...shared,
  });
  const timed = <T extends object>(service: T): T =>
    Object.fromEntries(
      Object.entries(service).map(([name, call]) => [
        name,
        (...given: unknown[]) => {
          const answer = call(...given);
          // A stream lasts as long as somebody listens.
          if (!(answer instanceof Promise)) return answer;
          const operation_type = operationOf(name);
          const startMs = clock.monotonicMs();
          total.inc({ operation_type });
          answer
            .catch(() => errors.inc({ operation_type }))
            .finally(() => duration.observe({ operation_type }, (clock.monotonicMs() - startMs) / 1000));
          return answer;
        },
      ]),
    ) as T;
  return { ...cri, runtime: timed(cri.runtime), images: timed(cri.images) };
}
