// The scripts that boot a sandbox node. The outer one runs on the host: it clears what a previous boot left, enters
// the node's control groups and unshares every namespace. The inner one runs as pid 1 of the node: it makes the link
// to the host, mounts the node's root, and becomes a reaper that does nothing else, so that nothing can crash it.
// Shell, because it is a list of mount(8) and ip(8) calls and costs 0.2 s.
import { dirname, join } from 'node:path';
import type { NodeMount } from '../config/cluster-config.ts';
import type { CgroupTrees } from '../host/cgroups.ts';
import { insideNode, type Layout, type NodeLayout } from '../layout.ts';
import { type HostView, hostMountName, overlayLayer, ownFolders, sharedEtcFiles } from './host-view.ts';

export interface HostFacts {
  trees: CgroupTrees;
  view: HostView;
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

// The groups below go as well, and what the node's group hands down: until it is empty of both, no
// process may enter it.
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
${renderRoot(layout, node, facts)}
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

// Descriptor 9 is the host's network namespace, 8 the node's. A pid would name another process than the one meant where
// ip(8) looks it up in /proc, which is still the host's (iproute2 6.15 does).
function renderNetwork(layout: Layout, node: NodeLayout, facts: HostFacts): string {
  return `exec 8</proc/self/ns/net
nsenter --net=/proc/self/fd/9 ip -batch - <<'END'
link add ${node.link} mtu ${facts.mtu} type veth peer name eth0 mtu ${facts.mtu} netns /proc/self/fd/8
link set ${node.link} master ${layout.bridge} up
END
exec 8<&-
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

// The node's folders are the pods' to write to by hostPath, so what lies in them may be anything by the next boot: a
// link where a folder was would lead out of the root, which is not yet the root.
const helpers = `# Every part of the path is a folder of the node's own.
folder() {
  local - IFS=/ at=$root part
  set -f
  for part in $1; do
    [ -n "$part" ] || continue
    at=$at/$part
    if [ -L "$at" ] || [ ! -d "$at" ]; then rm -rf -- "$at"; mkdir -- "$at"; fi
  done
}
link() { rm -rf -- "$root$1"; ln -s -- "$2" "$root$1"; }
put() { rm -rf -- "$root$1"; cat >"$root$1"; }
host_folder() {
  folder "$1"
  mount -t overlay ${hostMountName} -o "ro,nosuid,nodev,lowerdir=$2:$empty" "$root$1"
}`;

function renderRoot(layout: Layout, node: NodeLayout, { view }: HostFacts): string {
  return `empty=${overlayLayer(layout.emptyDir)}
${helpers}
mount -o bind,nosuid,nodev ${quote(node.ownRootDir)} "$root"
for path in dev etc mnt proc root run sys tmp var ${ownFolders.join(' ')}; do folder "$path"; done
mount -o bind,nodev ${quote(node.varDir)} "$root/var"
mount -o bind,nosuid,nodev ${quote(node.tmpDir)} "$root/tmp"
mount -o bind,nosuid,nodev ${quote(node.mntDir)} "$root/mnt"
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
for path in run/lock var/lib var/log var/cache var/tmp; do folder "$path"; done
chmod 700 "$root/root"
chmod 1777 "$root/tmp" "$root/var/tmp" "$root/run/lock"
link /var/run /run
folder run/k8ts
mount -o bind,nosuid,nodev ${quote(node.runDir)} "$root/run/k8ts"
host_folder ${insideNode.credentialsDir} ${quote(overlayLayer(node.credentialsDir))}
${view.links.map(({ path, target }) => `link ${quote(path)} ${quote(target)}`).join('\n')}
${view.folders.map((path) => `host_folder ${quote(path)} ${quote(overlayLayer(path))}`).join('\n')}
${(layout.spec.config?.nodeMounts ?? []).map(renderMount).join('\n')}`;
}

/** What the user has asked the node to see of the host, a folder or a file. */
function renderMount({ hostPath, containerPath, readOnly }: NodeMount): string {
  const [from, to] = [quote(hostPath), quote(containerPath)];
  return `if [ -d ${from} ]; then folder ${to}; else folder ${quote(dirname(containerPath))}; put ${to} </dev/null; fi
mount -o bind,nosuid,nodev${readOnly ? ',ro' : ''} ${from} "$root"${to}`;
}

export const renderResolvConf = (nameServers: readonly string[]) =>
  nameServers.map((address) => `nameserver ${address}\n`).join('');

function renderEtc(layout: Layout, node: NodeLayout, facts: HostFacts): string {
  return `for name in ${sharedEtcFiles.join(' ')}; do
  rm -rf -- "$root/etc/$name"
  if [ -e "/etc/$name" ]; then cp -a "/etc/$name" "$root/etc/$name"; fi
done
link /etc/mtab ../proc/self/mounts
printf '%s\\n' root:x:0:0:root:/root:/bin/bash nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin | put /etc/passwd
printf '%s\\n' root:x:0: tty:x:5: nogroup:x:65534: | put /etc/group
printf '%s\\n' 'passwd: files' 'group: files' 'hosts: files dns' | put /etc/nsswitch.conf
echo ${node.name} | put /etc/hostname
echo -n ${layout.name}/${node.name} | md5sum | cut -c1-32 | put /etc/machine-id
put /etc/hosts <<'END'
127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
${node.address} ${node.name}
END
put /etc/resolv.conf <<'END'
${renderResolvConf(facts.nameServers)}END`;
}

function renderKernelMounts(facts: HostFacts): string {
  return `mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t sysfs -o nosuid,nodev,noexec sysfs "$root/sys"
if [ -e /sys/kernel/security/apparmor ]; then
  mount -t securityfs -o ro,nosuid,nodev,noexec securityfs "$root/sys/kernel/security"
fi
${renderCgroupMounts(facts.trees)}
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero full random urandom tty fuse kvm kmsg net/tun; do
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

/**
 * A command inside a node that sees the host's programs as they are now: an overlay goes on showing folders that were
 * replaced below it (a new build, an upgraded package) until it is told to look again.
 */
export function withFreshView(command: readonly string[]): string[] {
  const script = `while read -r source path _; do
  if [ "$source" = ${hostMountName} ]; then mount -o remount,ro,nosuid,nodev "$(printf '%b' "$path")"; fi
done </proc/self/mounts
exec "$@"`;
  return ['bash', '--norc', '-p', '-c', script, 'bash', ...command];
}
