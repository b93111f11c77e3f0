// /etc/hosts and the host name of a pod. Upstream: kubelet_pods.go, managedHostsFileContent and
// GeneratePodHostNameAndDomain.

import type { HostAlias } from '../../api/core/pod/pod-spec.ts';
import type { Pod } from '../../api/core/pod.ts';
import { isHostNetwork } from '../pods/pod-text.ts';

const maxHostnameLength = 63;

/** The domain is empty when the pod has no subdomain. */
export function podHostname(pod: Pod, clusterDomain: string) {
  const { hostname, hostnameOverride, subdomain } = pod.spec;
  const name = (hostnameOverride || hostname || (pod.metadata.name ?? ''))
    .slice(0, maxHostnameLength)
    .replace(/[-.]+$/, '');
  const hasDomain = subdomain && !hostnameOverride;
  return { hostname: name, domain: hasDomain ? `${subdomain}.${pod.metadata.namespace}.svc.${clusterDomain}` : '' };
}

/**
 * What the sandbox is called: the short name, or the full one where the pod asks for it. Throws
 * when that is too long.
 */
export function sandboxHostname(pod: Pod, clusterDomain: string): string {
  if (isHostNetwork(pod)) return '';
  const { hostname, domain } = podHostname(pod, clusterDomain);
  if (!pod.spec.setHostnameAsFQDN || !domain) return hostname;
  const full = `${hostname}.${domain}`;
  if (full.length > 64) {
    throw new Error(
      `failed to construct FQDN from pod hostname and cluster domain, FQDN ${full} is too long (64 characters is the max, ${full.length} characters requested)`,
    );
  }
  return full;
}

const managedHeader = `# Kubernetes-managed hosts file.
127.0.0.1	localhost
::1	localhost ip6-localhost ip6-loopback
fe00::0	ip6-localnet
fe00::0	ip6-mcastprefix
fe00::1	ip6-allnodes
fe00::2	ip6-allrouters
`;

function formatAliases(aliases: readonly HostAlias[] | undefined): string {
  if (!aliases?.length) return '';
  const lines = aliases.map(({ ip, hostnames }) => `${ip}\t${(hostnames ?? []).join('\t')}\n`);
  return `\n# Entries added by HostAliases.\n${lines.join('')}`;
}

/** The file of a pod with its own network. */
export function renderPodHosts(pod: Pod, ips: readonly string[], clusterDomain: string): string {
  const { hostname, domain } = podHostname(pod, clusterDomain);
  const names = domain ? `${hostname}.${domain}\t${hostname}` : hostname;
  return `${managedHeader}${ips.map((ip) => `${ip}\t${names}\n`).join('')}${formatAliases(pod.spec.hostAliases)}`;
}

/** The file of a pod on the node's network: the node's, and the aliases. */
export function renderHostNetworkHosts(pod: Pod, nodeHosts: string): string {
  return `# Kubernetes-managed hosts file (host network).\n${nodeHosts}${formatAliases(pod.spec.hostAliases)}`;
}
