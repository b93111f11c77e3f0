// What must hold before a cluster is touched: root, programs, free ports, room on the disk. Each failure names the
// thing and the way out; nothing has been changed by then.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { runCommand } from '../../host/command.ts';
import { messageOf } from '../../machinery/errors.ts';
import { commandName } from '../command-name.ts';
import { readIfExists } from '../host/files.ts';
import { findPrograms } from '../host/programs.ts';
import type { Layout } from '../layout.ts';
import { errnoOf, UserError } from '../user-error.ts';

export function requireRoot(uid: number | undefined, command = 'up'): void {
  if (uid === 0) {
    requireCapabilities();
    return;
  }
  throw new UserError('this needs root: namespaces, mounts and network links are made here', {
    hint: `Run it as root, for instance: sudo ${commandName} ${command}`,
  });
}

/** What containers, their file systems and their network are made with, by number: capabilities(7). */
const neededCapabilities = new Map([
  [0, 'CHOWN'],
  [1, 'DAC_OVERRIDE'],
  [3, 'FOWNER'],
  [5, 'KILL'],
  [6, 'SETGID'],
  [7, 'SETUID'],
  [8, 'SETPCAP'],
  [12, 'NET_ADMIN'],
  [18, 'SYS_CHROOT'],
  [21, 'SYS_ADMIN'],
  [27, 'MKNOD'],
]);
/** All users of the machine are those of this namespace: user_namespaces(7). */
const everybody = '0 0 4294967295';

/** Fails for a root that is none on the machine, as in most containers. Takes the texts of /proc/self/status and uid_map. */
export function requireCapabilities(
  status = readFileSync('/proc/self/status', 'utf8'),
  uidMap = readIfExists('/proc/self/uid_map') ?? everybody,
): void {
  const mask = BigInt(`0x${/^CapEff:\s*(\w+)/m.exec(status)![1]}`);
  const lacking = [...neededCapabilities].filter(([bit]) => ((mask >> BigInt(bit)) & 1n) === 0n);
  const isMapped = uidMap.trim().split(/\s+/).join(' ') !== everybody;
  if (lacking.length === 0 && !isMapped) return;
  const what = isMapped
    ? 'it is that of a user namespace'
    : `it lacks ${lacking.map(([, name]) => `CAP_${name}`).join(', ')}`;
  throw new UserError(`root can do too little here: ${what}`, {
    hint: 'A container must be privileged and not rootless (docker run --privileged); else run this on the machine itself.',
  });
}

const programs = new Map([
  ['etcd', 'etcd-server'],
  ['crun', 'crun'],
  ['conmon', 'conmon'],
  ['catatonit', 'catatonit'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['flock', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['unshare', 'util-linux'],
  ['pivot_root', 'util-linux-extra'],
  ['setpriv', 'util-linux'],
  ['perl', 'perl-base'],
]);

export function requirePrograms(path?: string): void {
  for (const program of [...programs.keys(), 'mount']) {
    const [first] = findPrograms(program, path);
    if (!first?.endsWith('/busybox')) continue;
    throw new UserError(`${program} is BusyBox's (${first}), which can do too little`, {
      hint: 'Put the folder of the full one before it on PATH; on Debian: PATH=/usr/sbin:/usr/bin:$PATH',
    });
  }
  const missing = [...programs].filter(([program]) => findPrograms(program, path).length === 0);
  if (missing.length === 0) return;
  throw new UserError(`missing: ${missing.map(([program]) => program).join(', ')}`, {
    hint: `Install ${[...new Set(missing.map(([, name]) => name))].join(', ')}; ${commandName} up does so on Debian.`,
  });
}

/** Ports of the host that the cluster will listen on, and what for. */
function hostPorts(layout: Layout): Map<number, string> {
  const { ports } = layout;
  return new Map([
    [ports.api, 'the API server'],
    [ports.etcdClient, 'etcd'],
    [ports.etcdPeer, 'etcd'],
    [ports.etcdMetrics, 'etcd'],
    [ports.controllersHealth, 'the controllers'],
    [ports.controllersSecure, 'the controllers'],
    [ports.schedulerHealth, 'the scheduler'],
    [ports.schedulerSecure, 'the scheduler'],
  ]);
}

/** Fails when another program listens on a port. Only for a cluster of which nothing runs yet. */
export async function requireFreePorts(layout: Layout, interfaces = networkInterfaces()): Promise<void> {
  // Of links that are down it tells nothing.
  if (!Object.values(interfaces).some((all) => all?.some(({ address }) => address === '127.0.0.1'))) {
    throw new UserError('127.0.0.1 cannot be reached here: the loopback link is down or has lost its address', {
      hint: 'ip link set lo up; ip address add 127.0.0.1/8 dev lo',
    });
  }
  for (const [port, user] of hostPorts(layout)) {
    if (await isFree(port)) continue;
    throw new UserError(`port ${port}, which ${user} of cluster ${layout.name} needs, is in use`, {
      hint:
        port === layout.ports.api
          ? 'End the program that listens there (ss -ltnp), or choose another with --api-port.'
          : 'End the program that listens there (ss -ltnp), or create the cluster under another name.',
    });
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (err) => (errnoOf(err) === 'EADDRINUSE' ? resolve(false) : reject(err)));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

// etcd allocates its first write-ahead log, 64 MB, at once.
const newClusterBytes = 62 * 1024 * 1024;

/** Fails when a new cluster does not fit on the disk that holds its state. */
export function requireDiskSpace(layout: Layout): void {
  if (existsSync(join(layout.etcdDir, 'member')) && !existsSync(layout.etcdUnfinishedFile)) return;
  let dir = layout.stateDir;
  while (!existsSync(dir)) dir = dirname(dir);
  const { bavail, bsize } = statfsSync(dir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= newClusterBytes) return;
  const mib = (bytes: number) => Math.floor(bytes / 1024 / 1024);
  throw new UserError(
    `no space left for the state of cluster ${layout.name}: ${layout.stateDir} has ${mib(freeBytes)} MiB free, a new cluster needs ${mib(newClusterBytes)} MiB`,
    { hint: `Free some space there (df ${dir}), then run the same command again.` },
  );
}

/**
 * Images' layers are stacked by overlayfs, which does not write to every file system: not to one that is stacked itself,
 * as that of a container is. Tried in a mount namespace of its own, so that nothing of it stays.
 */
export async function requireStacking(layout: Layout): Promise<void> {
  const dir = mkdtempSync(join(layout.stateDir, 'stacking-'));
  try {
    for (const part of ['lower', 'upper', 'work', 'merged']) mkdirSync(join(dir, part));
    const mount = ['mount', '-t', 'overlay', '-o', 'lowerdir=lower,upperdir=upper,workdir=work', 'overlay', 'merged'];
    await runCommand('unshare', ['--mount', ...mount], { cwd: dir, name: 'overlayfs' });
  } catch (err) {
    const why = messageOf(err).split('\n', 1)[0]!;
    throw new UserError(`containers cannot run from ${layout.stateDir}: ${why}`, {
      hint: /not permitted|denied/.test(why)
        ? 'In a container, run it privileged (docker run --privileged): its seccomp profile is in the way.'
        : `Where that is a container's own file system, mount a volume at ${layout.roots.state} (ext4, xfs, btrfs or tmpfs).`,
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
