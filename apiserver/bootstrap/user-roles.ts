// Roles for people: cluster-admin, and admin, edit and view with what they aggregate.

import { on, type RoleRow, url } from './rule.ts';

export const userRoles: readonly RoleRow[] = [
  { name: 'admin', aggregates: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' }, rules: [] },
  { name: 'cluster-admin', rules: [on('*', '*', '*'), url('*', '*')] },
  {
    name: 'edit',
    labels: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' },
    aggregates: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' },
    rules: [],
  },
  {
    name: 'system:aggregate-to-admin',
    labels: { 'rbac.authorization.k8s.io/aggregate-to-admin': 'true' },
    rules: [
      on('authorization.k8s.io', 'localsubjectaccessreviews', 'create'),
      on(
        'rbac.authorization.k8s.io',
        'rolebindings roles',
        'create delete deletecollection get list patch update watch',
      ),
    ],
  },
  {
    name: 'system:aggregate-to-edit',
    labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' },
    rules: [
      on('core', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy', 'get list watch'),
      on('core', 'serviceaccounts', 'impersonate'),
      on(
        'core',
        'pods pods/attach pods/exec pods/portforward pods/proxy',
        'create delete deletecollection patch update',
      ),
      on('core', 'pods/eviction', 'create'),
      on(
        'core',
        'configmaps persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
        'create delete deletecollection patch update',
      ),
      on('core', 'serviceaccounts/token', 'create'),
      on('core events.k8s.io', 'events', 'create delete deletecollection patch update'),
      on(
        'apps',
        'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
        'create delete deletecollection patch update',
      ),
      on('autoscaling', 'horizontalpodautoscalers', 'create delete deletecollection patch update'),
      on('batch', 'cronjobs jobs', 'create delete deletecollection patch update'),
      on(
        'extensions',
        'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale',
        'create delete deletecollection patch update',
      ),
      on('policy', 'poddisruptionbudgets', 'create delete deletecollection patch update'),
      on('networking.k8s.io', 'ingresses networkpolicies', 'create delete deletecollection patch update'),
      on('coordination.k8s.io', 'leases', 'create delete deletecollection get list patch update watch'),
      on('resource.k8s.io', 'resourceclaims resourceclaimtemplates', 'create delete deletecollection patch update'),
    ],
  },
  {
    name: 'system:aggregate-to-view',
    labels: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' },
    rules: [
      on(
        'core',
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
        'get list watch',
      ),
      on(
        'core',
        'bindings limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
        'get list watch',
      ),
      on('core', 'namespaces', 'get list watch'),
      on('core events.k8s.io', 'events', 'get list watch'),
      on('discovery.k8s.io', 'endpointslices', 'get list watch'),
      on(
        'apps',
        'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
        'get list watch',
      ),
      on('autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status', 'get list watch'),
      on('batch', 'cronjobs cronjobs/status jobs jobs/status', 'get list watch'),
      on(
        'extensions',
        'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale',
        'get list watch',
      ),
      on('policy', 'poddisruptionbudgets poddisruptionbudgets/status', 'get list watch'),
      on('networking.k8s.io', 'ingresses ingresses/status networkpolicies', 'get list watch'),
      on('resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates', 'get list watch'),
    ],
  },
  {
    // As metrics-server brings it.
    name: 'system:aggregated-metrics-reader',
    labels: {
      'rbac.authorization.k8s.io/aggregate-to-view': 'true',
      'rbac.authorization.k8s.io/aggregate-to-edit': 'true',
      'rbac.authorization.k8s.io/aggregate-to-admin': 'true',
    },
    rules: [on('metrics.k8s.io', 'pods nodes', 'get list watch')],
  },
  {
    name: 'view',
    labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' },
    aggregates: { 'rbac.authorization.k8s.io/aggregate-to-view': 'true' },
    rules: [],
  },
];
