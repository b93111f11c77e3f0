// The scopes that a quota can be narrowed to, and which pods and claims are in them.
// https://kubernetes.io/docs/concepts/policy/resource-quotas/#quota-scopes
import type { PersistentVolumeClaim } from '../persistentvolumeclaim/schema.ts';
import { qosClassOf } from '../pod/qos.ts';
import type { Pod } from '../pod.ts';
import type { ScopedResourceSelectorRequirement } from './schema.ts';

type Expression = ScopedResourceSelectorRequirement;

/** Whether the values of a scope, if any, meet the condition. */
function meets({ operator, values = [] }: Expression, has: readonly string[]): boolean {
  switch (operator) {
    case 'Exists':
      return has.length > 0;
    case 'DoesNotExist':
      return has.length === 0;
    case 'In':
      return has.some((value) => values.includes(value));
    case 'NotIn':
      return has.length === 0 || has.some((value) => !values.includes(value));
    default:
      return false;
  }
}

const isTerminating = ({ spec }: Pod) => (spec.activeDeadlineSeconds ?? -1) >= 0;
const isBestEffort = ({ spec }: Pod) => qosClassOf(spec) === 'BestEffort';

function looksIntoOtherNamespaces({ spec }: Pod): boolean {
  const { podAffinity, podAntiAffinity } = spec.affinity ?? {};
  return [podAffinity, podAntiAffinity].some((affinity) => {
    const needed = affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
    const preferred = affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    const terms = [...needed, ...preferred.map(({ podAffinityTerm }) => podAffinityTerm)];
    return terms.some(({ namespaces, namespaceSelector }) => !!namespaces?.length || namespaceSelector !== undefined);
  });
}

export function matchesPodScope(expression: Expression, pod: Pod): boolean {
  switch (expression.scopeName) {
    case 'Terminating':
      return isTerminating(pod);
    case 'NotTerminating':
      return !isTerminating(pod);
    case 'BestEffort':
      return isBestEffort(pod);
    case 'NotBestEffort':
      return !isBestEffort(pod);
    case 'PriorityClass':
      return meets(expression, pod.spec.priorityClassName ? [pod.spec.priorityClassName] : []);
    case 'CrossNamespacePodAffinity':
      return looksIntoOtherNamespaces(pod);
    default:
      return false;
  }
}

/** By the class that is wanted, the one in use, and the one on its way. */
export function matchesClaimScope(expression: Expression, { spec, status }: PersistentVolumeClaim): boolean {
  if (expression.scopeName !== 'VolumeAttributesClass') return false;
  const names = [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return meets(expression, names.filter((name) => !!name) as string[]);
}
