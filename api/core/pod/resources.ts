// Requests, limits and what a change of them needs.
// Amounts are added up in resource-totals.ts. Validation: resource-validation.ts.
// https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
import { mandatory, s, type TypeOf } from '../../../machinery/schema.ts';

const resourceClaim = s.api('core.v1.ResourceClaim', 'Refers to an entry of spec.resourceClaims.', {
  name: s.string('Name of the entry.', mandatory),
  request: s.string('One request of the claim; all when empty.'),
});
export interface ResourceClaim extends TypeOf<typeof resourceClaim> {}

export const resourceRequirements = s.api('core.v1.ResourceRequirements', 'Resources asked for, and their limits.', {
  claims: s.list(resourceClaim, 'Entries of spec.resourceClaims used here.', {
    listType: 'map',
    listMapKeys: ['name'],
  }),
  limits: s.map(s.quantity(''), 'Most that may be used.'),
  requests: s.map(s.quantity(''), 'What is set aside; equal to the limits where absent.'),
});
export interface ResourceRequirements extends TypeOf<typeof resourceRequirements> {}

export const containerResizePolicy = s.api('core.v1.ContainerResizePolicy', 'What a change of one resource needs.', {
  resourceName: s.string('cpu or memory.', mandatory),
  restartPolicy: s.string('NotRequired or RestartContainer.', mandatory),
});
export interface ContainerResizePolicy extends TypeOf<typeof containerResizePolicy> {}
