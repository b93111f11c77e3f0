// kind's Cluster, as far as it means something here. https://kind.sigs.k8s.io/docs/user/configuration/
import { resolve } from 'node:path';
import { isClusterName } from '../layout.ts';
import type { ClusterConfig, NodeMount } from './cluster-config.ts';
import type { Field } from './documents.ts';
import { readPath, readRange } from './kubeadm.ts';
import { addNodeLabels } from './node-labels.ts';

const clusterFields = [
  ...(['apiVersion', 'kind', 'name', 'networking', 'nodes'] as const),
  ...(['featureGates', 'runtimeConfig', 'kubeadmConfigPatches'] as const),
] as const;
const networkFields = [
  ...(['apiServerAddress', 'apiServerPort', 'podSubnet', 'serviceSubnet'] as const),
  ...(['ipFamily', 'disableDefaultCNI', 'kubeProxyMode'] as const),
] as const;
const nodeFields = ['role', 'labels', 'extraMounts', 'kubeadmConfigPatches'] as const;
const mountFields = ['hostPath', 'containerPath', 'readOnly', 'propagation', 'selinuxRelabel'] as const;

/** Adds what the document says, and returns the documents of kubeadm that stand in it. Throws UserError. */
export function readKindCluster(document: Field, config: ClusterConfig, folder: string): Field[] {
  const fields = document.fields(clusterFields);
  fields.apiVersion?.oneOf(['kind.x-k8s.io/v1alpha4']);
  if (fields.name) config.name = readName(fields.name);
  if (fields.networking) readNetworking(fields.networking, config);
  for (const [gate, field] of fields.featureGates?.entries() ?? []) {
    throw field.refuse(`feature ${gate} cannot be switched on or off`);
  }
  for (const [group, field] of fields.runtimeConfig?.entries() ?? []) {
    throw field.refuse(`${group} cannot be switched on or off: what docs/coverage.md names is served`);
  }
  const nodes = fields.nodes?.items() ?? [];
  if (nodes[1]) throw nodes[1].refuse('a cluster has one node, of the role control-plane');
  const patches = [...(fields.kubeadmConfigPatches?.items() ?? [])];
  if (nodes[0]) patches.push(...readNode(nodes[0], config, folder));
  return patches.flatMap((patch) => patch.documents());
}

function readName(field: Field): string {
  const name = field.text();
  if (isClusterName(name)) return name;
  throw field.refuse('a cluster name is up to 30 lower-case letters, digits and inner dashes');
}

function readNetworking(field: Field, config: ClusterConfig): void {
  const fields = field.fields(networkFields);
  fields.ipFamily?.oneOf(['ipv4']);
  fields.apiServerAddress?.oneOf(['127.0.0.1']);
  fields.disableDefaultCNI?.oneOf([false]);
  fields.kubeProxyMode?.oneOf(['nftables']);
  const port = fields.apiServerPort?.integer() ?? 0;
  if (port > 65_535 || port < -1) throw fields.apiServerPort!.refuse('a port is a number from 1 to 65535');
  if (port > 0) config.apiPort = port; // else any that is free
  if (fields.podSubnet) config.podSubnet = readRange(fields.podSubnet);
  if (fields.serviceSubnet) config.serviceSubnet = readRange(fields.serviceSubnet);
}

/** Returns the patches that stand at the node. */
function readNode(node: Field, config: ClusterConfig, folder: string): Field[] {
  const { role, labels, extraMounts, kubeadmConfigPatches } = node.fields(nodeFields);
  role?.oneOf(['control-plane']);
  addNodeLabels(
    config,
    (labels?.entries() ?? []).map(([key, field]) => ({ key, value: field.text(), field })),
  );
  config.nodeMounts.push(...(extraMounts?.items() ?? []).map((field) => readMount(field, folder)));
  return kubeadmConfigPatches?.items() ?? [];
}

/** What a node has of its own, or of the host for its programs. */
const takenPaths = [
  ...['/proc', '/sys', '/dev', '/run', '/etc/hosts', '/etc/hostname', '/etc/resolv.conf', '/etc/passwd', '/etc/group'],
  ...['/usr', '/bin', '/sbin', '/lib', '/lib64', '/var/lib/k8ts', '/var/lib/k8ts-runtime', '/var/lib/kubelet'],
  ...['/var/log/pods', '/var/run', '/etc/ssl/certs'],
];

function readMount(field: Field, folder: string): NodeMount {
  const { hostPath, containerPath, readOnly, propagation, selinuxRelabel } = field.fields(mountFields);
  if (!hostPath) throw field.refuse('hostPath is required');
  if (!containerPath) throw field.refuse('containerPath is required');
  propagation?.oneOf(['None', '']);
  selinuxRelabel?.oneOf([false]);
  const path = readPath(containerPath);
  const taken = takenPaths.find((one) => path === one || path.startsWith(`${one}/`) || one.startsWith(`${path}/`));
  if (path === '/' || taken !== undefined) throw containerPath.refuse(`${taken ?? path} of a node is its own`);
  return { hostPath: resolve(folder, hostPath.text()), containerPath: path, readOnly: readOnly?.boolean() ?? false };
}
