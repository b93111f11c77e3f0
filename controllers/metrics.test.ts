// The names, types, labels and buckets of what controllers tell of themselves are those of kube-controller-manager 1.36.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { WorkQueueMetrics } from '../client/workqueue-metrics.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { metricTable, valuesOf } from '../test/builders/metric-table.ts';
import { node } from '../test/builders/node.ts';
import { controllerMetrics } from './metrics.ts';
import { nodeLifecycleDefaults } from './node/node-lifecycle.ts';
import { EvictionZones } from './node/zones.ts';

const table = `
cronjob_controller_job_creation_skew_duration_seconds histogram 1..512*10
garbagecollector_controller_resources_sync_error_total counter
horizontal_pod_autoscaler_controller_metric_computation_duration_seconds histogram action,error,metric_type 0.001..16.384*15
horizontal_pod_autoscaler_controller_metric_computation_total counter action,error,metric_type
horizontal_pod_autoscaler_controller_reconciliation_duration_seconds histogram action,error 0.001..16.384*15
horizontal_pod_autoscaler_controller_reconciliations_total counter action,error
job_controller_job_pods_creation_total counter reason,status
job_controller_job_pods_finished_total counter completion_mode,result
job_controller_job_sync_duration_seconds histogram action,completion_mode,result 0.004..65.536*15
job_controller_job_syncs_total counter action,completion_mode,result
job_controller_jobs_finished_total counter completion_mode,reason,result
node_collector_evictions_total counter zone
node_collector_unhealthy_nodes_in_zone gauge zone
node_collector_zone_health gauge zone
node_collector_zone_size gauge zone
ttl_after_finished_controller_job_deletion_duration_seconds histogram 0.1..819.2*14
workqueue_adds_total counter name
workqueue_depth gauge name
workqueue_longest_running_processor_seconds gauge name
workqueue_queue_duration_seconds histogram name 1e-8..10*10
workqueue_retries_total counter name
workqueue_unfinished_work_seconds gauge name
workqueue_work_duration_seconds histogram name 1e-8..10*10
`;

test('every metric is known by its name, type, labels and buckets; a second controller counts in the same', async () => {
  const registry = new Registry();
  const first = controllerMetrics(registry);
  assert.equal(controllerMetrics(registry), first);
  new WorkQueueMetrics(registry);
  assert.deepEqual(await metricTable(registry), table.trim().split('\n'));
});

test('zones of nodes: how many there are, how many are well, how many were told to let their pods go', async () => {
  const registry = new Registry();
  const meter = controllerMetrics(registry);
  const evicts = (zone: string) => void meter.evictions.of(zone).value++;
  const zones = new EvictionZones(nodeLifecycleDefaults, new FakeClock(), {
    wake: () => {},
    allLost: () => {},
    evicts,
  });
  for (const name of ['a', 'b', 'c']) zones.change(node(name, { conditions: { Ready: 'True' } }), undefined);
  zones.change(node('d', { conditions: { Ready: 'Unknown' } }), undefined);
  assert.equal(zones.areAllLost(), false);
  assert.equal(zones.waitMs('d'), 0);
  meter.zones.list = () => zones.list();
  const told = (name: string) => valuesOf(registry, `node_collector_${name}`);
  assert.deepEqual(await told('zone_size'), { 'zone=""': 4 });
  assert.deepEqual(await told('zone_health'), { 'zone=""': 75 });
  assert.deepEqual(await told('unhealthy_nodes_in_zone'), { 'zone=""': 1 });
  assert.deepEqual(await told('evictions_total'), { 'zone=""': 1 });
});
