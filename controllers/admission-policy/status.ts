// Writes into the status of a validating policy what trying the types of its expressions has shown. Upstream:
// pkg/controller/validatingadmissionpolicystatus.
import {
  type ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyKind,
} from '../../api/admissionregistration/validatingadmissionpolicy.ts';
import { CustomResourceDefinitionKind } from '../../api/apiextensions/customresourcedefinition.ts';
import { type ControllerContext, defineController } from '../../client/controller.ts';
import { unlessGone } from '../../machinery/errors.ts';
import { builtInTypes, customTypes, definitionsFor, type KnownType } from './known-types.ts';
import { checkTypes } from './type-check.ts';

/** The status of a policy whose generation it does not tell of yet. Pure. */
export function planStatus({ metadata, spec }: ValidatingAdmissionPolicy, custom: readonly KnownType[]): object {
  const warnings = checkTypes(spec, [...builtInTypes, ...custom]);
  return {
    observedGeneration: metadata.generation,
    typeChecking: { expressionWarnings: warnings.length > 0 ? warnings : null },
  };
}

const createDeps = (context: ControllerContext) => ({
  client: context.resource(ValidatingAdmissionPolicyKind),
  definitions: context.resource(CustomResourceDefinitionKind),
});

export const validatingAdmissionPolicyStatusController = defineController({
  name: 'validatingadmissionpolicy-status-controller',
  kind: ValidatingAdmissionPolicyKind,
  deps: createDeps,
  async reconcile(policy, { client, definitions }) {
    const { name = '', generation = 0 } = policy.metadata;
    if (generation <= (policy.status?.observedGeneration ?? 0)) return undefined;
    const custom: KnownType[] = [];
    // Asked for, not watched: a definition that was made just before the policy counts.
    for (const definition of definitionsFor(policy.spec)) {
      const { items } = await definitions.list({ fieldSelector: `metadata.name=${definition}` });
      custom.push(...items.flatMap(customTypes));
    }
    await unlessGone(
      client.patch({ name }, { status: planStatus(policy, custom) }, { type: 'merge', subresource: 'status' }),
    );
  },
});
