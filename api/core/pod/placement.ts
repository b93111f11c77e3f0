// Where a pod may run: node selectors, node affinity, taints and tolerations. Shared by the
// scheduler, the daemon set controller, taint eviction and the kubelet's admission.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
import { matchesLabels, type SelectorOperator } from '../../../machinery/labels.ts';
import type { Node, Taint } from '../node.ts';
import type { NodeSelector, NodeSelectorTerm } from './affinity.ts';
import type { PodSpec } from './pod-spec.ts';
import type { Toleration } from './scheduling.ts';

const operators: Record<string, SelectorOperator> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
};

interface Expression {
  key: string;
  operator: string;
  values?: string[];
}

function matchesExpressions(
  expressions: readonly Expression[] | undefined,
  labels: Record<string, string> | undefined,
): boolean {
  return (expressions ?? []).every(({ key, operator, values = [] }) => {
    const known = operators[operator];
    return known !== undefined && matchesLabels([{ key, operator: known, values }], labels);
  });
}

/** All expressions on labels and fields of one term. A term without any matches nothing. */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: Node): boolean {
  if (!term.matchExpressions?.length && !term.matchFields?.length) return false;
  const fields = { 'metadata.name': node.metadata.name ?? '' };
  return (
    matchesExpressions(term.matchExpressions, node.metadata.labels) && matchesExpressions(term.matchFields, fields)
  );
}

/** Any term of a node selector. */
export function matchesNodeSelector(selector: NodeSelector, node: Node): boolean {
  return (selector.nodeSelectorTerms ?? []).some((term) => matchesNodeSelectorTerm(term, node));
}

/** spec.nodeSelector and required node affinity. */
export function matchesNodeAffinity(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  for (const [key, value] of Object.entries(spec.nodeSelector ?? {})) if (labels[key] !== value) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return !required || matchesNodeSelector(required, node);
}

export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  if (toleration.operator === 'Exists') return true;
  return toleration.key !== undefined && (toleration.value ?? '') === (taint.value ?? '');
}

/** The first taint with one of the effects that nothing tolerates. */
export function findUntoleratedTaint(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return (taints ?? []).find(
    (taint) => effects.includes(taint.effect) && !(tolerations ?? []).some((t) => toleratesTaint(t, taint)),
  );
}
