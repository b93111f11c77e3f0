// /etc/hosts, /etc/hostname and /etc/resolv.conf of a sandbox, mounted into each of its containers.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { ifThereSync } from '../../../host/if-there.ts';
import type { DNSConfig, PodSandboxConfig } from '../../../proto/cri.gen.ts';
import type { Runtime } from '../runtime.ts';
import { usesNodeNamespace } from '../spec/sandbox.ts';
import { idMappingsOf } from '../spec/user-namespace.ts';
import { giveToRoot } from './bundle-mounts.ts';
import { sandboxFilesOf } from './paths.ts';

/** Kubernetes limits neither servers nor options here: the kubelet already did. */
function renderResolvConf(dns: DNSConfig): string {
  const lines = [];
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`);
  for (const server of dns.servers) lines.push(`nameserver ${server}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`);
  return lines.map((line) => `${line}\n`).join('');
}

const loopbackHosts = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
`;

function renderHosts(ip: string | undefined, hostname: string): string {
  return ip ? `${loopbackHosts}${ip}\t${hostname}\n` : loopbackHosts;
}

/** The host name inside: the pod's, or the node's for pods on the node's network. */
export function hostnameOf(rt: Runtime, config: PodSandboxConfig): string {
  return usesNodeNamespace(config, 'network') ? rt.nodeHostname : config.hostname || rt.nodeHostname;
}

export function writeSandboxFiles(rt: Runtime, id: string, config: PodSandboxConfig, ip: string | undefined): void {
  const files = sandboxFilesOf(rt, id, false);
  mkdirSync(rt.sandboxes.dirOf(id), { recursive: true, mode: 0o711 });
  const hostname = hostnameOf(rt, config);
  const onNode = usesNodeNamespace(config, 'network');
  const ids = idMappingsOf(config);
  const put = (path: string, content: string) => {
    writeFileSync(path, content, { mode: 0o644 });
    giveToRoot(path, ids);
  };
  put(files.hostname, `${hostname}\n`);
  put(files.hosts, onNode ? readNodeFile('/etc/hosts') : renderHosts(ip, hostname));
  put(files.resolvConf, config.dns_config ? renderResolvConf(config.dns_config) : readNodeFile('/etc/resolv.conf'));
}

const readNodeFile = (path: string) => ifThereSync(() => readFileSync(path, 'utf8')) ?? '';
