// The types of objects that a policy may be for: built-in kinds, and custom ones by their definitions. Upstream: the
// schema resolvers of apiserver/pkg/cel/openapi/resolver.
import type { ValidatingAdmissionPolicySpec } from '../../api/admissionregistration/validatingadmissionpolicy.ts';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { kinds } from '../../api/index.ts';
import { declFromOpenApi, type OpenApiSchema } from '../../machinery/cel/decl-openapi.ts';
import { declFromSchema } from '../../machinery/cel/decl-schema.ts';
import { type DeclType, decl } from '../../machinery/cel/decl-type.ts';
import { objectMeta } from '../../machinery/metadata.ts';

export interface KnownType {
  group: string;
  version: string;
  kind: string;
  plural: string;
  describe(): DeclType;
}

export const builtInTypes: readonly KnownType[] = kinds.flatMap(({ kind, plural, served }) =>
  served.map(({ group, version, schema }) => ({
    group,
    version,
    kind,
    plural,
    describe: () => declFromSchema(schema),
  })),
);

/** The types of a definition's versions. */
export function customTypes({ spec: { group, names, versions } }: CustomResourceDefinition): KnownType[] {
  return (versions ?? []).flatMap(({ name, served, schema }) => {
    const root = declFromOpenApi((schema?.openAPIV3Schema ?? {}) as OpenApiSchema, names.kind, true);
    if (!served || !root?.fields) return [];
    const own = [...root.fields.values()].filter((field) => field.name !== 'metadata');
    const described = decl.object(names.kind, () => [
      ...own.map((field) => [field.name, field.decl] as const),
      ['metadata', declFromSchema(objectMeta)] as const,
    ]);
    return [{ group, version: name, kind: names.kind, plural: names.plural, describe: () => described }];
  });
}

/** Names of the definitions that may hold what a policy is for: resources that are no built-in ones. */
export function definitionsFor(spec: ValidatingAdmissionPolicySpec): string[] {
  const isBuiltIn = (group: string, plural: string) =>
    builtInTypes.some((t) => t.group === group && t.plural === plural);
  const names = new Set<string>();
  for (const { apiGroups = [], resources = [] } of spec.matchConstraints?.resourceRules ?? []) {
    for (const group of apiGroups) {
      for (const plural of resources) {
        if (group && !/[*/]/.test(group + plural) && !isBuiltIn(group, plural)) names.add(`${plural}.${group}`);
      }
    }
  }
  return [...names].slice(0, 10);
}
