// The scripts that boot a sandbox node. The outer one runs on the host: it clears what a previous boot left, enters
// the node's control groups and unshares every namespace. The inner one runs as pid 1 of the node: it makes the link
// to the host, mounts the node's root over a read-only view of the host's, and becomes a reaper that does nothing
// else, so that nothing can crash it. Shell, because it is a list of mount(8) and ip(8) calls and costs 0.2 s.
import { join } from 'node:path';
import type { CgroupTrees } from '../host/cgroups.ts';
import type { Layout, NodeLayout } from '../layout.ts';

export interface HostFacts {
  trees: CgroupTrees;
  /** Host file systems other than the root's own that a node sees, read-only (say a separate /usr). */
  mounts: string[];
  /** Folders that must be visible although they lie where the node has its own (say a checkout below /tmp). */
  visible: string[];
  /** Name servers that a node can reach. */
  nameServers: string[];
  mtu: number;
}

export function bootScriptFile(layout: Layout, node: NodeLayout): string {
  return join(layout.runDir, 'boot', `${node.name}.sh`);
}

export function innerScriptFile(layout: Layout, node: NodeLayout): string {
  return join(layout.runDir, 'boot', `${node.name}-inner.sh`);
}

/** The command line of a node's pid 1, as ps shows it. */
export function nodeCommand(layout: Layout, node: NodeLayout): string[] {
  return [`k8ts-node ${layout.name}/${node.name}`, '-P'];
}

/** Quotes a word for the shell. */
export function quote(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The control group that a node's own processes are in. */
export function systemGroup(node: NodeLayout): string {
  return `${node.cgroup}/system`;
}

export function renderBootScript(layout: Layout, node: NodeLayout, { trees }: HostFacts): string {
  const groups = trees.hierarchies.map((h) => quote(join(h.mountPoint, node.cgroup)));
  const systemGroups = trees.hierarchies.map((h) => quote(join(h.mountPoint, systemGroup(node))));
  return `#!/bin/bash
# Boots node ${node.name} of cluster ${layout.name}. Written by k8ts; every boot starts from nothing.
set -eu
${groups.map(trees.version === 1 ? clearGroup : clearGroupV2).join('\n')}
ip link delete ${node.link} 2>/dev/null || true
find ${quote(node.tmpDir)} ${quote(node.runDir)} -mindepth 1 -delete
for group in ${groups.join(' ')}; do echo 0 >"$group/cgroup.procs"; done
exec 9</proc/self/ns/net
# The control group namespace begins at the node's group; its processes live one below, where version 2 wants them.
exec unshare --cgroup bash -euc '
  for group in ${systemGroups.join(' ')}; do mkdir -p "$group"; echo 0 >"$group/cgroup.procs"; done
${trees.version === 1 ? '' : `${handDown(groups[0]!)}\n`}  exec unshare --mount --pid --net --uts --ipc --fork --propagation private bash "$1"
' bash ${quote(innerScriptFile(layout, node))}
`;
}

// Whatever still runs from a previous boot: ends with its pid 1, which is among these.
function clearGroup(dir: string): string {
  return `if [ -d ${dir} ]; then
  find ${dir} -name cgroup.procs -exec cat {} + | xargs -r kill -KILL 2>/dev/null || true
fi`;
}

// The groups below go as well, and what the node's group hands down: until it is empty of both, no process may enter it.
function clearGroupV2(dir: string): string {
  return `group=${dir}
for attempt in {1..200}; do
  echo 1 2>/dev/null >"$group/cgroup.kill" || find "$group" -name cgroup.procs -exec cat {} + | xargs -r kill -KILL || true
  find "$group" -mindepth 1 -depth -type d -exec rmdir {} + || true
  if [ -z "$(find "$group" -mindepth 1 -type d)" ] && grep -q "populated 0" "$group/cgroup.events"; then break; fi
  sleep 0.05
done 2>/dev/null
for controller in $(cat "$group/cgroup.subtree_control"); do echo "-$controller" >"$group/cgroup.subtree_control"; done`;
}

const handDown = (dir: string) => `  for controller in $(cat ${dir}/cgroup.controllers); do
    echo "+$controller" >${dir}/cgroup.subtree_control
  done`;

export function renderInnerScript(layout: Layout, node: NodeLayout, facts: HostFacts): string {
  const root = quote(node.rootDir);
  return `#!/bin/bash
# Pid 1 of node ${node.name} of cluster ${layout.name}. Written by k8ts.
set -eu
root=${root}
${renderNetwork(layout, node, facts)}
${renderRoot(node, facts)}
${renderEtc(layout, node, facts)}
${renderKernelMounts(facts)}
cd "$root"
pivot_root . .
umount -l .
cd /
mount --make-rshared /
echo 1 >/proc/sys/net/ipv4/ip_forward
exec 9<&-
exec -a ${quote(nodeCommand(layout, node)[0]!)} catatonit -P
`;
}

// Descriptor 9 is the host's network namespace. To ip(8) there, the namespace of "pid 1" is this process's own.
function renderNetwork(layout: Layout, node: NodeLayout, facts: HostFacts): string {
  return `nsenter --net=/proc/self/fd/9 ip -batch - <<'END'
link add ${node.link} mtu ${facts.mtu} type veth peer name eth0 mtu ${facts.mtu} netns 1
link set ${node.link} master ${layout.bridge} up
END
ip -batch - <<'END'
link set lo up
link set eth0 up
address add ${node.address}/24 dev eth0
route add default via ${layout.hostAddress}
route add unreachable ${layout.serviceSubnet}
route add unreachable ${layout.podSubnet}
END
echo ${node.name} >/proc/sys/kernel/hostname`;
}

function renderRoot(node: NodeLayout, facts: HostFacts): string {
  const readOnly = (path: string) =>
    `mount --bind ${quote(path)} "$root"${quote(path)} && mount -o remount,bind,ro "$root"${quote(path)}`;
  return `mount --bind / "$root"
mount -o remount,bind,ro "$root"
${facts.mounts.map(readOnly).join('\n')}
mount --bind ${quote(node.varDir)} "$root/var"
mount --bind ${quote(node.tmpDir)} "$root/tmp"
if [ -d /mnt ]; then mount --bind ${quote(node.mntDir)} "$root/mnt"; fi
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
mkdir -p "$root/run/k8ts" "$root/run/lock" "$root/var/lib" "$root/var/log" "$root/var/cache" "$root/var/tmp"
chmod 1777 "$root/tmp" "$root/var/tmp" "$root/run/lock"
ln -sfn /run "$root/var/run"
mount --bind ${quote(node.runDir)} "$root/run/k8ts"
${facts.visible.map((path) => `mkdir -p "$root"${quote(path)} && ${readOnly(path)}`).join('\n')}`;
}

// The host's /etc below a layer of the node's own, which is gone with the node's next boot.
function renderEtc(layout: Layout, node: NodeLayout, facts: HostFacts): string {
  const nameServers = facts.nameServers.map((address) => `nameserver ${address}`).join('\n');
  return `mkdir -p "$root/run/.etc/upper" "$root/run/.etc/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$root/run/.etc/upper,workdir=$root/run/.etc/work" "$root/etc"
rm -rf "$root/etc/cni/net.d"
rm -f "$root/etc/hostname" "$root/etc/hosts" "$root/etc/resolv.conf" "$root/etc/machine-id"
echo ${node.name} >"$root/etc/hostname"
echo -n ${layout.name}/${node.name} | md5sum | cut -c1-32 >"$root/etc/machine-id"
cat >"$root/etc/hosts" <<'END'
127.0.0.1 localhost
${node.address} ${node.name}
END
cat >"$root/etc/resolv.conf" <<'END'
${nameServers}
END`;
}

function renderKernelMounts(facts: HostFacts): string {
  return `mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
${renderCgroupMounts(facts.trees)}
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty fuse kvm kmsg loop-control net/tun; do
  if [ -e "/dev/$device" ]; then mkdir -p "$(dirname "$root/dev/$device")"; cp -a "/dev/$device" "$root/dev/$device"; fi
done
mkdir -p "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$root/dev/pts"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s fd/0 "$root/dev/stdin"
ln -s fd/1 "$root/dev/stdout"
ln -s fd/2 "$root/dev/stderr"`;
}

// Version 1 controllers only, or version 2 only: container runtimes refuse a mixture with controllers in version 2.
function renderCgroupMounts(trees: CgroupTrees): string {
  const at = '"$root/sys/fs/cgroup"';
  if (trees.version === 2) return `mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 ${at}`;
  const lines = [`mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs ${at}`];
  for (const { controllers } of trees.hierarchies) {
    if (controllers === '') continue;
    const folder = controllers.replace(/^name=/, '');
    const options = controllers.startsWith('name=') ? `none,${controllers}` : controllers;
    lines.push(
      `mkdir ${at}/${folder}`,
      `mount -t cgroup -o nosuid,nodev,noexec,${options} cgroup ${at}/${folder}`,
      ...(folder.includes(',') ? folder.split(',').map((one) => `ln -s ${folder} ${at}/${one}`) : []),
    );
  }
  return lines.join('\n');
}
