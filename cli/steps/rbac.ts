// Roles that a cluster is given for what `up` starts beside Kubernetes' own components, and who has them.
const apiGroup = 'rbac.authorization.k8s.io';
const apiVersion = `${apiGroup}/v1`;

export const rbacPath = (resource: 'clusterroles' | 'clusterrolebindings') => `/apis/${apiVersion}/${resource}`;

export const rule = (apiGroups: string[], resources: string[], verbs: string[]) => ({ apiGroups, resources, verbs });

export const clusterRole = (name: string, rules: ReturnType<typeof rule>[]) => ({
  kind: 'ClusterRole',
  apiVersion,
  metadata: { name },
  rules,
});

/** Everybody called so has the role. */
export const clusterRoleBinding = (name: string, role: string, subject: { kind: 'User' | 'Group'; name: string }) => ({
  kind: 'ClusterRoleBinding',
  apiVersion,
  metadata: { name },
  roleRef: { apiGroup, kind: 'ClusterRole', name: role },
  subjects: [{ apiGroup, ...subject }],
});
