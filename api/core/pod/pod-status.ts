// PodStatus: what the kubelet reports about a pod.
// Container statuses stand in container-status.ts. https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';
import { containerStatus } from './container-status.ts';
import { resourceRequirements } from './resources.ts';

const podCondition = s.api('core.v1.PodCondition', 'One aspect of the state of a pod.', {
  lastProbeTime: s.time('When it was last checked.', { always: true }),
  lastTransitionTime: s.time('When the status last changed.', { always: true }),
  message: s.string('Explanation for people.'),
  observedGeneration: s.int64('The generation the condition was computed from.'),
  reason: s.string('One word for programs.'),
  status: s.string('True, False or Unknown.', mandatory),
  type: s.string('Name of the condition.', mandatory),
});
export interface PodCondition extends TypeOf<typeof podCondition> {}

export const hostIP = s.api('core.v1.HostIP', 'An address of a node.', {
  ip: s.string('The address.', mandatory),
});

export const podIP = s.api('core.v1.PodIP', 'An address of a pod.', {
  ip: s.string('The address.', mandatory),
});
export interface PodIP extends TypeOf<typeof podIP> {}

const podResourceClaimStatus = s.api('core.v1.PodResourceClaimStatus', 'Claim made from a template.', {
  name: s.string('Entry of spec.resourceClaims.', mandatory),
  resourceClaimName: s.string('Name of the claim made.', { pointer: true }),
});

const extendedRequest = s.api('core.v1.ContainerExtendedResourceRequest', 'A request for an extended resource.', {
  containerName: s.string('Name of the container.', mandatory),
  requestName: s.string('Name of the request in the claim.', mandatory),
  resourceName: s.string('Name of the resource.', mandatory),
});

const extendedClaimStatus = s.api('core.v1.PodExtendedResourceClaimStatus', 'Claim made for extended resources.', {
  requestMappings: s.list(extendedRequest, 'Which request serves which container.', { ...mandatory, ...atomic }),
  resourceClaimName: s.string('Name of the claim.', mandatory),
});

const allocatableStatus = s.api('core.v1.NodeAllocatableResourceClaimStatus', 'Node resources had by a claim.', {
  containers: s.list(s.string(''), 'Containers that use the claim.', { listType: 'set' }),
  resourceClaimName: s.string('Name of the claim.', mandatory),
  resources: s.map(s.quantity(''), 'Resources taken.', mandatory),
});

export const podStatus = s.api('core.v1.PodStatus', 'Observed state of a pod.', {
  allocatedResources: s.map(s.quantity(''), 'Resources set aside for the pod as a whole.'),
  conditions: s.list(podCondition, 'Scheduled, initialized, ready and so on.', mergedBy('type')),
  containerStatuses: s.list(containerStatus, 'State of the containers.', atomic),
  ephemeralContainerStatuses: s.list(containerStatus, 'State of the ephemeral containers.', atomic),
  extendedResourceClaimStatus: s.field(extendedClaimStatus, 'Claim made for extended resources of the pod.'),
  hostIP: s.string('Address of the node.'),
  hostIPs: s.list(hostIP, 'Addresses of the node.', {
    listType: 'atomic',
    patchStrategy: 'merge',
    patchMergeKey: 'ip',
  }),
  initContainerStatuses: s.list(containerStatus, 'State of the init containers.', atomic),
  message: s.string('Why the pod is in this phase, for people.'),
  nodeAllocatableResourceClaimStatuses: s.list(allocatableStatus, 'Node resources that come through claims.', atomic),
  nominatedNodeName: s.string('Node on which room is being made for the pod.'),
  observedGeneration: s.int64('The generation this status was computed from.'),
  phase: s.string('Pending, Running, Succeeded, Failed or Unknown.', {
    default: 'Pending',
    enum: ['Failed', 'Pending', 'Running', 'Succeeded', 'Unknown'],
  }),
  podIP: s.string('Address of the pod.'),
  podIPs: s.list(podIP, 'Addresses of the pod, at most one per family.', mergedBy('ip')),
  qosClass: s.string('Guaranteed, Burstable or BestEffort.', { enum: ['BestEffort', 'Burstable', 'Guaranteed'] }),
  reason: s.string('Why the pod is in this phase, in one word.'),
  resize: s.string('Former state of a resize; see conditions.'),
  resourceClaimStatuses: s.list(podResourceClaimStatus, 'Claims made from templates.', {
    listType: 'map',
    listMapKeys: ['name'],
    patchStrategy: 'merge,retainKeys',
    patchMergeKey: 'name',
  }),
  resources: s.field(resourceRequirements, 'Resources in force for the pod as a whole.'),
  startTime: s.time('When the kubelet took the pod on.'),
});
export interface PodStatus extends TypeOf<typeof podStatus> {}
