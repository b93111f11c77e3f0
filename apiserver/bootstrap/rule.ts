// The short form in which the bootstrap roles are written down.
import type { PolicyRule } from '../authz/attributes.ts';

export interface RoleRow {
  name: string;
  labels?: Record<string, string>;
  /** Labels of the roles whose rules make up this one. */
  aggregates?: Record<string, string>;
  rules: PolicyRule[];
}

const words = (text: string) => text.split(' ').filter((w) => w !== '');

/** Verbs on resources of groups; `core` is the group without a name. Lists are separated by spaces. */
export function on(groups: string, resources: string, verbs: string, names = ''): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((g) => (g === 'core' ? '' : g)),
    resources: words(resources),
    ...(names ? { resourceNames: words(names) } : {}),
  };
}

/** Verbs on paths. */
export function url(verbs: string, paths: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(paths) };
}

/** Roles by name, behind a prefix. */
export const rolesOf = (prefix: string, rows: Record<string, PolicyRule[]>): RoleRow[] =>
  Object.entries(rows).map(([name, rules]) => ({ name: `${prefix}${name}`, rules }));
