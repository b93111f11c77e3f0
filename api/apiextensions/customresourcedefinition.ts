// CustomResourceDefinition: a resource that a client adds to the API.
// https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
import { defineKind } from '../../machinery/kind.ts';
import { setCustomResourceDefinitionDefaults } from './customresourcedefinition/defaults.ts';
import { holdsDefinition, markDefinitionDeleted } from './customresourcedefinition/deletion.ts';
import { type CustomResourceDefinition, customResourceDefinitionSchema } from './customresourcedefinition/schema.ts';
import {
  validateCustomResourceDefinition,
  validateCustomResourceDefinitionStatus,
  validateCustomResourceDefinitionUpdate,
} from './customresourcedefinition/validation.ts';
import { warnOfFormats } from './customresourcedefinition/warnings.ts';

export const CustomResourceDefinitionKind = defineKind<CustomResourceDefinition>({
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  scope: 'Cluster',
  demandsVersion: true,
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  served: [
    {
      group: 'apiextensions.k8s.io',
      version: 'v1',
      schema: customResourceDefinitionSchema,
      setDefaults: setCustomResourceDefinitionDefaults,
    },
  ],
  subresources: { status: true },
  hasGeneration: true,
  holdsDeletion: holdsDefinition,
  markDeleted: markDefinitionDeleted,
  prepareForCreate: recordStoredVersion,
  prepareForUpdate: recordStoredVersion,
  validate: validateCustomResourceDefinition,
  validateUpdate: validateCustomResourceDefinitionUpdate,
  validateStatusUpdate: validateCustomResourceDefinitionStatus,
  warnings: warnOfFormats,
});

/** Remembers the version that objects are kept in from now on. */
function recordStoredVersion(draft: CustomResourceDefinition): void {
  const name = draft.spec.versions?.find((version) => version.storage)?.name;
  const stored = draft.status?.storedVersions ?? [];
  if (name === undefined || stored.includes(name)) return;
  draft.status = { ...draft.status, storedVersions: [...stored, name] };
}
