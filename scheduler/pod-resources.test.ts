// The names, types, labels and buckets of what the scheduler tells are those of kube-scheduler 1.36.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Pod } from '../api/core/pod.ts';
import { metricTable, valuesOf } from '../test/builders/metric-table.ts';
import { SchedulerMetrics } from './metrics.ts';
import { podResources } from './pod-resources.ts';

const table = `
scheduler_cache_size gauge type
scheduler_event_handling_duration_seconds histogram event 0.0001..0.2048*12
scheduler_framework_extension_point_duration_seconds histogram extension_point,profile,status 0.0001..0.2048*12
scheduler_pending_pods gauge queue
scheduler_plugin_execution_duration_seconds histogram extension_point,plugin,status 0.00001..0.0221683782005*20
scheduler_pod_scheduling_attempts histogram 1..16*5
scheduler_pod_scheduling_sli_duration_seconds histogram attempts 0.01..5242.88*20
scheduler_preemption_attempts_total counter
scheduler_preemption_victims histogram 1..64*7
scheduler_queue_incoming_pods_total counter event,queue
scheduler_queueing_hint_execution_duration_seconds histogram event,hint,plugin 0.00001..0.0221683782005*20
scheduler_schedule_attempts_total counter profile,result
scheduler_scheduling_algorithm_duration_seconds histogram 0.001..16.384*15
scheduler_scheduling_attempt_duration_seconds histogram profile,result 0.001..16.384*15
scheduler_unschedulable_pods gauge plugin,profile
`;

test('every metric is known by its name, type, labels and buckets', async () => {
  const registry = new Registry();
  new SchedulerMetrics(registry);
  assert.deepEqual(await metricTable(registry), table.trim().split('\n'));
  const labels = 'gauge namespace,node,pod,priority,resource,scheduler,unit';
  assert.deepEqual(await metricTable(podResources(() => [])), [
    `kube_pod_resource_limit ${labels}`,
    `kube_pod_resource_request ${labels}`,
  ]);
});

test('what pods ask for and may use, with the units; those that have ended use nothing', async () => {
  const resources = {
    requests: { cpu: '250m', memory: '1Gi', 'example.com/gpu': '2', 'ephemeral-storage': '0' },
    limits: { memory: '2Gi' },
  };
  const spec = { schedulerName: 's', nodeName: 'n', priority: 5, containers: [{ name: 'c', resources }] };
  const ended = { metadata: { name: 'b', namespace: 'd' }, spec, status: { phase: 'Failed' } };
  const pods = [{ metadata: { name: 'a', namespace: 'd' }, spec }, ended] as unknown as Pod[];
  const registry = podResources(() => pods);
  const of = (resource: string, unit: string) =>
    `namespace="d",node="n",pod="a",priority="5",resource="${resource}",scheduler="s",unit="${unit}"`;
  assert.deepEqual(await valuesOf(registry, 'kube_pod_resource_request'), {
    [of('cpu', 'cores')]: 0.25,
    [of('memory', 'bytes')]: 2 ** 30,
    [of('example.com/gpu', 'integer')]: 2,
  });
  assert.deepEqual(await valuesOf(registry, 'kube_pod_resource_limit'), { [of('memory', 'bytes')]: 2 ** 31 });
});
