// What a node reports about itself.
// https://kubernetes.io/docs/reference/node/node-status/
import { conditionFields } from '../../../machinery/metadata.ts';
import { atomic, mandatory, mergedBy, s, type TypeOf } from '../../../machinery/schema.ts';

export const nodeAddress = s.api('core.v1.NodeAddress', 'One address of a node.', {
  address: s.string('The address.', mandatory),
  type: s.string('Hostname, InternalIP, ExternalIP, InternalDNS or ExternalDNS.', mandatory),
});

const nodeCondition = s.api('core.v1.NodeCondition', "One aspect of a node's health.", {
  lastHeartbeatTime: s.time('When the condition was last reported.', { always: true }),
  ...conditionFields,
});
export interface NodeCondition extends TypeOf<typeof nodeCondition> {}

const configMapSource = s.api('core.v1.ConfigMapNodeConfigSource', 'A ConfigMap with configuration; no longer used.', {
  kubeletConfigKey: s.string('Key that held the configuration.', mandatory),
  name: s.string('Name of the ConfigMap.', mandatory),
  namespace: s.string('Namespace of the ConfigMap.', mandatory),
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

const daemonEndpoint = s.api('core.v1.DaemonEndpoint', 'Port of one daemon.', {
  Port: s.int32('The port number.', mandatory),
});

const nodeDaemonEndpoints = s.api('core.v1.NodeDaemonEndpoints', 'Ports of the daemons on a node.', {
  kubeletEndpoint: s.field(daemonEndpoint, 'Where the kubelet listens.', { always: true }),
});

const nodeFeatures = s.api('core.v1.NodeFeatures', "What a node's container runtime supports.", {
  supplementalGroupsPolicy: s.boolean('Whether supplementalGroupsPolicy is honoured.', { pointer: true }),
});

const containerImage = s.api('core.v1.ContainerImage', 'An image on a node.', {
  names: s.list(s.string(''), 'Names by which the image is known.', { always: true, listType: 'atomic' }),
  sizeBytes: s.int64('Size in bytes.'),
});

const nodeSwapStatus = s.api('core.v1.NodeSwapStatus', 'Swap of a node.', {
  capacity: s.int64('Swap in bytes.', { pointer: true }),
});

const nodeSystemInfo = s.api('core.v1.NodeSystemInfo', 'Versions and identities of a node.', {
  architecture: s.string('CPU architecture.', mandatory),
  bootID: s.string('Id of the current boot.', mandatory),
  containerRuntimeVersion: s.string('Runtime and version, containerd://2.1.', mandatory),
  kernelVersion: s.string('Kernel release.', mandatory),
  kubeProxyVersion: s.string('No longer filled in.', mandatory),
  kubeletVersion: s.string('Version of the kubelet.', mandatory),
  machineID: s.string('Id of the machine within the cluster.', mandatory),
  operatingSystem: s.string('linux or windows.', mandatory),
  osImage: s.string('Name of the operating system.', mandatory),
  swap: s.field(nodeSwapStatus, 'Swap of the node.'),
  systemUUID: s.string('Hardware UUID of the machine.', mandatory),
});

const nodeRuntimeHandlerFeatures = s.api('core.v1.NodeRuntimeHandlerFeatures', 'What a runtime handler supports.', {
  recursiveReadOnlyMounts: s.boolean('Read-only mounts that cover submounts.', { pointer: true }),
  userNamespaces: s.boolean('Pods in their own user namespace.', { pointer: true }),
});

const nodeRuntimeHandler = s.api('core.v1.NodeRuntimeHandler', 'A runtime handler of a node.', {
  features: s.field(nodeRuntimeHandlerFeatures, 'What the handler supports.'),
  name: s.string('Name of the handler; empty for the default one.', { always: true }),
});

const attachedVolume = s.api('core.v1.AttachedVolume', 'A volume attached to a node.', {
  devicePath: s.string('Device at which it appears.', mandatory),
  name: s.string('Name of the volume.', mandatory),
});

export const nodeStatus = s.api('core.v1.NodeStatus', 'Observed state of a node.', {
  addresses: s.list(nodeAddress, 'Addresses at which the node is reached.', mergedBy('type')),
  allocatable: s.map(s.quantity(''), 'Resources that pods may use.'),
  capacity: s.map(s.quantity(''), 'All resources of the node.'),
  conditions: s.list(nodeCondition, 'Health of the node.', mergedBy('type')),
  config: s.field(nodeConfigStatus, 'State of dynamic configuration; no longer used.'),
  daemonEndpoints: s.field(nodeDaemonEndpoints, "Ports of the node's daemons.", { always: true }),
  declaredFeatures: s.list(s.string(''), 'Features of the kubelet that scheduling may depend on.', atomic),
  features: s.field(nodeFeatures, "What the node's container runtime supports."),
  images: s.list(containerImage, 'Container images on the node.', atomic),
  nodeInfo: s.field(nodeSystemInfo, 'Versions and identities.', { always: true }),
  phase: s.string('No longer used.', { enum: ['Pending', 'Running', 'Terminated'] }),
  runtimeHandlers: s.list(nodeRuntimeHandler, 'Runtime handlers on the node.', atomic),
  volumesAttached: s.list(attachedVolume, 'Volumes attached to the node.', atomic),
  volumesInUse: s.list(s.string(''), 'Attachable volumes that pods on the node use.', atomic),
});
export interface NodeStatus extends TypeOf<typeof nodeStatus> {}
