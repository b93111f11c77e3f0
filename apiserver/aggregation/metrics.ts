// Which APIServices are not available, under kube-aggregator's names.
// https://kubernetes.io/docs/reference/instrumentation/metrics/ (aggregator_*)
import { Counter, Gauge, type Registry } from 'prom-client';
import type { Aggregator } from './aggregator.ts';

export function tellAvailability(registry: Registry, aggregator: Aggregator): Aggregator {
  const registers = [registry];
  new Gauge({
    name: 'aggregator_unavailable_apiservice',
    help: 'Whether an APIService is not available.',
    labelNames: ['name'],
    registers,
    collect() {
      this.reset();
      for (const [name, isAvailable] of aggregator.availability()) this.set({ name }, isAvailable ? 0 : 1);
    },
  });
  const lost = new Counter({
    name: 'aggregator_unavailable_apiservice_total',
    help: 'How often an APIService was available no longer, and why.',
    labelNames: ['name', 'reason'],
    registers,
  });
  aggregator.onLost = (name, reason) => lost.inc({ name, reason });
  return aggregator;
}
