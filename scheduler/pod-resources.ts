// /metrics/resources: what each pod asks for and may use. Upstream: pkg/scheduler/metrics/resources.
// https://kubernetes.io/docs/concepts/cluster-administration/system-metrics/#kube-scheduler-metrics
import { Registry } from 'prom-client';
import { podLimits, podRequests, type ResourceList } from '../api/core/pod/resource-totals.ts';
import type { Pod } from '../api/core/pod.ts';
import { metricsIn } from '../machinery/hot-metrics.ts';
import { parseQuantity } from '../machinery/quantity.ts';

const labelNames = ['namespace', 'pod', 'node', 'scheduler', 'priority', 'resource', 'unit'];

function unitOf(resource: string): string {
  if (resource === 'cpu') return 'cores';
  const isBytes = ['memory', 'storage', 'ephemeral-storage'].includes(resource) || resource.startsWith('hugepages-');
  return isBytes ? 'bytes' : 'integer';
}

/** A registry that tells of the pods as they are when it is asked; those that have ended use nothing. */
export function podResources(pods: () => Iterable<Pod>): Registry {
  const registry = new Registry();
  const { seen } = metricsIn(registry, 'kube_pod_resource_');
  const tell = (name: string, help: string, totalOf: (spec: Pod['spec']) => ResourceList) =>
    seen('gauge', [name, help, labelNames], () =>
      [...pods()].flatMap(({ metadata, spec, status }) => {
        if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return [];
        const { nodeName = '', schedulerName = '', priority = '' } = spec;
        const of = [metadata.namespace ?? '', metadata.name ?? '', nodeName, schedulerName, String(priority)];
        return Object.entries(totalOf(spec))
          .map(([resource, amount]) => {
            const value = Number(parseQuantity(amount)?.nanos ?? 0n) / 1e9;
            return [[...of, resource, unitOf(resource)], value] as const;
          })
          .filter(([, value]) => value > 0);
      }),
    );
  tell('request', 'What pods ask for.', podRequests);
  tell('limit', 'What pods may use.', podLimits);
  return registry;
}
