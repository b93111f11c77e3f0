// The mounts of a container: the kernel's file systems, the files of the sandbox, then what the pod asks for.
import type { Mount } from '../../../proto/cri.gen.ts';
import type { OciMount } from './oci.ts';

export interface SandboxFiles {
  hostname: string;
  hosts: string;
  resolvConf: string;
  shm: string;
}

/** A wanted mount whose source has been resolved on the node. */
export interface ResolvedMount {
  wanted: Mount;
  source: string;
}

const cgroupRoot = '/sys/fs/cgroup';
const pathOf = (path: string) => path.replace(/\/+$/, '') || '/';

export interface MountOptions {
  privileged: boolean;
  readonlyRootfs: boolean;
  cgroupVersion: 1 | 2;
}

/** Kernel file systems, as every container gets them; a privileged one may write to /sys and its cgroups. */
function buildKernelMounts({ privileged, cgroupVersion }: MountOptions): OciMount[] {
  const access = privileged ? 'rw' : 'ro';
  const safe = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options: safe },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: safe },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...safe, access] },
    { destination: cgroupRoot, type: 'cgroup', source: 'cgroup', options: [...safe, 'relatime', access] },
    // On version 1 the OCI runtime mounts a tmpfs above the hierarchies, which stays writable unless it is told again.
    ...(cgroupVersion === 1 && !privileged
      ? [{ destination: cgroupRoot, type: 'tmpfs', source: 'tmpfs', options: ['remount', ...safe, access] }]
      : []),
  ];
}

/** All mounts in order. A pod's own mount takes the place of the one it has the path of. */
export function buildMounts(files: SandboxFiles, wanted: readonly ResolvedMount[], options: MountOptions): OciMount[] {
  const ownPaths = new Set(wanted.map((m) => pathOf(m.wanted.container_path)));
  const access = options.readonlyRootfs ? 'ro' : 'rw';
  const bind = (destination: string, source: string, extra: string[]): OciMount => ({
    destination,
    type: 'bind',
    source,
    options: ['bind', 'rprivate', ...extra],
  });
  const standard = [
    ...buildKernelMounts(options),
    bind('/dev/shm', files.shm, ['rw', 'nosuid', 'noexec', 'nodev']),
    bind('/etc/hostname', files.hostname, [access]),
    bind('/etc/hosts', files.hosts, [access]),
    bind('/etc/resolv.conf', files.resolvConf, [access]),
  ].filter((m) => !ownPaths.has(m.destination));
  // Parents before children, whatever the order they were asked for.
  const depth = (path: string) => pathOf(path).split('/').length;
  const own = [...wanted].sort((a, b) => depth(a.wanted.container_path) - depth(b.wanted.container_path));
  return [...standard, ...own.map(buildBindMount)];
}

function buildBindMount({ wanted, source }: ResolvedMount): OciMount {
  const propagation = {
    PROPAGATION_PRIVATE: 'rprivate',
    PROPAGATION_HOST_TO_CONTAINER: 'rslave',
    PROPAGATION_BIDIRECTIONAL: 'rshared',
  }[wanted.propagation];
  const access = !wanted.readonly ? 'rw' : wanted.recursive_read_only ? 'rro' : 'ro';
  return {
    destination: wanted.container_path,
    type: 'bind',
    source,
    // An image is files to read, not programs to run.
    options: ['rbind', propagation, access, ...(wanted.image?.image ? ['noexec'] : [])],
  };
}

/** How the root must propagate for the wanted mounts to work. */
export function rootfsPropagationFor(wanted: readonly ResolvedMount[]): string | undefined {
  const kinds = new Set(wanted.map((m) => m.wanted.propagation));
  if (kinds.has('PROPAGATION_BIDIRECTIONAL')) return 'rshared';
  return kinds.has('PROPAGATION_HOST_TO_CONTAINER') ? 'rslave' : undefined;
}

/** What is wrong with a mount by itself, if anything. */
export function checkMount(mount: Mount): string | undefined {
  if (!mount.container_path.startsWith('/')) return `mount path "${mount.container_path}" is not absolute`;
  if (!mount.recursive_read_only) return undefined;
  if (!mount.readonly) return 'recursive_read_only needs readonly';
  return mount.propagation === 'PROPAGATION_PRIVATE' ? undefined : 'recursive_read_only needs private propagation';
}
