// Between which numbers of pods a roll-out moves. Upstream: ResolveFenceposts in pkg/controller/deployment/util.
import type { Deployment } from '../../api/apps/deployment.ts';
import { resolveIntOrPercent } from '../int-or-percent.ts';

export const isRolling = ({ spec }: Deployment) => spec.strategy?.type === 'RollingUpdate';
export const replicasOf = (object: { spec: { replicas?: number } }) => object.spec.replicas ?? 1;

function resolve(deployment: Deployment): { maxSurge: number; maxUnavailable: number } {
  const { maxSurge, maxUnavailable } = deployment.spec.strategy?.rollingUpdate ?? {};
  const replicas = replicasOf(deployment);
  const surge = resolveIntOrPercent(maxSurge, replicas, 'up');
  const unavailable = resolveIntOrPercent(maxUnavailable, replicas, 'down');
  // Both may round to nothing; then nothing could ever move.
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}

/** Pods that may be there beyond the desired number. */
export function maxSurgeOf(deployment: Deployment): number {
  return isRolling(deployment) ? resolve(deployment).maxSurge : 0;
}

/** Pods that may be missing from the desired number. */
export function maxUnavailableOf(deployment: Deployment): number {
  const replicas = replicasOf(deployment);
  if (!isRolling(deployment) || replicas === 0) return 0;
  return Math.min(resolve(deployment).maxUnavailable, replicas);
}
