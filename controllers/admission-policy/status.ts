// Writes into the status of a validating policy what trying the types of its expressions has shown. Upstream:
// pkg/controller/validatingadmissionpolicystatus.
import {
  type ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyKind,
} from '../../api/admissionregistration/validatingadmissionpolicy.ts';
import { kinds } from '../../api/index.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { isNotFound } from '../../machinery/errors.ts';
import { checkTypes } from './type-check.ts';

/** The change to the status; undefined where it tells of this generation already. Pure. */
export function planStatus({ metadata, spec, status }: ValidatingAdmissionPolicy): object | undefined {
  const { generation = 0 } = metadata;
  if (generation <= (status?.observedGeneration ?? 0)) return undefined;
  const warnings = checkTypes(spec, kinds);
  return {
    observedGeneration: generation,
    typeChecking: { expressionWarnings: warnings.length > 0 ? warnings : null },
  };
}

export const validatingAdmissionPolicyStatusController = defineController({
  name: 'validatingadmissionpolicy-status-controller',
  kind: ValidatingAdmissionPolicyKind,
  deps: (context: ControllerContext) => ({ client: context.resource(ValidatingAdmissionPolicyKind) }),
  async reconcile(policy, { client }) {
    const status = planStatus(policy);
    if (!status) return undefined;
    const { name = '' } = policy.metadata;
    try {
      await client.patch({ name }, { status }, { type: 'merge', subresource: 'status' });
    } catch (err) {
      if (!isNotFound(err)) throw err;
    }
    return undefined;
  },
});
