// Where everything of a cluster is. A cluster's name and slot decide every path, address, port, link and table; this
// is the one place that derives them, so that two clusters never meet and `down` knows what to remove.
//
// Slot k: bridge k8ts<k> with 10.89.<k>.1/24, node n at 10.89.<k>.<1+n>, pods in 10.<244-k>.0.0/16 (node n has the
// n-th /24 of it), services in 10.<96+k>.0.0/16. The last slots are for machines whose network, or VPN, has all of
// 10.0.0.0/8: parts of 198.18.0.0/15, which stands for nothing outside laboratories (RFC 2544).
import { join } from 'node:path';
import { addressAt, parseSubnet, subnetAt } from '../machinery/subnet.ts';
import type { ClusterConfig } from './config/cluster-config.ts';

/** What is remembered of a cluster: cluster.json in its state folder. */
export interface ClusterSpec {
  name: string;
  slot: number;
  podSubnet?: string;
  serviceSubnet?: string;
  apiPort?: number;
  /** API servers, all at the same port; as many as the machine has use for where nothing is said. */
  apiServers?: number;
  /** Nodes without containers, beside the others. */
  simulatedNodes?: number;
  /** Pods may open connections to the world beyond the host. */
  egress: boolean;
  /** What a configuration file says beyond that. */
  config?: ClusterConfig;
}

export const defaultClusterName = 'k8ts';
/** The control group of all clusters, below the root of every hierarchy. */
export const clustersCgroup = 'k8ts';
/** Each has a range of its own for pods, and they are not of the cluster's. */
export const maxSimulatedNodes = 4096;
export const maxApiServers = 8;
const slotsOf10 = 64;
export const slotCount = slotsOf10 + 4;
export const clusterDomain = 'cluster.local';
/** Of the pods' range, each node has a part with so many bits; the controllers and every node's runtime go by it. */
export const nodeMaskSize = 24;

// A socket's path must fit 107 bytes, and it holds the cluster's name twice.
const clusterNamePattern = /^[a-z0-9]([a-z0-9-]{0,28}[a-z0-9])?$/;

export function isClusterName(name: string): boolean {
  return clusterNamePattern.test(name);
}

/** The folders that hold all clusters. */
export interface Roots {
  state: string;
  run: string;
}

export const defaultRoots: Roots = { state: '/var/lib/k8ts', run: '/run/k8ts' };

export interface NodeLayout {
  name: string;
  /** 1 for the first. */
  index: number;
  address: string;
  podSubnet: string;
  /** The host's end of the node's link. */
  link: string;
  /** The control group, relative to the root of every hierarchy. */
  cgroup: string;
  /** Folders of the host that are the node's /, /var, /tmp, /mnt and /run/k8ts. */
  ownRootDir: string;
  varDir: string;
  tmpDir: string;
  mntDir: string;
  runDir: string;
  /** What the node's components show who they are with. Written from outside, so no pod may write to it. */
  credentialsDir: string;
  /** An empty folder on which the node mounts its root. */
  rootDir: string;
  /** What a node's units are called: `kubelet` on the first node, `<node>/kubelet` on the others. */
  unitPrefix: string;
}

/** Paths as processes inside a node see them. */
export const insideNode = {
  runDir: '/run/k8ts',
  credentialsDir: '/var/lib/k8ts',
  kubeletDir: '/var/lib/kubelet',
  podLogDir: '/var/log/pods',
  storageDir: '/var/lib/k8ts-storage',
  runtimeDir: '/var/lib/k8ts-runtime',
  runtimeStateDir: '/run/k8ts-runtime',
  runtimeSocket: '/run/k8ts/runtime.sock',
  resolvConf: '/etc/resolv.conf',
} as const;

export interface Layout {
  spec: ClusterSpec;
  name: string;
  contextName: string;
  roots: Roots;
  stateDir: string;
  runDir: string;
  logDir: string;
  pkiDir: string;
  kubeconfigDir: string;
  etcdDir: string;
  /**
   * Is there from before etcd first starts until it first answers: what lies in its folder
   * meanwhile is of no worth.
   */
  etcdUnfinishedFile: string;
  specFile: string;
  /** Holds nothing: the second layer of overlays that have only one. */
  emptyDir: string;
  planFile: string;
  processesFile: string;
  /** Where the supervisor answers that it is alive. */
  supervisorSocket: string;
  cgroup: string;
  controlPlaneCgroup: string;
  supervisorCgroup: string;
  /** What clusters have changed at the root of the host's control groups; the last one undoes it. */
  cgroupRootFile: string;
  /** The limits of inotify as they were before a cluster raised them. */
  inotifyFile: string;
  bridge: string;
  nftTable: string;
  nodeSubnet: string;
  /** The host on the node network: where nodes find the API server. */
  hostAddress: string;
  podSubnet: string;
  serviceSubnet: string;
  apiServiceAddress: string;
  clusterDns: string;
  apiUrl: string;
  apiUrlOfNodes: string;
  ports: Record<'api' | (typeof portNames)[number], number>;
  nodes: NodeLayout[];
}

/** In their order from the first port of a slot on. */
const portNames = [
  ...(['etcdClient', 'etcdPeer', 'etcdMetrics', 'controllersHealth', 'schedulerHealth', 'metrics'] as const),
  ...(['controllersSecure', 'schedulerSecure'] as const),
] as const;

/** The addresses a slot stands for. */
export function slotSubnets(slot: number): { nodes: string; pods: string; services: string } {
  if (slot >= slotsOf10) {
    const half = (third: number) => `198.${slot % 2 === 0 ? 18 : 19}.${third + (slot < slotsOf10 + 2 ? 0 : 128)}.0`;
    return { nodes: `${half(96)}/24`, pods: `${half(0)}/18`, services: `${half(64)}/19` };
  }
  return { nodes: `10.89.${slot}.0/24`, pods: `10.${244 - slot}.0.0/16`, services: `10.${96 + slot}.0.0/16` };
}

export function bridgeName(slot: number): string {
  return `k8ts${slot}`;
}

export function layoutOf(spec: ClusterSpec, roots: Roots = defaultRoots): Layout {
  const { name, slot } = spec;
  const subnets = slotSubnets(slot);
  const podSubnet = spec.podSubnet ?? subnets.pods;
  const serviceSubnet = spec.serviceSubnet ?? subnets.services;
  const stateDir = join(roots.state, name);
  const runDir = join(roots.run, name);
  const hostAddress = addressAt(parseSubnet(subnets.nodes), 1);
  const firstPort = 16379 + 10 * slot;
  const numbered = Object.fromEntries(portNames.map((port, i) => [port, firstPort + i])) as Omit<
    Layout['ports'],
    'api'
  >;
  const api = spec.apiPort ?? 6443 + slot;
  const layout: Layout = {
    spec,
    name,
    contextName: contextNameOf(name),
    roots,
    stateDir,
    runDir,
    logDir: join(stateDir, 'logs'),
    pkiDir: join(stateDir, 'pki'),
    kubeconfigDir: join(stateDir, 'kubeconfigs'),
    etcdDir: join(stateDir, 'etcd'),
    etcdUnfinishedFile: join(stateDir, 'etcd.unfinished'),
    specFile: specFileOf(name, roots),
    emptyDir: join(runDir, 'empty'),
    planFile: join(runDir, 'plan.json'),
    processesFile: join(runDir, 'processes.json'),
    supervisorSocket: join(runDir, 'supervisor.live'),
    cgroup: `${clustersCgroup}/${name}`,
    controlPlaneCgroup: `${clustersCgroup}/${name}/control-plane`,
    cgroupRootFile: join(roots.run, 'cgroup-root.json'),
    inotifyFile: join(roots.run, 'inotify.json'),
    supervisorCgroup: `${clustersCgroup}/${name}/supervisor`,
    bridge: bridgeName(slot),
    nftTable: `k8ts-${name}`,
    nodeSubnet: subnets.nodes,
    hostAddress,
    podSubnet,
    serviceSubnet,
    apiServiceAddress: addressAt(parseSubnet(serviceSubnet), 1),
    clusterDns: addressAt(parseSubnet(serviceSubnet), 10),
    apiUrl: `https://127.0.0.1:${api}`,
    apiUrlOfNodes: `https://${hostAddress}:${api}`,
    ports: { api, ...numbered },
    nodes: [],
  };
  layout.nodes.push(nodeLayout(layout, `${name}-control-plane`, 1));
  return layout;
}

export function contextNameOf(name: string): string {
  return `k8ts-${name}`;
}

export function specFileOf(name: string, roots: Roots): string {
  return join(roots.state, name, 'cluster.json');
}

function nodeLayout(cluster: Layout, name: string, index: number): NodeLayout {
  const stateDir = join(cluster.stateDir, 'nodes', name);
  return {
    name,
    index,
    address: addressAt(parseSubnet(cluster.nodeSubnet), 1 + index),
    podSubnet: subnetAt(parseSubnet(cluster.podSubnet), nodeMaskSize, index - 1),
    link: `${cluster.bridge}-${index}`,
    cgroup: `${cluster.cgroup}/${name}`,
    credentialsDir: join(stateDir, 'credentials'),
    ownRootDir: join(stateDir, 'root'),
    varDir: join(stateDir, 'var'),
    tmpDir: join(stateDir, 'tmp'),
    mntDir: join(stateDir, 'mnt'),
    runDir: join(cluster.runDir, 'nodes', name),
    rootDir: join(cluster.runDir, 'roots', name),
    unitPrefix: index === 1 ? '' : `${name}/`,
  };
}

/** A path inside a node as the host sees it. Only /var and /run/k8ts are there, and what lies there pods can change. */
export function onHost(node: NodeLayout, path: string): string {
  const { credentialsDir } = insideNode;
  if (path.startsWith(`${credentialsDir}/`)) return join(node.credentialsDir, path.slice(credentialsDir.length));
  if (path.startsWith('/var/')) return join(node.varDir, path.slice('/var'.length));
  if (path.startsWith('/run/k8ts/')) return join(node.runDir, path.slice('/run/k8ts'.length));
  throw new Error(`${path} of a node is not visible on the host`);
}

/** Where a unit writes its log and leaves its pid. */
export function unitFiles(layout: Layout, unit: string): { logFile: string; pidFile: string } {
  return { logFile: join(layout.logDir, `${unit}.log`), pidFile: join(layout.runDir, `${unit}.pid`) };
}
