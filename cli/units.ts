// The processes of a cluster and their command lines: the one table that says what runs where with which flags.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Component } from './components.ts';
import type { ConfiguredComponent, ExtraArg } from './config/cluster-config.ts';
import { type CgroupTrees, procsFiles } from './host/cgroups.ts';
import { stampOf } from './host/files.ts';
import { clusterDomain, insideNode, type Layout, type NodeLayout, nodeMaskSize, onHost, unitFiles } from './layout.ts';
import { bootScriptFile, nodeCommand, systemGroup, withFreshView } from './nodes/boot-script.ts';
import { readNameServers } from './nodes/sandbox.ts';
import { nodePki, pkiFiles } from './pki/plan.ts';
import type { UnitPlan } from './supervisor/plan.ts';

export interface Program {
  /** The node binary and the bundle of this program. */
  node: string;
  bundle: string;
}

type FlagValues = Record<string, string | number | boolean>;

const toFlags = (values: FlagValues) =>
  Object.entries(values).flatMap(([name, value]) =>
    typeof value === 'boolean' ? [`--${name}=${value}`] : [`--${name}`, String(value)],
  );

export interface UnitContext {
  layout: Layout;
  program: Program;
  trees: CgroupTrees;
}

export function writesAuditLog({ spec }: Layout): boolean {
  return !!spec.config?.extraArgs.apiserver.some(({ name, value }) => name === 'audit-log-path' && value !== '-');
}

/** One thread answers for each: where there are CPUs to spare, more of them answer more. */
function apiServersFor(layout: Layout, cpus: number): number {
  if (writesAuditLog(layout) || cpus < 4) return 1;
  return cpus < 8 ? 2 : 3;
}

/** The units that serve the API, the first of which makes what a cluster begins with. */
export function apiServerNames(layout: Layout, cpus = availableParallelism()): string[] {
  const length = layout.spec.apiServers ?? apiServersFor(layout, cpus);
  return Array.from({ length }, (_, i) => (i === 0 ? 'apiserver' : `apiserver-${i + 1}`));
}

/** Every unit of the control plane that this build has, in the order in which they start. */
export function controlPlaneUnits(context: UnitContext): UnitPlan[] {
  const { layout } = context;
  const files = pkiFiles(layout);
  const onThisHost = (
    component: Component,
    flags: FlagValues,
    inputs: string[],
    name: string = component,
  ): UnitPlan => {
    const socket = join(layout.runDir, `${name}.live`);
    const unit = componentUnit(context, component, { ...flags, 'health-socket': socket }, inputs);
    return { ...returningBuffers(unit), name, ...unitFiles(layout, name), liveness: { socket, path: '/livez' } };
  };
  const count = layout.spec.simulatedNodes;
  const kubeconfig = join(layout.kubeconfigDir, 'simulated-nodes.kubeconfig');
  const simulated = count
    ? [onThisHost('simulated-nodes', { kubeconfig, count }, [files.simulatedNodes, files.ca])]
    : [];
  return [
    firewallUnit(context),
    {
      ...hostUnit(context, 'etcd', etcdStart(layout), [files.etcdServer, files.etcdCa]),
      becomes: etcdCommand(layout),
      // A store that is full is no reason to start again.
      liveness: { port: layout.ports.etcdMetrics, path: '/health?exclude=NOSPACE&serializable=true' },
      stackBy: 'quit',
    },
    ...apiServerNames(layout).map((name) =>
      onThisHost('apiserver', apiserverFlags(layout), [files.apiserver, files.etcdClient, files.ca], name),
    ),
    onThisHost('controllers', controllersFlags(layout), [files.controllers, files.ca, files.metricsServer]),
    onThisHost('scheduler', schedulerFlags(layout), [files.scheduler, files.ca]),
    ...simulated,
  ];
}

// Every transaction of the kernel's rules is told as lines and ends with its generation. What comes
// in a burst is waited for, at most two seconds. The kernel ends the monitor with the shell.
const firewallScript = `exec 3< <(exec setpriv --pdeathsig KILL nft monitor)
"$@" || exit
changed=
while read -r line <&3; do
  case $line in
    'add chain '* | 'delete chain '* | 'delete table '* | 'delete rule '*) changed=1 ;;
    '# new generation '*)
      [ "$changed" ] || continue
      changed=
      until=$((SECONDS + 2))
      while [ "$SECONDS" -lt "$until" ] && read -r -t 0.2 line <&3; do :; done
      "$@" || exit ;;
  esac
done
exit 1`;

/** Puts the cluster's rules back into firewalls of the host that are switched on or loaded anew while it runs. */
export function firewallUnit(context: UnitContext): UnitPlan {
  const { node, bundle } = context.program;
  const reopen = [node, bundle, 'open-firewalls', '--name', context.layout.name];
  const unit = hostUnit(context, 'firewall', ['bash', '--norc', '-p', '-c', firewallScript, 'firewall', ...reopen], []);
  return { ...unit, revision: stampOf(bundle) };
}

/** The units of one node: its first process, then what runs inside. */
export function nodeUnits(context: UnitContext, node: NodeLayout): UnitPlan[] {
  const { layout, trees } = context;
  const name = `${node.unitPrefix}node`;
  const nameServers = readNameServers();
  const first: UnitPlan = {
    name,
    command: ['bash', '--norc', '-p', bootScriptFile(layout, node)],
    becomes: nodeCommand(layout, node),
    ...unitFiles(layout, name),
    cgroupProcs: procsFiles(trees, `${node.cgroup}/system`),
    joins: false,
    revision: '',
  };
  const inside = (component: Component, flags: FlagValues, inputs: string[]): UnitPlan => {
    const files = inputs.map((file) => onHost(node, file));
    const unitName = `${node.unitPrefix}${component}`;
    const socket = `${insideNode.runDir}/${component}.live`;
    const unit = componentUnit(context, component, { ...flags, 'health-socket': socket }, files);
    return {
      ...unit,
      // They read them when they start.
      revision: [unit.revision, ...(flags['resolv-conf'] ? nameServers : [])].join(),
      command: withFreshView(unit.command),
      becomes: unit.command,
      liveness: { socket: onHost(node, socket), path: '/livez' },
      name: unitName,
      ...unitFiles(layout, unitName),
      inside: name,
      cgroupProcs: procsFiles(trees, systemGroup(node)),
    };
  };
  return [
    first,
    inside('runtime', runtimeFlags(node), []),
    inside('kubelet', kubeletFlags(layout, node), [
      nodePki.kubeletServer,
      nodePki.kubeletClient,
      nodePki.storageClient,
    ]),
    inside('proxy', proxyFlags(layout, node), [nodePki.proxyClient]),
  ];
}

function hostUnit({ layout, trees }: UnitContext, name: string, command: string[], inputs: string[]): UnitPlan {
  return {
    name,
    command,
    ...unitFiles(layout, name),
    cgroupProcs: procsFiles(trees, layout.controlPlaneCgroup),
    joins: true,
    revision: inputs.map((file) => stampOf(`${file}.crt`)).join(),
  };
}

/** SIGUSR1 opens the inspector of a component that hangs, at an address that only its log tells. */
const inspectorFlags = ['--inspect-port=127.0.0.1:0', '--inspect-publish-uid=stderr'];

/** A component that rests gives memory back: machinery/heap-at-rest.ts. */
const memoryFlags = ['--expose-gc'];

/**
 * How glibc keeps memory: larger buffers go back to the kernel once they are free, and all threads take from one arena,
 * which costs no time here and spares a cluster 5 to 8 MiB.
 */
const mallocSettings = [`MALLOC_MMAP_THRESHOLD_=${128 * 1024}`, 'MALLOC_ARENA_MAX=1'];

function returningBuffers(unit: UnitPlan): UnitPlan {
  const command = ['env', ...mallocSettings, ...unit.command];
  return { ...unit, command, becomes: unit.command };
}

function componentUnit(context: UnitContext, component: Component, flags: FlagValues, inputs: string[]): UnitPlan {
  const { node, bundle } = context.program;
  const extra = extraArgsOf(context.layout, component);
  const given = [...toFlags(flags), ...extra.map(toFlag)];
  const command = [node, ...inspectorFlags, ...memoryFlags, bundle, component, ...given];
  const unit = hostUnit(context, component, command, inputs);
  const files = extra.filter(({ name }) => /(^|-)(file|config)$/.test(name)).map(({ value }) => stampOf(value));
  return { ...unit, stackBy: 'inspector', revision: [stampOf(bundle), unit.revision, ...files].join() };
}

const toFlag = ({ name, value }: ExtraArg) => `--${name}=${value}`;

function extraArgsOf({ spec }: Layout, component: Component): readonly ExtraArg[] {
  const all: Partial<Record<Component, readonly ExtraArg[]>> = spec.config?.extraArgs ?? {};
  return all[component] ?? [];
}

const controlPlaneFlags: Record<ConfiguredComponent, (layout: Layout) => FlagValues> = {
  apiserver: apiserverFlags,
  controllers: controllersFlags,
  scheduler: schedulerFlags,
};

/** What a user may set although it has a value already. */
const replaceable = new Set([
  ...['service-account-issuer', 'service-node-port-range', 'requestheader-allowed-names'],
  ...['requestheader-username-headers', 'requestheader-uid-headers', 'requestheader-group-headers'],
  'requestheader-extra-headers-prefix',
]);

/** The flags of a component that only the cluster itself may set. */
export function ownFlagsOf(layout: Layout, component: ConfiguredComponent): ReadonlySet<string> {
  const names = Object.keys(controlPlaneFlags[component](layout)).filter((name) => !replaceable.has(name));
  return new Set([...names, 'permit-port-sharing', 'health-port', 'health-socket', 'check']);
}

/** How a component of the control plane is started, but for what observes it. */
export function componentCommand(
  { layout, program }: Pick<UnitContext, 'layout' | 'program'>,
  component: ConfiguredComponent,
): string[] {
  const flags = controlPlaneFlags[component](layout);
  return [program.node, program.bundle, component, ...toFlags(flags), ...extraArgsOf(layout, component).map(toFlag)];
}

/** How a node's kubelet is started, but for what observes it. */
export function kubeletCommand(
  { layout, program }: Pick<UnitContext, 'layout' | 'program'>,
  node: NodeLayout,
): string[] {
  return [program.node, program.bundle, 'kubelet', ...toFlags(kubeletFlags(layout, node))];
}

// An etcd that was killed within the first moments of a new store never elects itself leader again: such a store is
// made anew. $1 says that it is unfinished, $2 is its folder; the rest is the command.
const etcdStartScript = '[ ! -e "$1" ] || rm -rf "$2"; shift 2; exec "$@"';

const etcdStart = (layout: Layout) => [
  'sh',
  '-c',
  etcdStartScript,
  'sh',
  layout.etcdUnfinishedFile,
  layout.etcdDir,
  ...etcdCommand(layout),
];

function etcdCommand(layout: Layout): string[] {
  const { etcdServer, etcdCa } = pkiFiles(layout);
  const client = `https://127.0.0.1:${layout.ports.etcdClient}`;
  const peer = `https://127.0.0.1:${layout.ports.etcdPeer}`;
  return [
    'etcd',
    ...toFlags({
      name: layout.name,
      'data-dir': layout.etcdDir,
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `${layout.name}=${peer}`,
      'listen-metrics-urls': etcdMetricsUrl(layout),
      'cert-file': `${etcdServer}.crt`,
      'key-file': `${etcdServer}.key`,
      'trusted-ca-file': `${etcdCa}.crt`,
      'peer-cert-file': `${etcdServer}.crt`,
      'peer-key-file': `${etcdServer}.key`,
      'peer-trusted-ca-file': `${etcdCa}.crt`,
      'max-request-bytes': 4 * 1024 * 1024,
      'quota-backend-bytes': 8 * 1024 * 1024 * 1024,
      'snapshot-count': 10_000, // fewer applied entries kept in memory than the default
      logger: 'zap',
      'log-outputs': 'stderr',
    }),
    '--client-cert-auth',
    '--peer-client-cert-auth',
  ];
}

/** Where etcd answers /health and /metrics, on loopback. */
function etcdMetricsUrl(layout: Layout): string {
  return `http://127.0.0.1:${layout.ports.etcdMetrics}`;
}

function apiserverFlags(layout: Layout): FlagValues {
  const files = pkiFiles(layout);
  const healthOf = (port: number) => `http://127.0.0.1:${port}/healthz`;
  const { controllersHealth, schedulerHealth } = layout.ports;
  return {
    'component-health': `controller-manager=${healthOf(controllersHealth)},scheduler=${healthOf(schedulerHealth)}`,
    'etcd-servers': `https://127.0.0.1:${layout.ports.etcdClient}`,
    'etcd-cafile': `${files.etcdCa}.crt`,
    'etcd-certfile': `${files.etcdClient}.crt`,
    'etcd-keyfile': `${files.etcdClient}.key`,
    'bind-address': `127.0.0.1,${layout.hostAddress}`,
    'secure-port': layout.ports.api,
    ...(apiServerNames(layout).length > 1 ? { 'permit-port-sharing': true } : {}),
    'tls-cert-file': `${files.apiserver}.crt`,
    'tls-private-key-file': `${files.apiserver}.key`,
    'client-ca-file': `${files.ca}.crt`,
    'service-account-issuer': `https://kubernetes.default.svc.${clusterDomain}`,
    'service-account-key-file': `${files.serviceAccount}.pub`,
    'service-account-signing-key-file': `${files.serviceAccount}.key`,
    'service-cluster-ip-range': layout.serviceSubnet,
    'service-node-port-range': '30000-32767',
    'advertise-address': layout.hostAddress,
    'requestheader-client-ca-file': `${files.frontProxyCa}.crt`,
    'requestheader-allowed-names': 'front-proxy-client',
    'requestheader-username-headers': 'X-Remote-User',
    'requestheader-uid-headers': 'X-Remote-Uid',
    'requestheader-group-headers': 'X-Remote-Group',
    'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
    'proxy-client-cert-file': `${files.frontProxyClient}.crt`,
    'proxy-client-key-file': `${files.frontProxyClient}.key`,
    'kubelet-client-certificate': `${files.kubeletClient}.crt`,
    'kubelet-client-key': `${files.kubeletClient}.key`,
    'kubelet-certificate-authority': `${files.ca}.crt`,
  };
}

function controllersFlags(layout: Layout): FlagValues {
  const { metricsServer } = pkiFiles(layout);
  return {
    kubeconfig: join(layout.kubeconfigDir, 'controllers.kubeconfig'),
    'root-ca-file': `${pkiFiles(layout).ca}.crt`,
    'service-account-private-key-file': `${pkiFiles(layout).serviceAccount}.key`,
    'cluster-signing-cert-file': `${pkiFiles(layout).ca}.crt`,
    'cluster-signing-key-file': `${pkiFiles(layout).ca}.key`,
    'cluster-cidr': layout.podSubnet,
    'node-cidr-mask-size': nodeMaskSize,
    'service-cluster-ip-range': layout.serviceSubnet,
    'use-service-account-credentials': true,
    // As kubeadm starts them: tokens that expired go, and kube-public/cluster-info is signed.
    controllers: '*,bootstrapsigner,tokencleaner',
    ...leaderFlags(layout, 'controllers'),
    'metrics-bind-address': layout.hostAddress,
    'metrics-secure-port': layout.ports.metrics,
    'metrics-tls-cert-file': `${metricsServer}.crt`,
    'metrics-tls-private-key-file': `${metricsServer}.key`,
    'health-port': layout.ports.controllersHealth,
    'bind-address': '127.0.0.1',
    'secure-port': layout.ports.controllersSecure,
  };
}

function schedulerFlags(layout: Layout): FlagValues {
  return {
    kubeconfig: join(layout.kubeconfigDir, 'scheduler.kubeconfig'),
    ...leaderFlags(layout, 'scheduler'),
    'health-port': layout.ports.schedulerHealth,
    'bind-address': '127.0.0.1',
    'secure-port': layout.ports.schedulerSecure,
  };
}

/**
 * A unit is one process at a time, which takes over under its name what the last one had. So a lease may last long, and
 * does not end because a slow machine takes its time to start the API server anew.
 */
const leaderFlags = (layout: Layout, component: Component): FlagValues => ({
  'leader-elect-identity': `${layout.name}-control-plane_${component}`,
  'leader-elect-lease-duration': '120s',
  'leader-elect-renew-deadline': '90s',
  'leader-elect-retry-period': '10s',
});

/** Ports on a node's own loopback, where nothing else can be in the way. */
const nodeHealthPorts = { runtime: 10247, kubelet: 10248, proxy: 10256 } as const;

function runtimeFlags(node: NodeLayout): FlagValues {
  return {
    root: insideNode.runtimeDir,
    'state-dir': insideNode.runtimeStateDir,
    socket: insideNode.runtimeSocket,
    'stream-address': '127.0.0.1',
    'pod-cidr': node.podSubnet,
    'cgroup-root': '/',
    'health-port': nodeHealthPorts.runtime,
  };
}

/**
 * Nodes share the disk of their host, which others fill: as with kind, nobody is evicted and no image removed for that,
 * unless a configuration says so.
 */
const nodeLimits: FlagValues = {
  'eviction-hard':
    'memory.available<100Mi,nodefs.available<0%,nodefs.inodesFree<0%,imagefs.available<0%,imagefs.inodesFree<0%',
  'image-gc-high-threshold': 100,
};

const serverFiles: FlagValues = {
  'tls-cert-file': `${nodePki.kubeletServer}.crt`,
  'tls-private-key-file': `${nodePki.kubeletServer}.key`,
};

function kubeletFlags(layout: Layout, node: NodeLayout): FlagValues {
  const { nodeLabels = {}, singleProcessOOMKill, staticPodPath, kubelet } = layout.spec.config ?? {};
  const { flags = {} } = kubelet ?? {};
  const labels = Object.entries(nodeLabels).map(([key, value]) => `${key}=${value}`);
  return {
    kubeconfig: `${insideNode.credentialsDir}/kubelet.kubeconfig`,
    'node-name': node.name,
    'node-ip': node.address,
    'container-runtime-endpoint': `unix://${insideNode.runtimeSocket}`,
    'root-dir': insideNode.kubeletDir,
    'storage-kubeconfig': `${insideNode.credentialsDir}/storage.kubeconfig`,
    'storage-dir': insideNode.storageDir,
    'log-dir': insideNode.podLogDir,
    'cluster-dns': layout.clusterDns,
    'cluster-domain': clusterDomain,
    ...(flags['rotate-server-certificates'] ? {} : serverFiles),
    'client-ca-file': `${nodePki.ca}.crt`,
    port: 10250,
    'resolv-conf': insideNode.resolvConf,
    'cgroup-root': '/',
    ...(labels.length > 0 ? { 'node-labels': labels.join() } : {}),
    ...nodeLimits,
    ...flags,
    ...(staticPodPath ? { 'pod-manifest-path': staticPodPath } : {}),
    ...(singleProcessOOMKill ? { 'single-process-oom-kill': singleProcessOOMKill.value } : {}),
    'health-port': nodeHealthPorts.kubelet,
  };
}

function proxyFlags(layout: Layout, node: NodeLayout): FlagValues {
  return {
    kubeconfig: `${insideNode.credentialsDir}/proxy.kubeconfig`,
    'node-name': node.name,
    'cluster-cidr': layout.podSubnet,
    'service-cluster-ip-range': layout.serviceSubnet,
    'cluster-dns': layout.clusterDns,
    'cluster-domain': clusterDomain,
    'resolv-conf': insideNode.resolvConf,
    'node-ip': node.address,
    'health-port': nodeHealthPorts.proxy,
  };
}
