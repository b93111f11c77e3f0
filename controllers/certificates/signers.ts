// The rules of the built-in signers: which requests each of them takes. Upstream: apis/certificates/v1/helpers.go and
// pkg/controller/certificates/signer. Pure.
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#kubernetes-signers
import type { CertificateRequest } from '../../machinery/certificate-request.ts';

export const signerNames = {
  client: 'kubernetes.io/kube-apiserver-client',
  kubeletClient: 'kubernetes.io/kube-apiserver-client-kubelet',
  kubeletServing: 'kubernetes.io/kubelet-serving',
  legacy: 'kubernetes.io/legacy-unknown',
} as const;

type Rule = (request: CertificateRequest, usages: readonly string[]) => string | undefined;

/** By signer name: why it does not take a request, or undefined where it does. */
export const signerRules: Readonly<Record<string, Rule>> = {
  [signerNames.client]: (_request, usages) => findClientUsageProblem(usages),
  [signerNames.kubeletClient]: findKubeletClientProblem,
  [signerNames.kubeletServing]: findKubeletServingProblem,
  [signerNames.legacy]: () => undefined,
};

function findClientUsageProblem(usages: readonly string[]): string | undefined {
  const odd = usages.find((usage) => !['digital signature', 'key encipherment', 'client auth'].includes(usage));
  if (odd !== undefined) return `invalid usage for client certificate: ${odd}`;
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth';
}

const has = (values: readonly unknown[]) => values.length > 0;

/** What is wrong with a request for a certificate that a kubelet shows to the API server. */
export function findKubeletClientProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (has(request.dnsNames)) return 'DNS subjectAltNames are not allowed';
  if (has(request.emailAddresses)) return 'Email subjectAltNames are not allowed';
  if (has(request.ipAddresses)) return 'IP subjectAltNames are not allowed';
  if (has(request.uris)) return 'URI subjectAltNames are not allowed';
  if (!isNodeName(request)) return 'subject common name does not begin with system:node: ';
  return findUsageProblem(usages, 'client auth');
}

function findKubeletServingProblem(request: CertificateRequest, usages: readonly string[]): string | undefined {
  if (!isOfNodes(request)) return 'subject organization is not system:nodes';
  if (!has(request.dnsNames) && !has(request.ipAddresses)) return 'at least one DNS or IP subjectAltName is required';
  if (has(request.emailAddresses)) return 'Email subjectAltNames are not allowed';
  if (has(request.uris)) return 'URI subjectAltNames are not allowed';
  if (!isNodeName(request)) return 'subject common name does not begin with system:node: ';
  return findUsageProblem(usages, 'server auth');
}

const isOfNodes = ({ organizations }: CertificateRequest) =>
  organizations.length === 1 && organizations[0] === 'system:nodes';
const isNodeName = ({ commonName }: CertificateRequest) => commonName.startsWith('system:node:');

/** The usages are these, with or without the one that only RSA keys need. */
function findUsageProblem(usages: readonly string[], auth: string): string | undefined {
  const wanted = new Set(['digital signature', auth]);
  const given = new Set(usages.filter((usage) => usage !== 'key encipherment'));
  const isSame = given.size === wanted.size && [...wanted].every((usage) => given.has(usage));
  return isSame ? undefined : `usages did not match [digital signature ${auth}]`;
}
