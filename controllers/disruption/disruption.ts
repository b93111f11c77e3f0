// Keeps the numbers of disruption budgets, by which evictions are let through. Upstream: pkg/controller/disruption.
// https://kubernetes.io/docs/concepts/workloads/pods/disruptions/
import { DeploymentKind } from '../../api/apps/deployment.ts';
import { ReplicaSetKind } from '../../api/apps/replicaset.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { ReplicationControllerKind } from '../../api/core/replicationcontroller.ts';
import { type PodDisruptionBudget, PodDisruptionBudgetKind } from '../../api/policy/poddisruptionbudget.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { isConflict, messageOf } from '../../machinery/errors.ts';
import { matchesLabelSelector } from '../../machinery/labels.ts';
import { type KubeObject, keyOf, type LabelSelector } from '../../machinery/metadata.ts';
import { writeStatus } from '../status.ts';
import { expectedScale, type ScaleSources, UnknownScaleError } from './expected-scale.ts';
import { scaleReader } from './scale-reader.ts';
import {
  computeStatus,
  countHealthy,
  dependsOnScale,
  desiredHealthy,
  disruptedPods,
  failSafeStatus,
  hasFailed,
} from './status.ts';

const name = 'disruption-controller';

function createDeps(context: ControllerContext, enqueue: (key: string) => void) {
  const recorder = context.recorder('controllermanager');
  const sources: ScaleSources = {
    deployments: context.informer(DeploymentKind).lister,
    replicaSets: context.informer(ReplicaSetKind).lister,
    statefulSets: context.informer(StatefulSetKind).lister,
    replicationControllers: context.informer(ReplicationControllerKind).lister,
    readScale: scaleReader(context),
  };
  const budgets = context.informer(PodDisruptionBudgetKind).lister;
  // What could not be asked may have been of a kind that is only now known to be served.
  context.kinds.onChange(() => {
    for (const budget of budgets.list().filter(hasFailed)) enqueue(keyOf(budget));
  });
  return {
    clock: context.clock,
    sources,
    pods: context.informer(PodKind).lister,
    budgets,
    updateStatus: context.resource(PodDisruptionBudgetKind).updateStatus,
    say: sayingOf(PodDisruptionBudgetKind, recorder),
    sayOfPod: sayingOf(PodKind, recorder),
  };
}
type Deps = ReturnType<typeof createDeps>;

const selects = (budget: PodDisruptionBudget, pod: Pod | undefined) =>
  pod !== undefined &&
  budget.spec.selector !== undefined &&
  matchesLabelSelector(budget.spec.selector, pod.metadata.labels);

/** Keys of the budgets of a pod. More than one is a mistake: no pod of theirs can be evicted. */
function budgetsOf(pod: Pod | undefined, old: Pod | undefined, { budgets, sayOfPod }: Deps): string[] {
  const { namespace = '', name: podName = '' } = (pod ?? old)!.metadata;
  const inNamespace = budgets.inNamespace(namespace);
  const now = inNamespace.filter((budget) => selects(budget, pod));
  if (pod && now.length > 1) {
    const quoted = `${JSON.stringify(namespace)}/${JSON.stringify(podName)}`;
    const chosen = JSON.stringify(now[0]!.metadata.name);
    const text = `Pod ${quoted} matches multiple PodDisruptionBudgets.  Chose ${chosen} arbitrarily.`;
    sayOfPod(pod, 'Warning', 'MultiplePodDisruptionBudgets', text);
  }
  return inNamespace.filter((budget) => now.includes(budget) || selects(budget, old)).map(keyOf);
}

type Workload = KubeObject & { spec?: { replicas?: number } };

/** A workload that comes, goes or is scaled concerns the budgets of its namespace that are shares of it. */
function budgetsOfScale(workload: Workload | undefined, old: Workload | undefined, { budgets }: Deps): string[] {
  if (workload && old && workload.spec?.replicas === old.spec?.replicas) return [];
  return budgets
    .inNamespace((workload ?? old)!.metadata.namespace ?? '')
    .filter(dependsOnScale)
    .map(keyOf);
}

/** A selector as the events of Kubernetes show it. */
export function showSelector({ matchLabels = {}, matchExpressions = [] }: LabelSelector): string {
  const labels = Object.keys(matchLabels)
    .sort()
    .map((key) => `${key}: ${matchLabels[key]},`);
  const expressions = matchExpressions.map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  const parts = `MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},`;
  return `&LabelSelector{${parts}}`;
}

const unmanagedText = (budget: PodDisruptionBudget) =>
  `Pods selected by this PodDisruptionBudget (selector: ${showSelector(budget.spec.selector ?? {})}) were found to be ` +
  'unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined ' +
  'behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.';

async function expectedPods(budget: PodDisruptionBudget, pods: readonly Pod[], deps: Deps): Promise<number> {
  if (!dependsOnScale(budget)) return budget.spec.minAvailable === undefined ? 0 : pods.length;
  try {
    const { expected, unmanaged } = await expectedScale(pods, deps.sources);
    if (unmanaged.length > 0) deps.say(budget, 'Warning', 'UnmanagedPods', unmanagedText(budget));
    return expected;
  } catch (err) {
    const text = `Failed to calculate the number of expected pods: ${messageOf(err)}`;
    deps.say(budget, 'Warning', 'CalculateExpectedPodCountFailed', text);
    throw err;
  }
}

async function sync(budget: PodDisruptionBudget, deps: Deps): Promise<ReconcileResult | undefined> {
  const { namespace = '', name: budgetName = '' } = budget.metadata;
  const pods = deps.pods.inNamespace(namespace).filter((pod) => selects(budget, pod));
  if (pods.length === 0) deps.say(budget, 'Normal', 'NoPods', 'No matching pods found');
  const expected = await expectedPods(budget, pods, deps);
  const nowMs = deps.clock.now();
  const { disrupted, overdue, nextInMs } = disruptedPods(budget, pods, nowMs);
  for (const pod of overdue) {
    const text = `Pod was expected by PDB ${namespace}/${budgetName} to be deleted but it wasn't`;
    deps.sayOfPod(pod, 'Warning', 'NotDeleted', text);
  }
  const counts = {
    expected,
    disrupted,
    healthy: countHealthy(pods, disrupted),
    desired: desiredHealthy(budget, expected),
  };
  await writeStatus(budget, computeStatus(budget, counts, nowMs), deps.updateStatus);
  // A moment later: then it is overdue.
  return nextInMs === undefined ? undefined : { requeueAfterMs: nextInMs + 1 };
}

export const disruptionController = defineController({
  name,
  kind: PodDisruptionBudgetKind,
  related: [
    { kind: PodKind, keys: budgetsOf },
    ...[DeploymentKind, ReplicaSetKind, StatefulSetKind, ReplicationControllerKind].map((kind) => ({
      kind,
      keys: budgetsOfScale,
    })),
  ],
  deps: createDeps,
  async reconcile(budget, deps) {
    try {
      return await sync(budget, deps);
    } catch (err) {
      // Evictions count in the status too: by then there is a newer one to go by.
      if (isConflict(err)) throw err;
      const failed = failSafeStatus(budget, messageOf(err), deps.clock.now());
      await writeStatus(budget, failed, deps.updateStatus);
      if (err instanceof UnknownScaleError) return undefined; // a change of pods or workloads brings it back
      throw err;
    }
  },
});
