// The flags of `k8ts apiserver`, and what they and the files that they name say.
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { readConfigFile } from '../host/config-file.ts';
import { parseGoDuration } from '../machinery/duration.ts';
import { messageOf } from '../machinery/errors.ts';
import { type Flags, type FlagTable, flag } from '../machinery/flags.ts';
import { parseRange } from './admission/address-range.ts';
import { auditPolicyForm } from './audit/policy.ts';
import { authenticationFlags } from './authn/flags.ts';
import { readTokenSettings } from './authn/index.ts';
import { authorizationFlags } from './authz/flags.ts';
import { readAuthorizationSettings } from './authz/index.ts';
import { defaultLimits } from './in-flight.ts';
import { type EncryptionConfig, encryptionConfigForm } from './storage/encryption/config.ts';

export const apiServerFlags = {
  'etcd-servers': flag.list('URLs of etcd, separated by commas.', { required: true }),
  'etcd-cafile': flag.string('CA of etcd (PEM file).'),
  'etcd-certfile': flag.string('Client certificate for etcd.'),
  'etcd-keyfile': flag.string('Key of the client certificate for etcd.'),
  'encryption-provider-config': flag.string('What is encrypted in etcd (EncryptionConfiguration).'),
  'encryption-provider-config-automatic-reload': flag.boolean(
    'Reads --encryption-provider-config anew when it changes.',
    { default: false },
  ),
  'audit-policy-file': flag.string('Which requests are written to the audit log (Policy, audit.k8s.io/v1).'),
  'audit-log-path': flag.string('File of the audit log; - is standard output.'),
  'audit-log-maxage': flag.number('Days that old audit logs are kept; 0 is for ever.', { default: 0 }),
  'audit-log-maxbackup': flag.number('Old audit logs that are kept; 0 is all.', { default: 0 }),
  'audit-log-maxsize': flag.number('Megabytes from which a new audit log is begun.', { default: 100 }),
  'bind-address': flag.list('Addresses to listen on.', { default: ['127.0.0.1'] }),
  'secure-port': flag.number('Port to listen on.', { default: 6443 }),
  'permit-port-sharing': flag.boolean(
    'Listens beside other API servers at the same addresses and port; the kernel deals out connections.',
    { default: false },
  ),
  'tls-cert-file': flag.string('Serving certificate.', { required: true }),
  'tls-private-key-file': flag.string('Key of the serving certificate.', { required: true }),
  'client-ca-file': flag.string('CA of client certificates.', { required: true }),
  'service-account-issuer': flag.string('Issuer of service account tokens.', {
    default: 'https://kubernetes.default.svc.cluster.local',
  }),
  'service-account-key-file': flag.string('Public key of tokens (PEM file).', { required: true }),
  'service-account-signing-key-file': flag.string('Private key of tokens (PEM file).', { required: true }),
  ...authenticationFlags,
  ...authorizationFlags,
  'service-cluster-ip-range': flag.string('Range of Service addresses.', { default: '10.96.0.0/16' }),
  'service-node-port-range': flag.string('Range of node ports.', { default: '30000-32767' }),
  'advertise-address': flag.string('Address under which pods and nodes reach this server; not a loopback one.', {
    required: true,
  }),
  'shutdown-delay-duration': flag.string(
    'How long the server goes on serving after SIGTERM, while /readyz fails (30s).',
    { default: '0s' },
  ),
  'max-requests-inflight': flag.number('How many requests that read may be worked on at a time.', {
    default: defaultLimits.reading,
  }),
  'max-mutating-requests-inflight': flag.number('How many requests that write may be worked on at a time.', {
    default: defaultLimits.writing,
  }),
  'enable-priority-and-fairness': flag.boolean(
    'Requests have their turn by flow schemas and priority levels; false: by their number alone.',
    { default: true },
  ),
  'component-health': flag.list('Where component statuses ask for health: NAME=URL, separated by commas.', {
    default: [],
  }),
  'proxy-client-cert-file': flag.string('Client certificate by which aggregated API servers know this one.'),
  'proxy-client-key-file': flag.string('Key of the client certificate for aggregated API servers.'),
  'kubelet-client-certificate': flag.string('Client certificate for kubelets.'),
  'kubelet-client-key': flag.string('Key of the client certificate for kubelets.'),
  'kubelet-certificate-authority': flag.string('CA of the kubelets.'),
} as const satisfies FlagTable;

export type Options = Flags<typeof apiServerFlags>;

export function readTls(cert: string | undefined, key: string | undefined, ca: string | undefined) {
  if (!cert || !key || !ca) return undefined;
  return { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(ca) };
}

export function parsePortRange(text: string): { first: number; last: number } {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  if (!first || !last || Number(first) > Number(last))
    throw new Error(`--service-node-port-range: ${text} is not a range`);
  return { first: Number(first), last: Number(last) };
}

export function readProxyTls(options: Options) {
  const { 'proxy-client-cert-file': cert, 'proxy-client-key-file': key } = options;
  if (!cert !== !key) throw new Error('--proxy-client-cert-file and --proxy-client-key-file come together');
  return cert && key ? { cert: readFileSync(cert), key: readFileSync(key) } : undefined;
}

export function readEncryption(options: Options): EncryptionConfig | undefined {
  const file = options['encryption-provider-config'];
  if (!file && options['encryption-provider-config-automatic-reload']) {
    throw new Error('--encryption-provider-config-automatic-reload must be set with --encryption-provider-config');
  }
  return file ? readConfigFile(file, encryptionConfigForm) : undefined;
}

export function shutdownDelayMs(options: Options): number {
  try {
    return parseGoDuration(options['shutdown-delay-duration']);
  } catch (err) {
    throw new Error(`--shutdown-delay-duration: ${messageOf(err)}`);
  }
}

/** Throws for what would not let a server start, but for the files that every cluster has. */
export function checkOptions(options: Options): void {
  shutdownDelayMs(options);
  parseRange(options['service-cluster-ip-range']);
  parsePortRange(options['service-node-port-range']);
  readEncryption(options);
  readTokenSettings(options);
  readAuthorizationSettings(options);
  const { 'audit-policy-file': policyFile, 'audit-log-path': logPath } = options;
  if (policyFile) readConfigFile(policyFile, auditPolicyForm);
  if (!logPath || logPath === '-') return;
  const folder = dirname(logPath);
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
    throw new Error(`--audit-log-path: there is no folder ${folder}`);
  }
}
