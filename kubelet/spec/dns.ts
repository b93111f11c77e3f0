// Name resolution in a pod: the resolv.conf its DNS policy asks for.
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/ Upstream: pkg/kubelet/network/dns.
import type { Pod } from '../../api/core/pod.ts';
import { describePod, isHostNetwork } from '../pods/pod-text.ts';

export interface ResolverConfig {
  servers: string[];
  searches: string[];
  options: string[];
}

export interface DnsSettings {
  clusterDns: string;
  clusterDomain: string;
  /** The node's own resolver. */
  node: ResolverConfig;
  /** Hears what the node lacks for its pods. */
  warnOfNode: Warn;
}

const maxServers = 3;
const maxSearches = 32;
const maxSearchLength = 253;
const maxSearchLine = 2048;
const clusterOptions = ['ndots:5'];

/** Reads a resolv.conf. */
export function parseResolvConf(text: string): ResolverConfig {
  const out: ResolverConfig = { servers: [], searches: [], options: [] };
  for (const line of text.split('\n')) {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    if (word === 'nameserver' && rest[0]) out.servers.push(rest[0]);
    // The last of several lines counts.
    else if (word === 'search') out.searches = rest.map((x) => (x === '.' ? x : x.replace(/\.$/, '')));
    else if (word === 'options') out.options = mergeOptions(out.options, rest);
  }
  return out;
}

/** Why pods would not get all search domains of the node's own file. Upstream: CheckLimitsForResolvConf. */
export function faultOfResolvConf(
  path: string,
  { clusterDomain, node: { searches } }: DnsSettings,
): string | undefined {
  const most = maxSearches - (clusterDomain ? 3 : 0);
  if (searches.length > most)
    return `Resolv.conf file '${path}' contains search line consisting of more than ${most} domains!`;
  if (searches.some(({ length }) => length > maxSearchLength))
    return `Resolv.conf file "${path}" contains a search path which length is more than allowed ${maxSearchLength} chars!`;
  if (searches.join(' ').length > maxSearchLine)
    return `Resolv.conf file '${path}' contains search line which length is more than allowed ${maxSearchLine} chars!`;
  return undefined;
}

const unique = (items: readonly string[]) => [...new Set(items)];

/** Options replace those of the same name before them. */
const mergeOptions = (base: readonly string[], more: readonly string[]) => [
  ...new Map([...base, ...more].map((option) => [option.split(':')[0]!, option])).values(),
];

/** Hears what the pod asked for and does not get: reason and message of an event. */
export type Warn = (reason: string, message: string) => void;

export function buildDnsConfig(pod: Pod, settings: DnsSettings, warn: Warn): ResolverConfig {
  const base = chooseBase(pod, settings, warn);
  const own = pod.spec.dnsConfig ?? {};
  const allServers = unique([...base.servers, ...(own.nameservers ?? [])]);
  const servers = allServers.slice(0, maxServers);
  const allSearches = unique([...base.searches, ...(own.searches ?? [])]);
  const searches = fitSearches(allSearches);
  const omitted = (limit: string, what: string, line: string) =>
    warn('DNSConfigForming', `${limit} limits were exceeded, some ${what} have been omitted, the applied ${line}`);
  if (servers.length < allServers.length)
    omitted('Nameserver', 'nameservers', `nameserver line is: ${servers.join(' ')}`);
  if (searches.length < allSearches.length)
    omitted('Search Line', 'search paths', `search line is: ${searches.join(' ')}`);
  return {
    servers,
    searches,
    options: mergeOptions(
      base.options,
      (own.options ?? []).map(({ name = '', value }) => (value ? `${name}:${value}` : name)),
    ),
  };
}

/** Resolvers break off at a domain that is too long, and at a line that is. */
function fitSearches(all: readonly string[]): string[] {
  const fit = all.slice(0, maxSearches).filter(({ length }) => length <= maxSearchLength);
  while (fit.join(' ').length > maxSearchLine) fit.pop();
  return fit;
}

function chooseBase(pod: Pod, settings: DnsSettings, warn: Warn): ResolverConfig {
  const { clusterDns, clusterDomain, node } = settings;
  const policy = pod.spec.dnsPolicy ?? 'ClusterFirst';
  if (policy === 'None') return { servers: [], searches: [], options: [] };
  const isCluster = policy === 'ClusterFirstWithHostNet' || (policy === 'ClusterFirst' && !isHostNetwork(pod));
  if (!isCluster) return node;
  if (!clusterDns) {
    const why =
      'kubelet does not have ClusterDNS IP configured and cannot create Pod using "ClusterFirst" policy. Falling back to "Default" policy.';
    settings.warnOfNode('MissingClusterDNS', why);
    warn('MissingClusterDNS', `pod: "${describePod(pod)}". ${why}`);
    return node;
  }
  const domains = clusterDomain
    ? [`${pod.metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
    : [];
  return { servers: [clusterDns], searches: [...domains, ...node.searches], options: clusterOptions };
}
