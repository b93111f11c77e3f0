// Where a pod may run: node selectors, node affinity, taints and tolerations. Shared by the
// scheduler, the daemon set controller, taint eviction and the kubelet's admission.
// https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
import { matchesLabels, type Selector, type SelectorOperator } from '../../../machinery/labels.ts';
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

type Matcher = (node: Node) => boolean;

function compileExpressions(expressions: readonly Expression[] | undefined): Selector {
  return (expressions ?? []).map(({ key, operator, values = [] }) => ({
    key,
    // An operator that nobody knows matches nothing.
    operator: operators[operator] ?? 'in',
    values: operators[operator] ? values : [],
  }));
}

/** All expressions on labels and fields of one term. A term without any matches nothing. */
function compileTerm(term: NodeSelectorTerm): Matcher {
  if (!term.matchExpressions?.length && !term.matchFields?.length) return () => false;
  const onLabels = compileExpressions(term.matchExpressions);
  const onFields = compileExpressions(term.matchFields);
  return ({ metadata: { labels, name = '' } }) =>
    matchesLabels(onLabels, labels) && (onFields.length === 0 || matchesLabels(onFields, { 'metadata.name': name }));
}

export const matchesNodeSelectorTerm = (term: NodeSelectorTerm, node: Node): boolean => compileTerm(term)(node);

/** Any term of a node selector. */
export function compileNodeSelector({ nodeSelectorTerms = [] }: NodeSelector): Matcher {
  const terms = nodeSelectorTerms.map(compileTerm);
  return (node) => terms.some((term) => term(node));
}

/** spec.nodeSelector and required node affinity, for who asks about many nodes. */
export function compileNodeAffinity(spec: PodSpec): Matcher {
  const exact = Object.entries(spec.nodeSelector ?? {});
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const isAllowed = required && compileNodeSelector(required);
  return (node) => {
    const { labels } = node.metadata;
    return exact.every(([key, value]) => labels?.[key] === value) && (!isAllowed || isAllowed(node));
  };
}

export const matchesNodeAffinity = (spec: PodSpec, node: Node): boolean => compileNodeAffinity(spec)(node);

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
