// What a disruption budget says of an eviction. Upstream: checkAndDecrement in pkg/registry/core/pod/storage/eviction.go.
// Every eviction that is let through is counted in the budget's status by compare-and-swap, so that any number of
// them, through any number of servers, take no more than the budget allows.
import type { Pod } from '../../api/core/pod.ts';
import { type PodDisruptionBudget, PodDisruptionBudgetKind } from '../../api/policy/poddisruptionbudget.ts';
import { isTrue, putCondition } from '../../machinery/conditions.ts';
import { forbiddenError, isConflict, StatusError } from '../../machinery/errors.ts';
import { cloneJson } from '../../machinery/json.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import type { Condition } from '../../machinery/metadata.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { type ApiContext, writeAs } from '../registry/context.ts';
import { updateObject } from '../registry/update.ts';

const maxDisruptedPods = 2000;
const maxTries = 20;
const pauseMs = 500;
const violatedText = "Cannot evict pod as it would violate the pod's disruption budget.";

/** 429, with the reason as a cause; `retryAfterSeconds` 0 for none. */
function violated(cause: string, retryAfterSeconds: number): StatusError {
  const causes = [{ reason: 'DisruptionBudget', message: cause }];
  const details = { causes, ...(retryAfterSeconds > 0 ? { retryAfterSeconds } : {}) };
  return new StatusError(429, 'TooManyRequests', violatedText, { details });
}

/** The budget is not up to date; a moment later it may be. */
export const stillProcessed = (name: string): StatusError =>
  violated(`The disruption budget ${name} is still being processed by the server.`, 10);

/** The budget that the pod counts in, if any; an error where there are several. */
export async function budgetOf(context: ApiContext, pod: Pod): Promise<PodDisruptionBudget | undefined> {
  const { namespace, labels } = pod.metadata;
  await context.store.cache.waitConsistent();
  const budgets = (await context.store.listSeen(PodDisruptionBudgetKind, namespace)) as PodDisruptionBudget[];
  // Without a selector it is for no pod, with an empty one for all.
  const found = budgets.filter(({ spec }) => spec.selector && matchesLabelSelector(spec.selector, labels));
  if (found.length > 1) {
    const text = 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.';
    throw new StatusError(500, '', text);
  }
  return found[0];
}

const isReady = ({ status }: Pod) => isTrue(status?.conditions, 'Ready');

/** A pod that is not ready may go without being counted, where enough others are, or where the budget says so. */
export function goesUncounted(pod: Pod, { spec, status }: PodDisruptionBudget): boolean {
  if (isReady(pod)) return false;
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  const desired = status?.desiredHealthy ?? 0;
  return desired > 0 && (status?.currentHealthy ?? 0) >= desired;
}

function check({ metadata, status }: PodDisruptionBudget): void {
  const name = metadata.name ?? '';
  const resource = { group: 'policy', resource: 'poddisruptionbudget' };
  const allowed = status?.disruptionsAllowed ?? 0;
  if ((status?.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw stillProcessed(name);
  if (allowed < 0) throw forbiddenError(resource, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status?.disruptedPods ?? {}).length > maxDisruptedPods) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller';
    throw forbiddenError(resource, name, why);
  }
  if (allowed > 0) return;
  const { desiredHealthy = 0, currentHealthy = 0 } = status ?? {};
  throw violated(
    `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`,
    0,
  );
}

/** The status with one disruption less. */
function withoutOne({ status }: PodDisruptionBudget, podName: string, nowMs: number): PodDisruptionBudget['status'] {
  const { disruptionsAllowed = 0, disruptedPods, conditions = [], ...rest } = status ?? ({} as never);
  const left = disruptionsAllowed - 1;
  return {
    ...rest,
    disruptionsAllowed: left,
    disruptedPods: { ...disruptedPods, [podName]: timestamp(nowMs) },
    ...(left === 0 ? { conditions: withExhausted(conditions, rest.observedGeneration, nowMs) } : { conditions }),
  };
}

const withExhausted = (conditions: Condition[], observedGeneration: number | undefined, nowMs: number): Condition[] =>
  putCondition(conditions, {
    type: 'DisruptionAllowed',
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: timestamp(nowMs),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  });

/** Counts the eviction in the budget, or refuses it. */
export async function takeFromBudget(
  context: ApiContext,
  budget: PodDisruptionBudget,
  podName: string,
  dryRun: boolean,
): Promise<void> {
  const { namespace = '', name = '' } = budget.metadata;
  const produce = (old: any) => {
    check(old);
    const status = withoutOne(old, podName, context.clock.now());
    return { ...cloneJson(old), status };
  };
  const target = { namespace, name, subresource: 'status', produce };
  for (let tries = 1; ; tries++) {
    try {
      await updateObject(context, PodDisruptionBudgetKind, target, writeAs(PodDisruptionBudgetKind, { dryRun }));
      return;
    } catch (err) {
      if (!isConflict(err)) throw err;
      if (tries === maxTries) {
        const text = `Timeout: couldn't update PodDisruptionBudget ${JSON.stringify(name)} due to conflicts`;
        throw new StatusError(504, 'Timeout', text, { details: { retryAfterSeconds: 10 }, cause: err });
      }
      await context.clock.sleep(pauseMs);
    }
  }
}
