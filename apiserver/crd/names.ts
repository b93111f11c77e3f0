// Which names a definition of a custom resource gets: those that no other resource of its group has. What is asked for
// and what was accepted may differ, and only accepted names are served.
// Upstream: apiextensions-apiserver's naming controller.
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../api/apiextensions/customresourcedefinition/schema.ts';
import type { Kind } from '../../machinery/kind.ts';

/** Names that are taken in a group. */
interface TakenNames {
  resources: ReadonlySet<string>;
  kinds: ReadonlySet<string>;
}

/** The names that a definition got. */
export interface GivenNames {
  group: string;
  names: Partial<CustomResourceDefinitionNames>;
}

export interface AcceptedNames {
  names: CustomResourceDefinitionNames;
  condition: Pick<CustomResourceDefinitionCondition, 'type' | 'status' | 'reason' | 'message'>;
}

/** What the other definitions of the group, and the built-in kinds, have. */
export function takenNames(group: string, others: Iterable<GivenNames>, builtIn: readonly Kind[]): TakenNames {
  const resources = new Set<string>();
  const kinds = new Set<string>();
  const take = (names: Partial<CustomResourceDefinitionNames>) => {
    for (const name of [names.plural, names.singular, ...(names.shortNames ?? [])]) if (name) resources.add(name);
    for (const kind of [names.kind, names.listKind]) if (kind) kinds.add(kind);
  };
  for (const other of others) if (other.group === group) take(other.names);
  for (const kind of builtIn)
    if (kind.group === group) take({ ...kind, shortNames: [...kind.shortNames], categories: [] });
  return { resources, kinds };
}

/** The names that a definition may have of those it wants, and the condition that says so. Pure. */
export function acceptNames({ spec, status }: CustomResourceDefinition, taken: TakenNames): AcceptedNames {
  const wanted = spec.names;
  const names: CustomResourceDefinitionNames = { ...(status?.acceptedNames ?? { plural: '', kind: '' }) };
  let conflict: { reason: string; message: string } | undefined;
  const isFree = (set: ReadonlySet<string>, name: string, reason: string) => {
    if (!set.has(name)) return true;
    conflict = { reason, message: `${JSON.stringify(name)} is already in use` };
    return false;
  };
  const { resources, kinds } = taken;
  if (isFree(resources, wanted.plural, 'PluralConflict')) names.plural = wanted.plural;
  if (wanted.singular && isFree(resources, wanted.singular, 'SingularConflict')) names.singular = wanted.singular;
  const shortNames = wanted.shortNames ?? [];
  const clash = shortNames.filter((name) => resources.has(name));
  if (clash.length > 0) {
    const list = clash.map((name) => `${JSON.stringify(name)} is already in use`);
    conflict = { reason: 'ShortNamesConflict', message: list.length > 1 ? `[${list.join(', ')}]` : list[0]! };
  } else if (shortNames.length > 0) names.shortNames = shortNames;
  else delete names.shortNames;
  if (isFree(kinds, wanted.kind, 'KindConflict')) names.kind = wanted.kind;
  if (wanted.listKind && isFree(kinds, wanted.listKind, 'ListKindConflict')) names.listKind = wanted.listKind;
  if (wanted.categories) names.categories = wanted.categories;
  else delete names.categories;
  const { reason, message } = conflict ?? { reason: 'NoConflicts', message: 'no conflicts found' };
  return { names, condition: { type: 'NamesAccepted', status: conflict ? 'False' : 'True', reason, message } };
}
