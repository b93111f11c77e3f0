// A node is a sandbox: one mount, net, pid, uts, ipc and cgroup namespace of this host, a control group in
// every tree, and a link on the cluster's bridge.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { type CgroupTrees, makeGroup, procsFiles, removeGroup } from '../host/cgroups.ts';
import { readIfExists, writeFileAtomic } from '../host/files.ts';
import { linkExists } from '../host/network.ts';
import { findMember, signalProcess, waitForExit } from '../host/processes.ts';
import { run } from '../host/run.ts';
import type { Layout, NodeLayout } from '../layout.ts';
import {
  bootScriptFile,
  type HostFacts,
  innerScriptFile,
  nodeCommand,
  renderBootScript,
  renderInnerScript,
  renderResolvConf,
  systemGroup,
} from './boot-script.ts';
import { readHostView } from './host-view.ts';

const endTimeoutMs = 5_000;

interface Host {
  trees: CgroupTrees;
  /** Folders of ours that the node must see. */
  programPaths: readonly string[];
}

/** Makes what a node needs before its units are started: folders, control groups, scripts. Idempotent. */
export function prepareNode(layout: Layout, node: NodeLayout, { trees, programPaths }: Host): void {
  const { credentialsDir, ownRootDir, varDir, tmpDir, mntDir, runDir, rootDir } = node;
  for (const dir of [credentialsDir, ownRootDir, varDir, tmpDir, mntDir, runDir, rootDir, layout.emptyDir])
    mkdirSync(dir, { recursive: true });
  // On version 2 the boot script makes the group for processes, once it has passed through the one above.
  makeGroup(trees, trees.version === 1 ? systemGroup(node) : node.cgroup);
  const facts = readHostFacts(trees, programPaths);
  const options = { mode: 0o700, durable: false };
  writeFileAtomic(innerScriptFile(layout, node), renderInnerScript(layout, node, facts), options);
  writeFileAtomic(bootScriptFile(layout, node), renderBootScript(layout, node, facts), options);
}

/** Tells a node that runs, by the pid of its first process, the name servers that the host has come to have. */
export async function renewNameServers(node: NodeLayout, pid: number): Promise<void> {
  // In the node nothing leads out of it, and nowhere else is anything done.
  const script = '[ "$(cat /etc/hostname)" = "$0" ] && rm -rf /etc/resolv.conf && cat >/etc/resolv.conf';
  const enter = ['--target', String(pid), '--mount', '--', 'sh', '-c', script, node.name];
  await run('nsenter', enter, { input: renderResolvConf(readNameServers()) });
}

/** Ends everything that runs in a node and removes what `prepareNode` and its boot have made, but not its data. */
export async function removeNode(layout: Layout, node: NodeLayout, trees: CgroupTrees): Promise<void> {
  // Its first process takes everything inside along, and what entered from outside can then collect its child.
  const first = findMember(procsFiles(trees, systemGroup(node)), nodeCommand(layout, node));
  if (first) {
    signalProcess(first, 'SIGKILL');
    await waitForExit(first, endTimeoutMs);
  }
  await removeGroup(trees, node.cgroup);
  // The kernel frees the namespace's end some time later; the snapshot after `down` must not depend on when.
  if (linkExists(node.link)) await deleteLink(node.link);
  for (const path of [node.rootDir, node.runDir, bootScriptFile(layout, node), innerScriptFile(layout, node)]) {
    rmSync(path, { recursive: true, force: true });
  }
}

async function deleteLink(link: string): Promise<void> {
  try {
    await run('ip', ['link', 'delete', link]);
  } catch (err) {
    if (linkExists(link)) throw err; // else the kernel was quicker
  }
}

function readHostFacts(trees: CgroupTrees, programPaths: readonly string[]): HostFacts {
  return {
    trees,
    view: readHostView(programPaths, readFileSync('/proc/self/mountinfo', 'utf8')),
    nameServers: readNameServers(),
    mtu: readDefaultMtu(),
  };
}

/** Where the host names its servers: those that a resolver of its own asks are in that one's file. */
const resolvConfs = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf', '/run/NetworkManager/no-stub-resolv.conf'];

/** Name servers of the host that nodes can reach. */
export function readNameServers(files = resolvConfs): string[] {
  for (const file of files) {
    const servers = parseNameServers(readIfExists(file) ?? '');
    if (servers.length > 0) return servers;
  }
  return [];
}

// Nodes have IPv4 alone, and 0.0.0.0 is the host itself.
function parseNameServers(text: string): string[] {
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1]!);
  return servers.filter((address) => isIPv4(address) && !/^(0|127)\./.test(address));
}

/** Packets to the world leave by the default route: a larger size in the cluster would get them dropped there. */
function readDefaultMtu(): number {
  const device = /^(\S+)\s+00000000\s/m.exec(readIfExists('/proc/net/route') ?? '')?.[1];
  return Number(readIfExists(`/sys/class/net/${device}/mtu`) ?? 1500);
}
