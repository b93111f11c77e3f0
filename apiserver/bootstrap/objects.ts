// The objects that exist on every new cluster: namespaces, roles and bindings, priority classes.
// Missing ones are created at each start.
import { rbacGroup } from '../../api/rbac/binding.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { controllerRoles } from './controller-roles.ts';
import { on, type RoleRow } from './rule.ts';
import { systemRoles } from './system-roles.ts';
import { userRoles } from './user-roles.ts';

/** An object to be there, with the group of its kind. */
export interface BootstrapObject {
  group: string;
  object: KubeObject & { kind: string };
}

const bootstrapMetadata = {
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
};

function clusterRole(row: RoleRow, all: readonly RoleRow[]): BootstrapObject {
  const { labels, annotations } = bootstrapMetadata;
  return {
    group: rbacGroup,
    object: {
      kind: 'ClusterRole',
      metadata: { name: row.name, labels: { ...labels, ...row.labels }, annotations: { ...annotations } },
      rules: row.aggregates ? aggregatedRules(row, all) : row.rules,
      ...(row.aggregates ? { aggregationRule: { clusterRoleSelectors: [{ matchLabels: row.aggregates }] } } : {}),
    },
  };
}

/** What an aggregating role adds up to: the rules of all roles with its labels, theirs aggregated in turn. */
function aggregatedRules(row: RoleRow, all: readonly RoleRow[]): RoleRow['rules'] {
  const wanted = Object.entries(row.aggregates ?? {});
  const parts = all.filter((r) => r !== row && wanted.every(([k, v]) => r.labels?.[k] === v));
  return parts.flatMap((r) => (r.aggregates ? aggregatedRules(r, all) : r.rules));
}

interface SubjectRow {
  kind: 'User' | 'Group' | 'ServiceAccount';
  name: string;
  namespace?: string;
}

const user = (name: string): SubjectRow => ({ kind: 'User', name });
const group = (name: string): SubjectRow => ({ kind: 'Group', name });
const account = (name: string): SubjectRow => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

const controllersUser = user('system:kube-controller-manager');
const schedulerUser = user('system:kube-scheduler');

const clusterBindings: Record<string, SubjectRow[]> = {
  'cluster-admin': [group('system:masters')],
  'system:basic-user': [group('system:authenticated')],
  'system:discovery': [group('system:authenticated')],
  'system:kube-controller-manager': [controllersUser],
  'system:kube-dns': [account('kube-dns')],
  'system:kube-scheduler': [schedulerUser],
  'system:monitoring': [group('system:monitoring')],
  'system:node': [],
  'system:node-proxier': [user('system:kube-proxy')],
  'system:public-info-viewer': [group('system:authenticated'), group('system:unauthenticated')],
  'system:service-account-issuer-discovery': [group('system:serviceaccounts')],
  'system:volume-scheduler': [schedulerUser],
};

function subjects(rows: readonly SubjectRow[]): object[] {
  return rows.map((r) => (r.kind === 'ServiceAccount' ? { ...r } : { ...r, apiGroup: rbacGroup }));
}

function clusterRoleBinding(name: string, rows: readonly SubjectRow[]): BootstrapObject {
  return {
    group: rbacGroup,
    object: {
      kind: 'ClusterRoleBinding',
      metadata: { name, ...structuredClone(bootstrapMetadata) },
      roleRef: { apiGroup: rbacGroup, kind: 'ClusterRole', name },
      ...(rows.length > 0 ? { subjects: subjects(rows) } : {}),
    },
  };
}

/** Every controller acts as its own account. */
const controllerBindings = controllerRoles.map((row) =>
  clusterRoleBinding(row.name, [account(row.name.slice('system:controller:'.length))]),
);

interface NamespacedRow {
  namespace: string;
  role: string;
  binding?: string;
  rules: RoleRow['rules'];
  subjects: SubjectRow[];
}

const leases = [
  on('coordination.k8s.io', 'leases', 'create get list update watch'),
  on('coordination.k8s.io', 'leasecandidates', 'create get list update watch'),
];
const namespacedRoles: NamespacedRow[] = [
  {
    namespace: 'kube-public',
    role: 'system:controller:bootstrap-signer',
    rules: [
      on('core', 'configmaps', 'get list watch'),
      on('core', 'configmaps', 'update', 'cluster-info'),
      on('core events.k8s.io', 'events', 'create patch update'),
    ],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    role: 'extension-apiserver-authentication-reader',
    binding: 'system::extension-apiserver-authentication-reader',
    rules: [on('core', 'configmaps', 'get list watch', 'extension-apiserver-authentication')],
    subjects: [controllersUser, schedulerUser],
  },
  {
    namespace: 'kube-system',
    role: 'system::leader-locking-kube-controller-manager',
    rules: leases,
    subjects: [controllersUser, account('kube-controller-manager'), account('leader-election-controller')],
  },
  {
    namespace: 'kube-system',
    role: 'system::leader-locking-kube-scheduler',
    rules: leases,
    subjects: [schedulerUser, account('kube-scheduler')],
  },
  {
    namespace: 'kube-system',
    role: 'system:controller:bootstrap-signer',
    rules: [on('core', 'secrets', 'get list watch')],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    role: 'system:controller:cloud-provider',
    rules: [on('core', 'configmaps', 'create get list watch')],
    subjects: [account('cloud-provider')],
  },
  {
    namespace: 'kube-system',
    role: 'system:controller:token-cleaner',
    rules: [on('core', 'secrets', 'delete get list watch'), on('core events.k8s.io', 'events', 'create patch update')],
    subjects: [account('token-cleaner')],
  },
];

function namespacedPair(row: NamespacedRow): BootstrapObject[] {
  const metadata = (name: string) => ({ name, namespace: row.namespace, ...structuredClone(bootstrapMetadata) });
  const role = { kind: 'Role', metadata: metadata(row.role), rules: row.rules };
  const binding = {
    kind: 'RoleBinding',
    metadata: metadata(row.binding ?? row.role),
    roleRef: { apiGroup: rbacGroup, kind: 'Role', name: row.role },
    subjects: subjects(row.subjects),
  };
  return [role, binding].map((object) => ({ group: rbacGroup, object }));
}

const priorityClasses: [name: string, value: number, description: string][] = [
  [
    'system-cluster-critical',
    2_000_000_000,
    'Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.',
  ],
  [
    'system-node-critical',
    2_000_001_000,
    'Used for system critical pods that must not be moved from their current node.',
  ],
];

const bootstrapNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;

/** Everything, in an order in which each can be created. */
export function bootstrapObjects(): BootstrapObject[] {
  const roles = [...userRoles, ...systemRoles, ...controllerRoles];
  return [
    ...bootstrapNamespaces.map((name) => ({ group: '', object: { kind: 'Namespace', metadata: { name } } })),
    ...priorityClasses.map(([name, value, description]) => ({
      group: 'scheduling.k8s.io',
      object: { kind: 'PriorityClass', metadata: { name }, value, description },
    })),
    ...roles.map((row) => clusterRole(row, roles)),
    ...Object.entries(clusterBindings).map(([name, rows]) => clusterRoleBinding(name, rows)),
    ...controllerBindings,
    ...namespacedRoles.flatMap(namespacedPair),
  ];
}
