// What `kubectl get hpa` shows. Upstream: printHorizontalPodAutoscaler in pkg/printers/internalversion.
import { type Column, column } from '../../../machinery/kind.ts';
import { ageColumn } from '../../meta/columns.ts';
import type { MetricSpec, MetricStatus, MetricTarget, MetricValueStatus } from './metrics.ts';
import type { HorizontalPodAutoscaler } from './schema.ts';

const maxShown = 2;
const unknown = '<unknown>';

/** The average by pod where that is the target, else the whole. */
function showAmount(target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) return `${current?.averageValue ?? unknown}/${target.averageValue} (avg)`;
  return `${current ? (current.value ?? '0') : unknown}/${target.value ?? '0'}`;
}

function showResource(name: string, target: MetricTarget, current: MetricValueStatus | undefined): string {
  if (target.averageValue !== undefined) {
    return `${name}: ${current ? (current.averageValue ?? '0') : unknown}/${target.averageValue}`;
  }
  const percent = (value: number | undefined, absent: string) => (value === undefined ? absent : `${value}%`);
  const wanted = percent(target.averageUtilization, '<auto>');
  return `${name}: ${percent(current?.averageUtilization, unknown)}/${wanted}`;
}

function showMetric(metric: MetricSpec, status: MetricStatus | undefined): string {
  const { type, external, object, pods, resource, containerResource } = metric;
  if (type === 'External' && external) return showAmount(external.target, status?.external?.current);
  if (type === 'Object' && object) return showAmount(object.target, status?.object?.current);
  if (type === 'Pods' && pods) {
    const current = status?.pods?.current;
    return `${current ? (current.averageValue ?? '0') : unknown}/${pods.target.averageValue ?? '0'}`;
  }
  if (type === 'Resource' && resource) return showResource(resource.name, resource.target, status?.resource?.current);
  if (type === 'ContainerResource' && containerResource) {
    const { name, target } = containerResource;
    return showResource(name, target, status?.containerResource?.current);
  }
  return '<unknown type>';
}

function showTargets({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return '<none>';
  const measured = (status?.currentMetrics as MetricStatus[] | null | undefined) ?? [];
  const shown = metrics.map((metric, i) => showMetric(metric, measured[i]));
  const text = shown.slice(0, maxShown).join(', ');
  return shown.length > maxShown ? `${text} + ${shown.length - maxShown} more...` : text;
}

export const autoscalerColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  column(
    'Reference',
    'string',
    'The object that it scales.',
    ({ spec }) => `${spec.scaleTargetRef?.kind ?? ''}/${spec.scaleTargetRef?.name ?? ''}`,
  ),
  column('Targets', 'string', 'What is measured, of what it should be.', showTargets),
  column('MinPods', 'string', 'Least replicas.', ({ spec }) =>
    spec.minReplicas === undefined ? '<unset>' : String(spec.minReplicas),
  ),
  column('MaxPods', 'string', 'Most replicas.', ({ spec }) => spec.maxReplicas),
  column('Replicas', 'string', 'Replicas there are.', ({ status }) => status?.currentReplicas ?? 0),
  ageColumn,
];
