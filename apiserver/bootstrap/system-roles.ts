// Roles of the components of a cluster and of what everybody may see.

import { on, type RoleRow, url } from './rule.ts';

export const systemRoles: readonly RoleRow[] = [
  {
    name: 'system:auth-delegator',
    rules: [
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
    ],
  },
  {
    name: 'system:basic-user',
    rules: [
      on('authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews', 'create'),
      on('authentication.k8s.io', 'selfsubjectreviews', 'create'),
    ],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:nodeclient',
    rules: [on('certificates.k8s.io', 'certificatesigningrequests/nodeclient', 'create')],
  },
  {
    name: 'system:certificates.k8s.io:certificatesigningrequests:selfnodeclient',
    rules: [on('certificates.k8s.io', 'certificatesigningrequests/selfnodeclient', 'create')],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-approver',
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client')],
  },
  {
    name: 'system:certificates.k8s.io:kube-apiserver-client-kubelet-approver',
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kube-apiserver-client-kubelet')],
  },
  {
    name: 'system:certificates.k8s.io:kubelet-serving-approver',
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/kubelet-serving')],
  },
  {
    name: 'system:certificates.k8s.io:legacy-unknown-approver',
    rules: [on('certificates.k8s.io', 'signers', 'approve', 'kubernetes.io/legacy-unknown')],
  },
  {
    name: 'system:discovery',
    rules: [url('get', '/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/')],
  },
  {
    name: 'system:heapster',
    rules: [
      on('core', 'events namespaces nodes pods', 'get list watch'),
      on('extensions', 'deployments', 'get list watch'),
    ],
  },
  { name: 'system:kube-aggregator', rules: [on('core', 'endpoints services', 'get list watch')] },
  {
    name: 'system:kube-controller-manager',
    rules: [
      on('core events.k8s.io', 'events', 'create patch update'),
      on('coordination.k8s.io', 'leases', 'create'),
      on('coordination.k8s.io', 'leases', 'get update', 'kube-controller-manager'),
      on('core', 'secrets serviceaccounts', 'create'),
      on('core', 'secrets', 'delete'),
      on('core', 'configmaps namespaces secrets serviceaccounts', 'get'),
      on('core', 'secrets serviceaccounts', 'update'),
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
      on('*', '*', 'list watch'),
      on('core', 'serviceaccounts/token', 'create'),
    ],
  },
  { name: 'system:kube-dns', rules: [on('core', 'endpoints services', 'list watch')] },
  {
    name: 'system:kube-scheduler',
    rules: [
      on('core events.k8s.io', 'events', 'create patch update'),
      on('coordination.k8s.io', 'leases', 'create'),
      on('coordination.k8s.io', 'leases', 'get list update watch', 'kube-scheduler'),
      on('coordination.k8s.io', 'leasecandidates', 'create delete deletecollection get list patch update watch'),
      on('core', 'nodes', 'get list watch'),
      on('core', 'pods', 'delete get list watch'),
      on('core', 'bindings pods/binding', 'create'),
      on('core', 'pods/status', 'patch update'),
      on('core', 'replicationcontrollers services', 'get list watch'),
      on('apps extensions', 'replicasets', 'get list watch'),
      on('apps', 'statefulsets', 'get list watch'),
      on('policy', 'poddisruptionbudgets', 'get list watch'),
      on('core', 'persistentvolumeclaims persistentvolumes', 'get list watch'),
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'subjectaccessreviews', 'create'),
      on('storage.k8s.io', 'csinodes', 'get list watch'),
      on('storage.k8s.io', 'volumeattachments', 'get list watch'),
      on('core', 'namespaces', 'get list watch'),
      on('storage.k8s.io', 'csidrivers', 'get list watch'),
      on('storage.k8s.io', 'csistoragecapacities', 'get list watch'),
      on('resource.k8s.io', 'deviceclasses', 'get list watch'),
      on('resource.k8s.io', 'resourceclaims', 'get list patch update watch'),
      on('resource.k8s.io', 'resourceclaims/status', 'get list patch update watch'),
      on('core', 'pods/finalizers', 'update'),
      on('resource.k8s.io', 'resourceslices', 'get list watch'),
      on('resource.k8s.io', 'resourceclaims', 'create delete'),
      on('resource.k8s.io', 'resourceclaims/binding', 'patch update'),
    ],
  },
  {
    name: 'system:kubelet-api-admin',
    rules: [
      on('core', 'nodes', 'get list watch'),
      on('core', 'nodes', 'proxy'),
      on('core', 'nodes/log nodes/metrics nodes/proxy nodes/stats', '*'),
      on('core', 'nodes/configz nodes/healthz nodes/pods', '*'),
    ],
  },
  {
    name: 'system:monitoring',
    rules: [
      url('get', '/flagz /healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/* /statusz'),
      on('core', 'nodes/metrics', 'get'),
    ],
  },
  {
    name: 'system:node',
    rules: [
      on('authentication.k8s.io', 'tokenreviews', 'create'),
      on('authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews', 'create'),
      on('core', 'services', 'get list watch'),
      on('core', 'nodes', 'create get list watch'),
      on('core', 'nodes/status', 'patch update'),
      on('core', 'nodes', 'patch update'),
      on('core events.k8s.io', 'events', 'create patch update'),
      on('core', 'pods', 'get list watch'),
      on('core', 'pods', 'create delete'),
      on('core', 'pods/status', 'patch update'),
      on('core', 'pods/eviction', 'create'),
      on('core', 'configmaps secrets', 'get list watch'),
      on('core', 'persistentvolumeclaims persistentvolumes', 'get'),
      on('core', 'endpoints', 'get'),
      on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch'),
      on('coordination.k8s.io', 'leases', 'create delete get patch update'),
      on('storage.k8s.io', 'volumeattachments', 'get'),
      on('core', 'serviceaccounts/token', 'create'),
      on('core', 'persistentvolumeclaims/status', 'get patch update'),
      on('storage.k8s.io', 'csidrivers', 'get list watch'),
      on('storage.k8s.io', 'csinodes', 'create delete get patch update'),
      on('node.k8s.io', 'runtimeclasses', 'get list watch'),
      on('resource.k8s.io', 'resourceclaims', 'get'),
      on('resource.k8s.io', 'resourceslices', 'deletecollection'),
      on('core', 'serviceaccounts', 'get'),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [on('certificates.k8s.io', 'certificatesigningrequests', 'create get list watch')],
  },
  {
    name: 'system:node-problem-detector',
    rules: [
      on('core', 'nodes', 'get'),
      on('core', 'nodes/status', 'patch'),
      on('core events.k8s.io', 'events', 'create patch update'),
    ],
  },
  {
    name: 'system:node-proxier',
    rules: [
      on('core', 'endpoints services', 'list watch'),
      on('core', 'nodes', 'get list watch'),
      on('core events.k8s.io', 'events', 'create patch update'),
      on('networking.k8s.io', 'servicecidrs', 'list watch'),
      on('discovery.k8s.io', 'endpointslices', 'list watch'),
    ],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      on('core', 'persistentvolumes', 'create delete get list watch'),
      on('core', 'persistentvolumeclaims', 'get list update watch'),
      on('storage.k8s.io', 'storageclasses', 'get list watch'),
      on('core', 'events', 'watch'),
      on('core events.k8s.io', 'events', 'create patch update'),
    ],
  },
  { name: 'system:public-info-viewer', rules: [url('get', '/healthz /livez /readyz /version /version/')] },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [
      url(
        'get',
        '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/',
      ),
    ],
  },
  {
    name: 'system:volume-scheduler',
    rules: [
      on('core', 'persistentvolumes', 'get list patch update watch'),
      on('storage.k8s.io', 'storageclasses', 'get list watch'),
      on('core', 'persistentvolumeclaims', 'get list patch update watch'),
    ],
  },
];
