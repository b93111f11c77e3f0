// What of a sandbox's request becomes rules of the firewall and settings of the kernel: checked before anything is made.
import { existsSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import type { PortMapping } from '../../../proto/cri.gen.ts';
import type { RpcError } from '../../../proto/unary-server.ts';
import { describeError, invalidArgument } from '../errors.ts';
import { usesNodeNamespace } from '../spec/sandbox.ts';

type Config = Parameters<typeof usesNodeNamespace>[0];

const maxHostnameBytes = 64;
const maxPort = 65_535;
const protocols: readonly string[] = ['TCP', 'UDP', 'SCTP'];
/** All of the node's addresses. */
const anyHost = ['', '0.0.0.0', '::'];

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= maxPort;

/** Throws INVALID_ARGUMENT for one that the kernel does not take. */
export function checkHostname(hostname: string): void {
  const bytes = Buffer.byteLength(hostname);
  if (bytes > maxHostnameBytes) throw invalidArgument(`hostname has ${bytes} bytes: ${maxHostnameBytes} are the most`);
}

/** Throws INVALID_ARGUMENT for ports of the node that cannot be, and for one that is asked for twice. */
export function checkPortMappings(mappings: readonly PortMapping[]): void {
  const seen = new Set<string>();
  for (const { protocol, container_port, host_port, host_ip } of mappings) {
    if (host_port === 0) continue; // of no port of the node
    const refuse = (why: string) => invalidArgument(`invalid port mapping to host port ${host_port}: ${why}`);
    if (!isPort(host_port)) throw refuse(`it must be between 1 and ${maxPort}`);
    if (!isPort(container_port)) throw refuse(`container_port ${container_port} must be between 1 and ${maxPort}`);
    if (!protocols.includes(protocol)) throw refuse(`unknown protocol ${JSON.stringify(protocol)}`);
    if (!anyHost.includes(host_ip) && !isIPv4(host_ip))
      throw refuse(`host_ip ${JSON.stringify(host_ip.slice(0, 100))} is no IPv4 address`);
    const key = `${protocol} ${anyHost.includes(host_ip) ? '' : host_ip} ${host_port}`;
    if (seen.has(key)) throw refuse('it is asked for twice');
    seen.add(key);
  }
}

const name = /^[a-z0-9][-_a-z0-9]*([./][a-z0-9][-_a-z0-9]*)+$/;
/** Of the IPC namespace; what begins with `net` is of the network namespace. */
const ipcSysctl = /^(kernel\.(sem|shmall|shmmax|shmmni|shm_rmid_forced|msgmax|msgmnb|msgmni)|fs\.mqueue\..+)$/;

/** Throws INVALID_ARGUMENT for a setting that the sandbox has none of its own of, or the kernel does not know. */
export function checkSysctls(config: Config, procSys = '/proc/sys'): void {
  for (const given of Object.keys(config.linux?.sysctls ?? {})) {
    const refuse = (why: string) => invalidArgument(`sysctl ${JSON.stringify(given.slice(0, 100))} ${why}`);
    if (!name.test(given)) throw refuse('has no valid name');
    const path = given.replaceAll('.', '/');
    const dotted = given.replaceAll('/', '.');
    const space = dotted.startsWith('net.') ? 'network' : ipcSysctl.test(dotted) ? 'ipc' : undefined;
    if (!space) throw refuse('is not namespaced');
    if (usesNodeNamespace(config, space)) throw refuse(`is not allowed with the ${space} namespace of the node`);
    if (!existsSync(join(procSys, path))) throw refuse('is not known to the kernel');
  }
}

/** What the kernel said of a setting's value, when that is why a sandbox did not start. */
export function refusedSysctl(err: unknown): RpcError | undefined {
  const text = describeError(err);
  return /(write to|open) \/proc\/sys\/|sysctl/.test(text) ? invalidArgument(text) : undefined;
}

/** The JSON of a spec; throws INVALID_ARGUMENT where a text in it holds NUL, which no text of the kernel's can. */
export function checkText(json: string): string {
  if (/(?<!\\)(?:\\\\)*\\u0000/.test(json)) throw invalidArgument('a text of the request holds NUL');
  return json;
}
