// PodSpec: what a pod should run, and how.
// The same in pods and in templates; what differs is set in defaults.ts. Validation: pod-spec-validation.ts.
// https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/#PodSpec
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { localObjectReference } from '../object-reference.ts';
import { affinity } from './affinity.ts';
import { container, ephemeralContainer } from './container.ts';
import { resourceRequirements } from './resources.ts';
import {
  podReadinessGate,
  podResourceClaim,
  podSchedulingGate,
  podSchedulingGroup,
  toleration,
  topologySpreadConstraint,
} from './scheduling.ts';
import { podSecurityContext } from './security-context.ts';
import { volume } from './volume.ts';

const podDNSConfigOption = s.api('core.v1.PodDNSConfigOption', 'A resolver option.', {
  name: s.string('Name of the option.'),
  value: s.string('Value of the option.', { pointer: true }),
});

const podDNSConfig = s.api('core.v1.PodDNSConfig', 'DNS settings of a pod.', {
  nameservers: s.list(s.string(''), 'Addresses of name servers.', atomic),
  options: s.list(podDNSConfigOption, 'Resolver options.', atomic),
  searches: s.list(s.string(''), 'Search domains.', atomic),
});
export interface PodDNSConfig extends TypeOf<typeof podDNSConfig> {}

const hostAlias = s.api('core.v1.HostAlias', 'A line of /etc/hosts.', {
  hostnames: s.list(s.string(''), 'Names for the address.', atomic),
  ip: s.string('The address.', mandatory),
});
export interface HostAlias extends TypeOf<typeof hostAlias> {}

const podOS = s.api('core.v1.PodOS', 'Operating system of a pod.', {
  name: s.string('linux or windows.', mandatory),
});

export const podSpec = s.api('core.v1.PodSpec', 'What a pod should run, and how.', {
  activeDeadlineSeconds: s.int64('Seconds after which the running pod is failed and ended.', { pointer: true }),
  affinity: s.field(affinity, 'Rules for which nodes and neighbours to choose.'),
  automountServiceAccountToken: s.boolean('Whether a token of the service account is mounted.', { pointer: true }),
  containers: s.list(container, 'The containers; at least one. They cannot be added or removed later.', {
    ...mandatory,
    listType: 'map',
    listMapKeys: ['name'],
    patchStrategy: 'merge',
    patchMergeKey: 'name',
  }),
  dnsConfig: s.field(podDNSConfig, 'DNS settings on top of those of dnsPolicy.'),
  dnsPolicy: s.string('ClusterFirst, ClusterFirstWithHostNet, Default or None.', {
    default: 'ClusterFirst',
    enum: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
  }),
  enableServiceLinks: s.boolean('Whether services of the namespace appear as environment variables.', {
    pointer: true,
  }),
  ephemeralContainers: s.list(
    ephemeralContainer,
    'Containers added to the running pod for debugging.',
    mergedBy('name'),
  ),
  hostAliases: s.list(hostAlias, 'Extra lines for /etc/hosts.', mergedBy('ip')),
  hostIPC: s.boolean("Use the node's IPC namespace."),
  hostNetwork: s.boolean("Use the node's network namespace."),
  hostPID: s.boolean("Use the node's process namespace."),
  hostUsers: s.boolean("Use the node's user namespace; false gives the pod its own.", { pointer: true }),
  hostname: s.string("Host name; the pod's name when empty."),
  hostnameOverride: s.string('Host name inside the pod, whatever its name and subdomain.', { pointer: true }),
  imagePullSecrets: s.list(localObjectReference, 'Secrets with credentials for pulling images.', mergedBy('name')),
  initContainers: s.list(
    container,
    'Run one after the other before the others start; with restartPolicy Always they stay as sidecars.',
    mergedBy('name'),
  ),
  nodeName: s.string('The node the pod is bound to.'),
  nodeSelector: s.map(s.string(''), 'Labels that the node must have.', { mapType: 'atomic' }),
  os: s.field(podOS, 'Operating system of the containers.'),
  overhead: s.map(s.quantity(''), 'Resources the pod itself takes, from its runtime class.'),
  preemptionPolicy: s.string('Whether pods of lower priority may be evicted for this one.', {
    pointer: true,
    enum: ['Never', 'PreemptLowerPriority'],
  }),
  priority: s.int32('Priority value, from the priority class.', { pointer: true }),
  priorityClassName: s.string('Priority class of the pod.'),
  readinessGates: s.list(podReadinessGate, 'Conditions that must be true before the pod is ready.', atomic),
  resourceClaims: s.list(podResourceClaim, 'Claims on devices that containers refer to.', {
    listType: 'map',
    listMapKeys: ['name'],
    patchStrategy: 'merge,retainKeys',
    patchMergeKey: 'name',
  }),
  resources: s.field(resourceRequirements, 'Resources of the pod as a whole.'),
  restartPolicy: s.string('Always, OnFailure or Never.', { default: 'Always', enum: ['Always', 'Never', 'OnFailure'] }),
  runtimeClassName: s.string('Runtime class that runs the pod.', { pointer: true }),
  schedulerName: s.string('Scheduler that places the pod.', { default: 'default-scheduler' }),
  schedulingGates: s.list(podSchedulingGate, 'While any is left, the pod is not scheduled.', mergedBy('name')),
  schedulingGroup: s.field(podSchedulingGroup, 'Group of pods to schedule together.'),
  securityContext: s.field(podSecurityContext, 'Security settings of the pod and defaults for its containers.', {
    default: {},
  }),
  serviceAccount: s.string('Old name of serviceAccountName.'),
  serviceAccountName: s.string('Service account the pod runs as.'),
  setHostnameAsFQDN: s.boolean('Use the fully qualified name as host name.', { pointer: true }),
  shareProcessNamespace: s.boolean('One process namespace for all containers.', { pointer: true }),
  subdomain: s.string("With it the pod's DNS name is hostname.subdomain.namespace.svc."),
  terminationGracePeriodSeconds: s.int64('Seconds to end by itself before it is killed.', {
    pointer: true,
    default: 30,
  }),
  tolerations: s.list(toleration, 'Taints that the pod tolerates.', atomic),
  topologySpreadConstraints: s.list(
    topologySpreadConstraint,
    'How pods spread over zones, nodes or other domains.',
    mergedBy('topologyKey', 'whenUnsatisfiable'),
  ),
  volumes: s.list(volume, 'Volumes that containers may mount.', {
    listType: 'map',
    listMapKeys: ['name'],
    patchStrategy: 'merge,retainKeys',
    patchMergeKey: 'name',
  }),
});
export interface PodSpec extends TypeOf<typeof podSpec> {}
