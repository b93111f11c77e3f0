// Writes the rules of cluster roles that are made up of others. Upstream: pkg/controller/clusterroleaggregation.
import { type ClusterRole, ClusterRoleKind } from '../api/rbac/clusterrole.ts';
import { type ControllerContext, defineController } from '../client/controller.ts';
import { jsonEqual } from '../machinery/json.ts';
import { matchesLabelSelector } from '../machinery/labels.ts';
import { type KubeObject, keyOf } from '../machinery/metadata.ts';

const fieldManager = 'clusterrole-aggregation-controller';

type Rules = NonNullable<ClusterRole['rules']>;

const nameOf = ({ metadata }: KubeObject) => metadata.name ?? '';

/** The rules of all roles that the role's selectors match, each once, in the order of the roles' names. Pure. */
export function aggregateRules(role: ClusterRole, all: readonly ClusterRole[]): Rules {
  const rules: Rules = [];
  for (const selector of role.aggregationRule?.clusterRoleSelectors ?? []) {
    const matching = all.filter((r) => nameOf(r) !== nameOf(role) && matchesLabelSelector(selector, r.metadata.labels));
    for (const other of matching.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))) {
      for (const rule of other.rules ?? []) if (!rules.some((r) => jsonEqual(r, rule))) rules.push(rule);
    }
  }
  return rules;
}

/** The same rules, in whatever order: nothing to write. */
function saysSame(a: Rules, b: Rules): boolean {
  return a.length === b.length && a.every((rule) => b.some((other) => jsonEqual(rule, other)));
}

function createDeps(context: ControllerContext) {
  return { roles: context.informer(ClusterRoleKind).lister, client: context.resource(ClusterRoleKind) };
}

export const clusterRoleAggregationController = defineController({
  name: fieldManager,
  kind: ClusterRoleKind,
  related: [
    {
      kind: ClusterRoleKind,
      keys: (_role, _old, { roles }) =>
        roles
          .list()
          .filter((r) => r.aggregationRule !== undefined)
          .map(keyOf),
    },
  ],
  concurrency: 1,
  deps: createDeps,
  async reconcile(role, { roles, client }) {
    if (!role.aggregationRule || role.metadata.deletionTimestamp) return undefined;
    const rules = aggregateRules(role, roles.list());
    if (saysSame(rules, role.rules ?? [])) return undefined;
    const name = nameOf(role);
    const { kind, apiVersion } = ClusterRoleKind;
    // Rules that somebody wrote into such a role are replaced, whoever owns them.
    const applied = { kind, apiVersion, metadata: { name }, rules };
    await client.patch({ name }, applied, { type: 'apply', fieldManager, force: true });
  },
});
