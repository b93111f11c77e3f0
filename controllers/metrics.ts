// What single controllers tell of their work, under the names of kube-controller-manager.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (job_controller_* and the like)
import { Counter, exponentialBuckets, Gauge, Histogram, Registry } from 'prom-client';

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
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: L[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, buckets: number[], labelNames: L[] = []) =>
    new Histogram({ name, help, buckets, labelNames, registers });
  const job = (name: string) => `job_controller_${name}`;
  const node = (name: string) => `node_collector_${name}`;
  const zones = { list: (): readonly ZoneFigures[] => [] };
  const zoneGauge = (name: string, help: string, figureOf: (zone: ZoneFigures) => number) =>
    new Gauge({
      name: node(name),
      help,
      labelNames: ['zone'],
      registers,
      collect() {
        this.reset();
        for (const zone of zones.list()) this.set({ zone: zone.name }, figureOf(zone));
      },
    });
  zoneGauge('zone_health', 'Share of the nodes that are well, in percent.', ({ ready, lost }) => {
    return (100 * ready) / (ready + lost);
  });
  zoneGauge('zone_size', 'Nodes.', ({ ready, lost }) => ready + lost);
  zoneGauge('unhealthy_nodes_in_zone', 'Nodes that are not well.', ({ lost }) => lost);
  const hpa = (name: string) => `horizontal_pod_autoscaler_controller_${name}`;
  return {
    jobSyncs: counter(job('job_syncs_total'), 'Looks at jobs.', ['completion_mode', 'result', 'action']),
    jobSyncSeconds: histogram(job('job_sync_duration_seconds'), 'Time of those.', syncBuckets, [
      'completion_mode',
      'result',
      'action',
    ]),
    jobsFinished: counter(job('jobs_finished_total'), 'Jobs that ended.', ['completion_mode', 'result', 'reason']),
    jobPodsFinished: counter(job('job_pods_finished_total'), 'Pods of jobs that ended and were counted.', [
      'completion_mode',
      'result',
    ]),
    jobPodsCreated: counter(job('job_pods_creation_total'), 'Pods that were made for jobs.', ['reason', 'status']),
    cronJobSkew: histogram(
      'cronjob_controller_job_creation_skew_duration_seconds',
      'How late jobs are made.',
      exponentialBuckets(1, 2, 10),
    ),
    ttlSeconds: histogram(
      'ttl_after_finished_controller_job_deletion_duration_seconds',
      'How late jobs are deleted.',
      exponentialBuckets(0.1, 2, 14),
    ),
    collectErrors: counter(
      'garbagecollector_controller_resources_sync_error_total',
      'How often what is to be watched for garbage could not be.',
    ),
    evictions: counter(node('evictions_total'), 'Nodes whose pods were told to go.', ['zone']),
    zones,
    hpaLooks: counter(hpa('reconciliations_total'), 'Looks at autoscalers.', ['action', 'error']),
    hpaSeconds: histogram(hpa('reconciliation_duration_seconds'), 'Time of those.', hpaBuckets, ['action', 'error']),
    hpaMetrics: counter(hpa('metric_computation_total'), 'Metrics looked at.', ['action', 'error', 'metric_type']),
    hpaMetricSeconds: histogram(hpa('metric_computation_duration_seconds'), 'Time of those.', hpaBuckets, [
      'action',
      'error',
      'metric_type',
    ]),
  };
}

export type ControllerMetrics = ReturnType<typeof createAll>;

const known = new WeakMap<Registry, ControllerMetrics>();

/** Those of a registry; a controller that starts again counts on. Without a registry nobody is told. */
export function controllerMetrics(registry: Registry = new Registry()): ControllerMetrics {
  const all = known.get(registry) ?? createAll(registry);
  known.set(registry, all);
  return all;
}
