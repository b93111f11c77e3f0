// Which APIServices are not available, under kube-aggregator's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (aggregator_*)
import type { Registry } from 'prom-client';
import { metricsIn } from '../../machinery/hot-metrics.ts';
import type { Aggregator } from './aggregator.ts';

export function tellAvailability(registry: Registry, aggregator: Aggregator): Aggregator {
  const { counter, seen } = metricsIn(registry, 'aggregator_unavailable_');
  seen('gauge', ['apiservice', 'Whether an APIService is not available.', ['name']], () =>
    [...aggregator.availability()].map(([name, isAvailable]) => [[name], isAvailable ? 0 : 1]),
  );
  const help = 'How often an APIService was available no longer, and why.';
  const lost = counter('apiservice_total', help, ['name', 'reason']);
  aggregator.onLost = (name, reason) => void lost.of(name, reason).value++;
  return aggregator;
}
