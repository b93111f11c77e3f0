// Labels that a node gives itself: what the kubelet may set of names that belong to Kubernetes is limited.
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction
import { checkLabelValue, checkQualifiedName } from '../../machinery/name-rules.ts';
import type { ClusterConfig } from './cluster-config.ts';
import type { Field } from './documents.ts';

const own = new Set([
  ...['kubernetes.io/hostname', 'kubernetes.io/arch', 'kubernetes.io/os'],
  ...['beta.kubernetes.io/arch', 'beta.kubernetes.io/os', 'beta.kubernetes.io/instance-type'],
  ...['node.kubernetes.io/instance-type', 'topology.kubernetes.io/region', 'topology.kubernetes.io/zone'],
  ...['failure-domain.beta.kubernetes.io/region', 'failure-domain.beta.kubernetes.io/zone'],
]);
const within = (domain: string, of: string) => domain === of || domain.endsWith(`.${of}`);

/** Throws UserError for a label that the node would be refused with. */
export function addNodeLabels(
  config: ClusterConfig,
  labels: readonly { key: string; value: string; field: Field }[],
): void {
  for (const { key, value, field } of labels) {
    const [wrong] = [...checkQualifiedName(key), ...checkLabelValue(value)];
    if (wrong !== undefined) throw field.refuse(`label ${key}=${value}: ${wrong}`);
    const domain = key.includes('/') ? key.split('/')[0]! : '';
    const isKubernetes = within(domain, 'kubernetes.io') || within(domain, 'k8s.io');
    const isAllowed = own.has(key) || within(domain, 'kubelet.kubernetes.io') || within(domain, 'node.kubernetes.io');
    if (isKubernetes && !isAllowed) throw field.refuse(`label ${key}: a node may not give itself such a label`);
    config.nodeLabels[key] = value;
  }
}
