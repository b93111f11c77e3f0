// A Debian as users have it, as a disk that QEMU boots: systemd, cgroup v2, AppArmor, IPv6, sshd. Built by
// build-image.sh from the machine's own apt source and kept until what goes into it changes.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Architecture, ownArchitecture } from '../images/debian-tree.ts';
import { projectRoot } from '../integration/cli/k8ts-command.ts';

export interface ImageRecipe {
  suite: 'bookworm' | 'trixie';
  /** Of a machine of another kind than this one; it is emulated. */
  architecture?: 'arm64';
  packages: readonly string[];
  /** Of the disk; it is sparse. */
  size: string;
}

/** Files of a built image. */
export interface VmImage {
  disk: string;
  kernel: string;
  initrd: string;
  /** The private key that logs in as `root` and as `user`. */
  key: string;
  architecture: Architecture;
}

const system = ['systemd', 'systemd-sysv', 'dbus', 'libpam-systemd', 'udev', 'login', 'passwd', 'apparmor'];
const kernel = ['linux-image-cloud-amd64', 'kmod', 'initramfs-tools'];
const tools = ['openssh-server', 'ca-certificates', 'procps', 'curl', 'less', 'util-linux', 'mount'];
// What the launcher would install: the machine has no way out to fetch it.
const required = [
  'libatomic1',
  'etcd-server',
  'crun',
  'conmon',
  'catatonit',
  'iproute2',
  'nftables',
  'conntrack',
  'socat',
];

/** Debian 12 with what k8ts needs. A case that needs more adds to `packages`. */
export const debian12: ImageRecipe = {
  suite: 'bookworm',
  packages: [...system, ...kernel, ...tools, ...required, 'kubernetes-client'],
  size: '8G',
};

/** Debian 13: systemd 257, kernel 6.12. */
export const debian13: ImageRecipe = { ...debian12, suite: 'trixie' };

/** Debian 12 for 64-bit ARM. */
export const debian12Arm64: ImageRecipe = {
  ...debian12,
  architecture: 'arm64',
  packages: debian12.packages.map((name) => name.replace(/-amd64$/, '-arm64')),
};

/** With the firewalls that people have. None of their services is on. */
export const withFirewalls: ImageRecipe = {
  ...debian12,
  packages: [...debian12.packages, 'ufw', 'firewalld', 'iptables', 'docker.io'],
};

/** What QEMU emulates of a kind of machine. */
export const hardware: Record<Architecture, Hardware> = {
  // A kernel that gets no CPU while it tries its timer believes that there is none, and stops.
  amd64: { emulator: 'qemu-system-x86_64', options: ['-cpu', 'max'], kernel: 'console=ttyS0 no_timer_check' },
  // Not the greatest CPU: what it adds costs time when it is emulated.
  arm64: {
    emulator: 'qemu-system-aarch64',
    options: ['-machine', 'virt', '-cpu', 'neoverse-n1'],
    kernel: 'console=ttyAMA0',
  },
};

interface Hardware {
  emulator: string;
  options: readonly string[];
  /** What its kernel is told. */
  kernel: string;
}

const programs = ['setpriv', 'qemu-system-x86_64', 'qemu-img', 'debootstrap', 'ssh', 'ssh-keygen', 'mkfs.ext4', 'tar'];
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** Why no virtual machine can run here, or false. */
export const needsVm = ((): string | false => {
  if (process.getuid?.() !== 0) return 'needs root';
  if (process.arch !== 'x64') return `there is no image for ${process.arch} yet`;
  const missing = programs.filter((name) => !isThere(name));
  if (missing.length > 0) return `missing: ${missing.join(', ')}`;
  if (!existsSync(keyring)) return `missing: ${keyring}`;
  return configuredMirror() === undefined ? 'apt has no Debian mirror configured' : false;
})();

/** Why none of 64-bit ARM can. */
export const needsArm64Vm =
  needsVm || (isThere('qemu-system-aarch64') ? false : "missing: qemu-system-aarch64 (Debian's qemu-system-arm)");

function isThere(program: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

function configuredMirror(): string | undefined {
  const folder = '/etc/apt/sources.list.d';
  const inFolder = existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
  const files = ['/etc/apt/sources.list', ...inFolder].filter((file) => existsSync(file));
  return debianMirror(files.map((file) => readFileSync(file, 'utf8')).join('\n'));
}

/** The first Debian mirror in the text of apt's sources, in either format: an address whose path ends in `/debian`. */
export function debianMirror(sources: string): string | undefined {
  const lines = sources.split('\n').filter((line) => /^(deb |URIs:)/.test(line));
  return lines.flatMap((line) => line.split(/\s+/)).find((word) => /^https?:\/\/\S+\/debian\/?$/.test(word));
}

const cacheFolder = process.env.K8TS_VM_CACHE ?? join(projectRoot, '.cache', 'vm');
const script = join(projectRoot, 'test/vm/build-image.sh');
const foreignScript = join(projectRoot, 'test/vm/build-foreign-image.sh');

/** The image of a recipe; builds it (a minute or two) when it is not there yet. */
export function vmImage(recipe: ImageRecipe): VmImage {
  const parts = [recipe, readFileSync(scriptOf(recipe), 'utf8'), process.version, process.arch];
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
  const folder = join(cacheFolder, `${recipe.suite}-${key}`);
  if (!existsSync(folder)) build(recipe, folder);
  return {
    disk: join(folder, 'disk.img'),
    kernel: join(folder, 'vmlinuz'),
    initrd: join(folder, 'initrd.img'),
    key: join(folder, 'key'),
    architecture: recipe.architecture ?? ownArchitecture,
  };
}

const scriptOf = ({ architecture }: ImageRecipe) => (architecture ? foreignScript : script);

// Built aside and renamed: one that is ended in the middle leaves no half image.
function build(recipe: ImageRecipe, folder: string): void {
  mkdirSync(cacheFolder, { recursive: true });
  const partial = `${folder}.${process.pid}`;
  const env = {
    ...process.env,
    OUT: partial,
    DEBS: join(cacheFolder, 'debs'),
    SUITE: recipe.suite,
    MIRROR: configuredMirror()!,
    KEYRING: keyring,
    PACKAGES: recipe.packages.join(),
    SIZE: recipe.size,
    NODE: recipe.architecture ? foreignNode(recipe.architecture) : process.execPath,
    ...(recipe.architecture ? foreignEnv(recipe.architecture) : {}),
  };
  const args = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', scriptOf(recipe)];
  const { status, stdout, stderr } = spawnSync('unshare', args, { env, encoding: 'utf8', maxBuffer: 1 << 26 });
  if (status === 0) {
    renameSync(partial, folder);
    return;
  }
  rmSync(partial, { recursive: true, force: true });
  throw new Error(`building ${folder} failed:\n${stdout.slice(-4000)}${stderr.slice(-4000)}`);
}

function foreignEnv(architecture: Architecture): NodeJS.ProcessEnv {
  const { emulator, options, kernel } = hardware[architecture];
  return { ARCH: architecture, EMULATOR: [emulator, ...options].join(' '), KERNEL_OPTIONS: kernel };
}

/** The Node.js of the project for another machine, from npm. */
function foreignNode(architecture: Architecture): string {
  const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));
  const name = `node-linux-${architecture}`;
  const version: string = manifest.optionalDependencies[name];
  const folder = join(projectRoot, '.cache/programs', `${name}-${version}`);
  const node = join(folder, 'node');
  if (existsSync(node)) return node;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    must('npm', ['pack', '--silent', '--pack-destination', partial, `${name}@${version}`]);
    const [tarball = ''] = readdirSync(partial);
    must('tar', ['-C', partial, '--strip-components=2', '-xzf', join(partial, tarball), 'package/bin/node']);
    rmSync(join(partial, tarball));
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return node;
}

function must(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`);
}
