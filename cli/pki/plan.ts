// Which certificates a cluster has: Kubernetes' users and groups as kubeadm gives them. Pure data; issue.ts makes them.
import { join } from 'node:path';
import { parseIP } from '../../machinery/ip.ts';
import { clusterDomain, insideNode, type Layout, onHost } from '../layout.ts';

export interface CertificatePlan {
  /** Path without `.crt` and `.key`. */
  file: string;
  /** Path of the authority that signs it, without `.crt` and `.key`. */
  authority: string;
  commonName: string;
  organization?: string;
  dnsNames?: string[];
  addresses?: string[];
  usages: readonly ('server' | 'client')[];
}

export interface AuthorityPlan {
  file: string;
  commonName: string;
}

export interface PkiPlan {
  authorities: AuthorityPlan[];
  certificates: CertificatePlan[];
  /** Path of the service-account key pair without `.key` and `.pub`. */
  serviceAccountKey: string;
}

/** The names of the files, without endings, that other parts of the program ask for. */
export function pkiFiles(layout: Layout) {
  const at = (name: string) => join(layout.pkiDir, name);
  return {
    ca: at('ca'),
    apiserver: at('apiserver'),
    kubeletClient: at('apiserver-kubelet-client'),
    frontProxyCa: at('front-proxy-ca'),
    frontProxyClient: at('front-proxy-client'),
    admin: at('admin'),
    controllers: at('controller-manager'),
    metricsServer: at('metrics-server'),
    scheduler: at('scheduler'),
    simulatedNodes: at('simulated-nodes'),
    etcdCa: at('etcd/ca'),
    etcdServer: at('etcd/server'),
    etcdClient: at('etcd/client'),
    serviceAccount: at('sa'),
  };
}

/** Credentials of a node, as the node sees them. */
export const nodePki = {
  ca: `${insideNode.credentialsDir}/pki/ca`,
  kubeletClient: `${insideNode.credentialsDir}/pki/kubelet-client`,
  kubeletServer: `${insideNode.credentialsDir}/pki/kubelet`,
  proxyClient: `${insideNode.credentialsDir}/pki/proxy`,
  storageClient: `${insideNode.credentialsDir}/pki/storage`,
} as const;

/** The group that the nodes' storage drivers are in; a user of it bears the node's name behind it. */
export const storageUser = 'k8ts:hostpath-csi';

/** Who keeps the nodes without containers. */
export const simulatedNodesUser = 'k8ts:simulated-nodes';

export function planPki(layout: Layout): PkiPlan {
  const files = pkiFiles(layout);
  const more = layout.spec.config?.certSANs ?? [];
  const client = { authority: files.ca, usages: ['client'] } as const;
  return {
    authorities: [
      { file: files.ca, commonName: 'kubernetes' },
      { file: files.etcdCa, commonName: 'etcd-ca' },
      { file: files.frontProxyCa, commonName: 'front-proxy-ca' },
    ],
    certificates: [
      {
        file: files.apiserver,
        authority: files.ca,
        commonName: 'kube-apiserver',
        dnsNames: [
          'kubernetes',
          'kubernetes.default',
          'kubernetes.default.svc',
          `kubernetes.default.svc.${clusterDomain}`,
          'localhost',
          ...layout.nodes.map((node) => node.name),
          ...more.filter((name) => !parseIP(name)),
        ],
        addresses: [layout.apiServiceAddress, layout.hostAddress, '127.0.0.1', ...more.filter((name) => parseIP(name))],
        usages: ['server'],
      },
      {
        ...client,
        file: files.kubeletClient,
        commonName: 'kube-apiserver-kubelet-client',
        organization: 'system:masters',
      },
      {
        file: files.frontProxyClient,
        authority: files.frontProxyCa,
        commonName: 'front-proxy-client',
        usages: ['client'],
      },
      { ...client, file: files.admin, commonName: 'kubernetes-admin', organization: 'system:masters' },
      { ...client, file: files.controllers, commonName: 'system:kube-controller-manager' },
      {
        file: files.metricsServer,
        authority: files.ca,
        commonName: 'metrics-server',
        dnsNames: ['metrics-server.kube-system.svc'],
        usages: ['server'],
      },
      { ...client, file: files.scheduler, commonName: 'system:kube-scheduler' },
      ...(layout.spec.simulatedNodes
        ? [{ ...client, file: files.simulatedNodes, commonName: simulatedNodesUser }]
        : []),
      {
        file: files.etcdServer,
        authority: files.etcdCa,
        commonName: 'etcd',
        dnsNames: ['localhost'],
        addresses: ['127.0.0.1'],
        usages: ['server', 'client'],
      },
      { file: files.etcdClient, authority: files.etcdCa, commonName: 'kube-apiserver-etcd-client', usages: ['client'] },
      ...layout.nodes.flatMap((node): CertificatePlan[] => [
        {
          ...client,
          file: onHost(node, nodePki.kubeletClient),
          commonName: `system:node:${node.name}`,
          organization: 'system:nodes',
        },
        {
          file: onHost(node, nodePki.kubeletServer),
          authority: files.ca,
          commonName: `system:node:${node.name}`,
          organization: 'system:nodes',
          dnsNames: [node.name],
          addresses: [node.address],
          usages: ['server'],
        },
        { ...client, file: onHost(node, nodePki.proxyClient), commonName: 'system:kube-proxy' },
        {
          ...client,
          file: onHost(node, nodePki.storageClient),
          commonName: `${storageUser}:${node.name}`,
          organization: storageUser,
        },
      ]),
    ],
    serviceAccountKey: files.serviceAccount,
  };
}
