// The certificates of a node: what it shows to the API server, from its first token on, and what its own server shows.
// https://kubernetes.io/docs/reference/access-authn-authz/kubelet-tls-bootstrapping/
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type ClientConfig, readKubeconfig } from '../../client/config.ts';
import { KubeClient } from '../../client/rest.ts';
import { replaceFileDurably } from '../../host/atomic-file.ts';
import type { ComponentContext } from '../../machinery/component.ts';
import { kubeletVersion } from '../node/node-status.ts';
import { type Pair, readIfExists, readPair } from './certificate-files.ts';
import { CertificateManager, type CertificateManagerOptions } from './certificate-manager.ts';

export interface CredentialOptions {
  kubeconfig: string;
  /** With this a first certificate is asked for where the kubeconfig has none that is good; empty for none. */
  bootstrapKubeconfig: string;
  certDir: string;
  /** The certificate for the API server is renewed. */
  rotates: boolean;
  nodeName: string;
}

export interface ServerCertificateOptions {
  /** Both empty for none. */
  certFile: string;
  keyFile: string;
  /** The certificate is asked for, and renewed. */
  rotates: boolean;
}

type Context = Pick<ComponentContext, 'clock' | 'random' | 'log' | 'signal'>;

/** By what the certificate is for; that of the kubelet's server somebody has to approve. */
const purposes = {
  client: { signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
  server: { signerName: 'kubernetes.io/kubelet-serving', usages: ['digital signature', 'server auth'] },
};

export function managerOf(
  purpose: keyof typeof purposes,
  { certDir: dir, nodeName, names }: { certDir: string; nodeName: string; names?: string[] },
  context: Context,
  more: Pick<CertificateManagerOptions, 'client' | 'initial' | 'onChange'>,
): CertificateManager {
  const subject = { commonName: `system:node:${nodeName}`, organization: 'system:nodes', ...(names ? { names } : {}) };
  const own = { name: `kubelet-${purpose}`, dir, subject, ...purposes[purpose] };
  return new CertificateManager({ ...own, ...more }, context);
}

/** How the API server is reached: by the kubeconfig, which is made where it is not there. */
export async function obtainAccess(options: CredentialOptions, context: Context): Promise<ClientConfig> {
  const { kubeconfig, bootstrapKubeconfig } = options;
  const { log, signal } = context;
  if (bootstrapKubeconfig === '' || isGood(kubeconfig, context)) return readKubeconfig(kubeconfig);
  const { server, ca, ...who } = readKubeconfig(bootstrapKubeconfig);
  const client = openClient({ server, ...(ca ? { ca } : {}), ...who }, context);
  try {
    log.info({ server }, 'asking for a certificate with the bootstrap credentials');
    const manager = managerOf('client', { certDir: options.certDir, nodeName: options.nodeName }, context, {
      client: () => client,
      onChange: () => undefined,
    });
    await manager.obtain(signal);
    mkdirSync(dirname(kubeconfig), { recursive: true });
    await replaceFileDurably(kubeconfig, renderKubeconfig({ server, ca }, manager.path));
  } finally {
    client.close();
  }
  return readKubeconfig(kubeconfig);
}

const openClient = (config: ClientConfig, { clock }: Context) =>
  new KubeClient(config, { userAgent: `kubelet/${kubeletVersion}`, clock });

/** Whether a kubeconfig is there with credentials that have not expired. */
function isGood(path: string, { clock, log }: Context): boolean {
  if (!readIfExists(path)) return false;
  try {
    const { cert, key, token } = readKubeconfig(path);
    if (!cert && token) return true;
    return (readPair(cert, key)?.notAfterMs ?? 0) > clock.now();
  } catch (err) {
    log.warn({ err }, 'the kubeconfig cannot be used');
    return false;
  }
}

function renderKubeconfig({ server, ca }: Pick<ClientConfig, 'server' | 'ca'>, pemPath: string): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [
      {
        cluster: { ...(ca ? { 'certificate-authority-data': ca.toString('base64') } : {}), server },
        name: 'default-cluster',
      },
    ],
    contexts: [
      { context: { cluster: 'default-cluster', namespace: 'default', user: 'default-auth' }, name: 'default-context' },
    ],
    'current-context': 'default-context',
    users: [{ name: 'default-auth', user: { 'client-certificate': pemPath, 'client-key': pemPath } }],
  });
}

/**
 * The certificate that the server begins with: that of the files, none where one is to be asked for, else one that
 * vouches for itself.
 */
export async function firstServerPair(
  {
    certFile,
    keyFile,
    rotates,
    ...node
  }: ServerCertificateOptions & { certDir: string; nodeName: string; nodeIp: string },
  { clock }: Pick<Context, 'clock'>,
): Promise<Pair | undefined> {
  if (certFile !== '') {
    const pair = readPair(readFileSync(certFile), readFileSync(keyFile));
    if (!pair) throw new Error(`${certFile} and ${keyFile} are no certificate and its key`);
    return pair;
  }
  if (rotates) return undefined;
  const [certPath, keyPath] = [join(node.certDir, 'kubelet.crt'), join(node.certDir, 'kubelet.key')];
  const kept = readPair(readIfExists(certPath), readIfExists(keyPath));
  if (kept && kept.notAfterMs > clock.now()) return kept;
  const { makeKey, makeSelfSigned } = await import('../../client/certificates.ts');
  const subject = {
    commonName: `${node.nodeName}@${Math.floor(clock.now() / 1000)}`,
    names: [node.nodeName, node.nodeIp],
  };
  const keyPem = makeKey();
  const certificatePem = await makeSelfSigned(keyPem, subject, clock.now());
  mkdirSync(node.certDir, { recursive: true, mode: 0o750 });
  await replaceFileDurably(keyPath, keyPem);
  await replaceFileDurably(certPath, certificatePem);
  return readPair(Buffer.from(certificatePem), Buffer.from(keyPem));
}

/** Renews the certificate that a client shows, from now on and for its next process. */
export function rotateClient(
  options: CredentialOptions,
  context: Context,
  { api, client }: { api: ClientConfig; client: KubeClient },
): CertificateManager {
  const { bootstrapKubeconfig } = options;
  const initial = readPair(api.cert, api.key);
  const onChange = (pair: Pair) => client.present(pair);
  let first: KubeClient | undefined;
  // Nobody is known by a certificate that has expired.
  const whoMayAsk = () => {
    if (manager.isGood || bootstrapKubeconfig === '') return client;
    first ??= openClient(readKubeconfig(bootstrapKubeconfig), context);
    return first;
  };
  const manager = managerOf('client', { certDir: options.certDir, nodeName: options.nodeName }, context, {
    client: whoMayAsk,
    initial,
    onChange,
  });
  // The kubeconfig may hold an older one.
  if (manager.current && manager.current !== initial) client.present(manager.current);
  void manager.run(context.signal);
  return manager;
}
