// What single controllers tell of their work, under the names of kube-controller-manager.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (job_controller_* and the like)
import { exponentialBuckets, Registry } from 'prom-client';
import { metricsIn } from '../machinery/hot-metrics.ts';

const syncBuckets = exponentialBuckets(0.004, 2, 15);
const hpaBuckets = exponentialBuckets(0.001, 2, 15);

/** A zone that has nodes. */
interface ZoneFigures {
  name: string;
  ready: number;
  lost: number;
}

/** One of each for all controllers of a registry. `zones.list` is whose nodes are looked after, asked when somebody asks. */
function createAll(registry: Registry) {
  const { counter, histogram } = metricsIn(registry);
  const job = metricsIn(registry, 'job_controller_');
  const node = metricsIn(registry, 'node_collector_');
  const hpa = metricsIn(registry, 'horizontal_pod_autoscaler_controller_');
  const zones = { list: (): readonly ZoneFigures[] => [] };
  const zoneGauge = (name: string, help: string, figureOf: (zone: ZoneFigures) => number) =>
    node.seen('gauge', [name, help, ['zone']], () => zones.list().map((zone) => [[zone.name], figureOf(zone)]));
  zoneGauge('zone_health', 'Share of the nodes that are well, in percent.', ({ ready, lost }) => {
    return (100 * ready) / (ready + lost);
  });
  zoneGauge('zone_size', 'Nodes.', ({ ready, lost }) => ready + lost);
  zoneGauge('unhealthy_nodes_in_zone', 'Nodes that are not well.', ({ lost }) => lost);
  const skew = 'cronjob_controller_job_creation_skew_duration_seconds';
  const late = 'ttl_after_finished_controller_job_deletion_duration_seconds';
  const collect = 'garbagecollector_controller_resources_sync_error_total';
  const sync = ['completion_mode', 'result', 'action'];
  const [ended, finished] = ['Jobs that ended.', 'Pods of jobs that ended and were counted.'];
  const metric = ['action', 'error', 'metric_type'];
  const look = metric.slice(0, 2);
  return {
    jobSyncs: job.counter('job_syncs_total', 'Looks at jobs.', sync),
    jobSyncSeconds: job.histogram('job_sync_duration_seconds', 'Time of those.', sync, syncBuckets),
    jobsFinished: job.counter('jobs_finished_total', ended, ['completion_mode', 'result', 'reason']),
    jobPodsFinished: job.counter('job_pods_finished_total', finished, ['completion_mode', 'result']),
    jobPodsCreated: job.counter('job_pods_creation_total', 'Pods that were made for jobs.', ['reason', 'status']),
    cronJobSkew: histogram(skew, 'How late jobs are made.', [], exponentialBuckets(1, 2, 10)),
    ttlSeconds: histogram(late, 'How late jobs are deleted.', [], exponentialBuckets(0.1, 2, 14)),
    collectErrors: counter(collect, 'How often what is to be watched for garbage could not be.'),
    evictions: node.counter('evictions_total', 'Nodes whose pods were told to go.', ['zone']),
    zones,
    hpaLooks: hpa.counter('reconciliations_total', 'Looks at autoscalers.', look),
    hpaSeconds: hpa.histogram('reconciliation_duration_seconds', 'Time of those.', look, hpaBuckets),
    hpaMetrics: hpa.counter('metric_computation_total', 'Metrics looked at.', metric),
    hpaMetricSeconds: hpa.histogram('metric_computation_duration_seconds', 'Time of those.', metric, hpaBuckets),
  };
}

export type ControllerMetrics = ReturnType<typeof createAll>;

const known = new WeakMap<Registry, ControllerMetrics>();

/** Those of a registry; a controller that starts again counts on. Without a registry nobody is told. */
export function controllerMetrics(registry: Registry = new Registry()): ControllerMetrics {
  return known.getOrInsertComputed(registry, createAll);
}
