// Defaults of autoscalers. Upstream: SetDefaults_HorizontalPodAutoscaler of autoscaling/v2.
import type { HorizontalPodAutoscaler } from './schema.ts';

const defaultCPUPercent = 80;

/** What is measured where nobody says: the use of CPU. */
export const defaultMetrics = () => [cpuMetric(defaultCPUPercent)];

export const cpuMetric = (averageUtilization: number) => ({
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization } },
});

const periodSeconds = 15;
const double = { type: 'Percent', value: 100, periodSeconds };
const scaleUp = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [{ type: 'Pods', value: 4, periodSeconds }, double],
};
const scaleDown = { selectPolicy: 'Max', policies: [double] };

/** Changes the autoscaler. */
export function setAutoscalerDefaults({ spec }: HorizontalPodAutoscaler): void {
  if (!spec.metrics?.length) spec.metrics = defaultMetrics();
  const { behavior } = spec;
  if (!behavior) return;
  behavior.scaleUp = { ...structuredClone(scaleUp), ...behavior.scaleUp };
  behavior.scaleDown = { ...structuredClone(scaleDown), ...behavior.scaleDown };
}
