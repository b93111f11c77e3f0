// ResourceClaimTemplate: what the claim of each pod that names it looks like.
// https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/#resourceclaims-templates
import type { FieldError } from '../../machinery/field-error.ts';
import { defineKind } from '../../machinery/kind.ts';
import { objectFields, objectMeta } from '../../machinery/metadata.ts';
import { mandatory, s } from '../../machinery/schema.ts';
import { ageColumn } from '../meta/columns.ts';
import type { ObjectOf } from '../meta/object.ts';
import { validateAnnotations, validateImmutable, validateLabels } from '../meta/validation.ts';
import { resourceClaimSpec, setClaimDefaults } from './device/schema.ts';
import { validateDeviceClaim } from './device/validation.ts';

const resourceClaimTemplateSpec = s.api('resource.v1.ResourceClaimTemplateSpec', 'What a claim looks like.', {
  metadata: s.field(objectMeta, 'Labels and annotations of the claim.', { always: true }),
  spec: s.field(resourceClaimSpec, 'What the claim asks for.', mandatory),
});

const schema = s.api('resource.v1.ResourceClaimTemplate', 'What the claim of each pod that names it looks like.', {
  ...objectFields,
  spec: s.field(resourceClaimTemplateSpec, 'The claim.', mandatory),
});
export interface ResourceClaimTemplate extends ObjectOf<typeof schema> {}

export const ResourceClaimTemplateKind = defineKind<ResourceClaimTemplate>({
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  scope: 'Namespaced',
  served: [
    {
      group: 'resource.k8s.io',
      version: 'v1',
      schema,
      setDefaults: ({ spec }: ResourceClaimTemplate) => setClaimDefaults(spec.spec),
    },
  ],
  returnsDeletedObject: true,
  columns: [ageColumn],
  validate: (template, old) => (old ? [] : validateNew(template)),
  validateUpdate: (next, old) => validateImmutable(next.spec, old.spec, 'spec'),
});

const validateNew = ({ spec }: ResourceClaimTemplate): FieldError[] => [
  ...validateLabels(spec.metadata?.labels, 'spec.metadata.labels'),
  ...validateAnnotations(spec.metadata?.annotations, 'spec.metadata.annotations'),
  ...validateDeviceClaim(spec.spec.devices ?? {}, 'spec.spec.devices'),
];
