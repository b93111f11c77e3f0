// Whether a node is one that a pod's node selector and required node affinity allow. Upstream: component-helpers/scheduling/corev1/nodeaffinity.
import type { Node } from '../../api/core/node.ts';
import type { NodeSelectorRequirement } from '../../api/core/pod/affinity.ts';
import type { Pod } from '../../api/core/pod.ts';

export function matchesNodeAffinity(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {};
  const selector = Object.entries(pod.spec.nodeSelector ?? {});
  if (!selector.every(([key, value]) => labels[key] === value)) return false;
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  if (!required) return true;
  const fields: Record<string, string> = { 'metadata.name': node.metadata.name ?? '' };
  return required.nodeSelectorTerms.some(({ matchExpressions = [], matchFields = [] }) => {
    // A term without conditions matches nothing.
    if (matchExpressions.length + matchFields.length === 0) return false;
    return matchExpressions.every((r) => holds(r, labels)) && matchFields.every((r) => holds(r, fields));
  });
}

function holds(
  { key, operator, values = [] }: NodeSelectorRequirement,
  facts: Readonly<Record<string, string>>,
): boolean {
  const value = facts[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) > BigInt(values[0] ?? '0');
    case 'Lt':
      return value !== undefined && /^-?\d+$/.test(value) && BigInt(value) < BigInt(values[0] ?? '0');
    default:
      return false;
  }
}
