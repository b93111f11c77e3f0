// The status of a CustomResourceDefinition: accepted names and conditions.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { approvalOf, isProtectedGroup } from '../../api/apiextensions/customresourcedefinition/validation.ts';
import { isTrue, putCondition } from '../../machinery/conditions.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { AcceptedNames } from './names.ts';

type Condition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime' | 'observedGeneration'>;

/** The conditions with one of them set; its time changes with its status. */
export const withCondition = (
  conditions: readonly CustomResourceDefinitionCondition[],
  condition: Condition,
  nowMs: number,
): CustomResourceDefinitionCondition[] =>
  putCondition(conditions, { ...condition, lastTransitionTime: timestamp(nowMs) });

/** The definition with what was decided about its names, and how its group is approved. Once established it stays so. Pure. */
export function establish(
  definition: CustomResourceDefinition,
  { names, condition }: AcceptedNames,
  nowMs: number,
): CustomResourceDefinition {
  const accepted = condition.status === 'True';
  let conditions = withCondition(definition.status?.conditions ?? [], condition, nowMs);
  if (!isTrue(definition.status?.conditions, 'Established')) {
    const established = accepted
      ? { status: 'True', reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
      : { status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' };
    conditions = withCondition(conditions, { type: 'Established', ...established }, nowMs);
  }
  if (isProtectedGroup(definition.spec.group)) {
    const approval = { type: 'KubernetesAPIApprovalPolicyConformant', ...approvalOf(definition) };
    conditions = withCondition(conditions, approval, nowMs);
  }
  return { ...definition, status: { storedVersions: [], ...definition.status, acceptedNames: names, conditions } };
}
