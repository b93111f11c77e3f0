// What a node reports about itself.
// https://kubernetes.io/docs/reference/node/node-status/
import { conditionFields } from '../../../machinery/metadata.ts';
import { mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';

export const nodeAddress = s.api('core.v1.NodeAddress', 'One address of a node.', {
  address: s.string('The address.', { required: true, always: true }),
  type: s.string('Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.', { required: true, always: true }),
});

export const nodeCondition = s.api('core.v1.NodeCondition', "One aspect of a node's health.", {
  lastHeartbeatTime: s.time('When the condition was last reported.', { always: true }),
  ...conditionFields,
});
export interface NodeCondition extends TypeOf<typeof nodeCondition> {}

const configMapSource = s.api('core.v1.ConfigMapNodeConfigSource', 'A ConfigMap with configuration; no longer used.', {
  kubeletConfigKey: s.string('Key that held the configuration.', { required: true, always: true }),
  name: s.string('Name of the ConfigMap.', { required: true, always: true }),
  namespace: s.string('Namespace of the ConfigMap.', { required: true, always: true }),
  resourceVersion: s.string('Version of the ConfigMap in use.'),
  uid: s.string('UID of the ConfigMap in use.'),
});

export const nodeConfigSource = s.api('core.v1.NodeConfigSource', 'Where a kubelet was configured; no longer used.', {
  configMap: s.field(configMapSource, 'The ConfigMap that held it.'),
});

const nodeConfigStatus = s.api('core.v1.NodeConfigStatus', 'State of dynamic kubelet configuration; no longer used.', {
  active: s.field(nodeConfigSource, 'Configuration in use.'),
  assigned: s.field(nodeConfigSource, 'Configuration to be used next.'),
  error: s.string('Why the assigned one is not in use.'),
  lastKnownGood: s.field(nodeConfigSource, 'Configuration to fall back on.'),
});

export const daemonEndpoint = s.api('core.v1.DaemonEndpoint', 'Port of one daemon.', {
  Port: s.int32('The port number.', { required: true, always: true }),
});

export const nodeDaemonEndpoints = s.api('core.v1.NodeDaemonEndpoints', 'Ports of the daemons on a node.', {
  kubeletEndpoint: s.field(daemonEndpoint, 'Where the kubelet listens.', { always: true }),
});

export const nodeFeatures = s.api('core.v1.NodeFeatures', "What a node's container runtime supports.", {
  supplementalGroupsPolicy: s.boolean('Whether supplementalGroupsPolicy is honoured.', { pointer: true }),
});

export const containerImage = s.api('core.v1.ContainerImage', 'An image on a node.', {
  names: s.list(s.string(''), 'Names by which the image is known.', { always: true, listType: 'atomic' }),
  sizeBytes: s.int64('Size in bytes.'),
});

export const nodeSwapStatus = s.api('core.v1.NodeSwapStatus', 'Swap of a node.', {
  capacity: s.int64('Swap in bytes.', { pointer: true }),
});

export const nodeSystemInfo = s.api('core.v1.NodeSystemInfo', 'Versions and identities of a node.', {
  architecture: s.string('CPU architecture.', { required: true, always: true }),
  bootID: s.string('Id of the current boot.', { required: true, always: true }),
  containerRuntimeVersion: s.string('Runtime and version, containerd://2.1.', { required: true, always: true }),
  kernelVersion: s.string('Kernel release.', { required: true, always: true }),
  kubeProxyVersion: s.string('No longer filled in.', { required: true, always: true }),
  kubeletVersion: s.string('Version of the kubelet.', { required: true, always: true }),
  machineID: s.string('Id of the machine within the cluster.', { required: true, always: true }),
  operatingSystem: s.string('linux or windows.', { required: true, always: true }),
  osImage: s.string('Name of the operating system.', { required: true, always: true }),
  swap: s.field(nodeSwapStatus, 'Swap of the node.'),
  systemUUID: s.string('Hardware UUID of the machine.', { required: true, always: true }),
});

const nodeRuntimeHandlerFeatures = s.api('core.v1.NodeRuntimeHandlerFeatures', 'What a runtime handler supports.', {
  recursiveReadOnlyMounts: s.boolean('Read-only mounts that cover submounts.', { pointer: true }),
  userNamespaces: s.boolean('Pods in their own user namespace.', { pointer: true }),
});

export const nodeRuntimeHandler = s.api('core.v1.NodeRuntimeHandler', 'A runtime handler of a node.', {
  features: s.field(nodeRuntimeHandlerFeatures, 'What the handler supports.'),
  name: s.string('Name of the handler; empty for the default one.', { always: true }),
});

export const attachedVolume = s.api('core.v1.AttachedVolume', 'A volume attached to a node.', {
  devicePath: s.string('Device at which it appears.', { required: true, always: true }),
  name: s.string('Name of the volume.', { required: true, always: true }),
});

export const nodeStatus = s.api('core.v1.NodeStatus', 'Observed state of a node.', {
  addresses: s.list(nodeAddress, 'Addresses at which the node is reached.', mergedBy('type')),
  allocatable: s.map(s.quantity(''), 'Resources that pods may use.'),
  capacity: s.map(s.quantity(''), 'All resources of the node.'),
  conditions: s.list(nodeCondition, 'Health of the node.', mergedBy('type')),
  config: s.field(nodeConfigStatus, 'State of dynamic configuration; no longer used.'),
  daemonEndpoints: s.field(nodeDaemonEndpoints, "Ports of the node's daemons.", { always: true }),
  declaredFeatures: s.list(s.string(''), 'Features of the kubelet that scheduling may depend on.', {
    listType: 'atomic',
  }),
  features: s.field(nodeFeatures, "What the node's container runtime supports."),
  images: s.list(containerImage, 'Container images on the node.', { listType: 'atomic' }),
  nodeInfo: s.field(nodeSystemInfo, 'Versions and identities.', { always: true }),
  phase: s.string('No longer used.', { enum: ['Pending', 'Running', 'Terminated'] }),
  runtimeHandlers: s.list(nodeRuntimeHandler, 'Runtime handlers on the node.', { listType: 'atomic' }),
  volumesAttached: s.list(attachedVolume, 'Volumes attached to the node.', { listType: 'atomic' }),
  volumesInUse: s.list(s.string(''), 'Attachable volumes that pods on the node use.', { listType: 'atomic' }),
});
export interface NodeStatus extends TypeOf<typeof nodeStatus> {}
