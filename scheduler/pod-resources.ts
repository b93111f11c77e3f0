// /metrics/resources: what each pod asks for and may use. Upstream: pkg/scheduler/metrics/resources.
// https://kubernetes.io/docs/concepts/cluster-administration/system-metrics/#kube-scheduler-metrics
import { Gauge, Registry } from 'prom-client';
import { podLimits, podRequests, type ResourceList } from '../api/core/pod/resource-totals.ts';
import type { Pod } from '../api/core/pod.ts';
import { parseQuantity } from '../machinery/quantity.ts';

const labelNames = ['namespace', 'pod', 'node', 'scheduler', 'priority', 'resource', 'unit'] as const;

function unitOf(resource: string): string {
  if (resource === 'cpu') return 'cores';
  const isBytes = ['memory', 'storage', 'ephemeral-storage'].includes(resource) || resource.startsWith('hugepages-');
  return isBytes ? 'bytes' : 'integer';
}

/** A registry that tells of the pods as they are when it is asked; those that have ended use nothing. */
export function podResources(pods: () => Iterable<Pod>): Registry {
  const registry = new Registry();
  const tell = (name: string, help: string, totalOf: (spec: Pod['spec']) => ResourceList) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset();
        for (const { metadata, spec, status } of pods()) {
          if (status?.phase === 'Succeeded' || status?.phase === 'Failed') continue;
          const { namespace = '', name: pod = '' } = metadata;
          const { nodeName: node = '', schedulerName: scheduler = '' } = spec;
          const priority = String(spec.priority ?? '');
          for (const [resource, amount] of Object.entries(totalOf(spec))) {
            const value = Number(parseQuantity(amount)?.nanos ?? 0n) / 1e9;
            const unit = unitOf(resource);
            if (value > 0) this.set({ namespace, pod, node, scheduler, priority, resource, unit }, value);
          }
        }
      },
    });
  tell('kube_pod_resource_request', 'What pods ask for.', podRequests);
  tell('kube_pod_resource_limit', 'What pods may use.', podLimits);
  return registry;
}
