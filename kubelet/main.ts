// `k8ts kubelet`: flags and start. Upstream: cmd/kubelet.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { readKubeconfig } from '../client/config.ts';
import { type ComponentSpec, runComponent } from '../machinery/component.ts';
import type { Flags, FlagTable } from '../machinery/flags.ts';
import { type KubeletOptions, startKubelet } from './kubelet.ts';

const flagTable = {
  kubeconfig: { type: 'string', doc: 'How to reach the API server, and as whom.', required: true },
  'node-name': { type: 'string', doc: 'Name of this node.', required: true },
  'node-ip': { type: 'string', doc: 'Address of this node.', required: true },
  'container-runtime-endpoint': {
    type: 'string',
    doc: 'Socket of the container runtime, unix:///path.',
    required: true,
  },
  'root-dir': { type: 'string', doc: 'Folder for volumes and files of pods.', default: '/var/lib/kubelet' },
  'log-dir': { type: 'string', doc: 'Folder for logs of containers.', default: '/var/log/pods' },
  'cluster-dns': { type: 'string', doc: 'Address of the cluster DNS; empty for none.', default: '' },
  'cluster-domain': { type: 'string', doc: 'Domain of the cluster.', default: 'cluster.local' },
  'tls-cert-file': { type: 'string', doc: 'Certificate of the server.', required: true },
  'tls-private-key-file': { type: 'string', doc: 'Its key.', required: true },
  'client-ca-file': { type: 'string', doc: 'CA whose client certificates are accepted.', required: true },
  port: { type: 'number', doc: 'Port of the server.', default: 10_250 },
  'node-labels': { type: 'list', doc: 'Labels of the Node object, key=value,...', default: [] },
  'resolv-conf': { type: 'string', doc: "The node's resolver configuration.", default: '/etc/resolv.conf' },
  'cgroup-root': { type: 'string', doc: 'Control group below which all pods lie.', default: '/' },
  'storage-kubeconfig': {
    type: 'string',
    doc: "As whom the cluster's own storage driver makes volumes; empty for a node without it.",
    default: '',
  },
  'storage-dir': { type: 'string', doc: "Folder for the driver's volumes.", default: '/var/lib/k8ts-storage' },
  'pod-manifest-path': {
    type: 'string',
    doc: 'Folder of manifests of pods, or one manifest, that the kubelet runs by itself; empty for none.',
    default: '',
  },
  'single-process-oom-kill': {
    type: 'boolean',
    doc: 'Memory that runs out ends one process of a container, not all; true on cgroup version 1, false on 2 if not given.',
  },
} as const satisfies FlagTable;

const spec: ComponentSpec<typeof flagTable> = {
  name: 'kubelet',
  summary: 'Runs the pods that are bound to this node.',
  flags: flagTable,
  start: (flags, context) => startKubelet(toOptions(flags), context),
};

function toOptions(flags: Flags<typeof flagTable>): KubeletOptions {
  const endpoint = flags['container-runtime-endpoint'];
  return {
    identity: {
      name: flags['node-name'],
      ip: flags['node-ip'],
      port: flags.port,
      labels: parseLabels(flags['node-labels']),
    },
    api: readKubeconfig(flags.kubeconfig),
    runtimeSocket: endpoint.replace(/^unix:\/\//, ''),
    rootDir: flags['root-dir'],
    podLogsDir: flags['log-dir'],
    clusterDns: flags['cluster-dns'],
    clusterDomain: flags['cluster-domain'],
    resolvConf: flags['resolv-conf'],
    cgroupRoot: flags['cgroup-root'],
    staticPodPath: flags['pod-manifest-path'],
    singleProcessOOMKill: flags['single-process-oom-kill'],
    clientCaFile: flags['client-ca-file'],
    storage: flags['storage-kubeconfig']
      ? { api: readKubeconfig(flags['storage-kubeconfig']), dir: flags['storage-dir'] }
      : undefined,
    tls: {
      cert: readFileSync(flags['tls-cert-file']),
      key: readFileSync(flags['tls-private-key-file']),
      clientCa: readFileSync(flags['client-ca-file']),
    },
  };
}

function parseLabels(pairs: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = '', ...value] = pair.split('=');
      return [key, value.join('=')];
    }),
  );
}

export async function main(argv: string[]): Promise<void> {
  await runComponent(process, spec, argv);
}
