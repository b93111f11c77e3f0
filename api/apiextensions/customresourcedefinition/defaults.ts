// What a definition leaves out and its other fields tell.
import type { CustomResourceDefinition } from './schema.ts';

export function setCustomResourceDefinitionDefaults({ spec }: CustomResourceDefinition): void {
  const { names } = spec;
  if (names) {
    if (!names.singular && names.kind) names.singular = names.kind.toLowerCase();
    if (!names.listKind && names.kind) names.listKind = `${names.kind}List`;
  }
  spec.conversion ??= { strategy: 'None' };
}
