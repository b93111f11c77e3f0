// What a container's spec needs from the node before it can be built: who the user is in the image, where its mounts
// come from, what its devices are, which seccomp profile applies.

import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs';
import { isAbsolute, join, normalize } from 'node:path';
import { ifThereSync } from '../../../host/if-there.ts';
import { isReadOnlyMount } from '../../../host/mounts.ts';
import { messageOf } from '../../../machinery/errors.ts';
import type { ContainerConfig, Device, Mount } from '../../../proto/cri.gen.ts';
import { asInvalid, invalidArgument } from '../errors.ts';
import type { ImageConfig } from '../image/image-config.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { checkMount } from '../spec/mount.ts';
import type { OciDevice, OciSeccomp } from '../spec/oci.ts';
import { buildDefaultSeccomp } from '../spec/seccomp.ts';
import { parseGroup, parsePasswd, resolveUser } from '../spec/user.ts';

const maxLinks = 40;

/** Follows a path inside a root as the container would: links, absolute or not, never lead out of it. */
export function resolveInRoot(root: string, path: string): string {
  let done: string[] = [];
  const todo = path.split('/').reverse();
  for (let links = 0; todo.length > 0; ) {
    const part = todo.pop()!;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = readLink(join(root, ...done, part));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > maxLinks) throw new Error(`too many links in ${path}`);
    if (target.startsWith('/')) done = [];
    todo.push(...target.split('/').reverse());
  }
  return join(root, ...done);
}

/** Undefined for what is no link. */
const readLink = (path: string) =>
  ifThereSync(() => (lstatSync(path).isSymbolicLink() ? readlinkSync(path) : undefined), 'ENOTDIR');

const maxUserFileBytes = 4 << 20;

/**
 * Reads a file of an image, which is not to be trusted: a pipe would make us wait for ever, a
 * device fill our memory.
 */
export function readInRoot(root: string, path: string): string {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;
  const fd = ifThereSync(() => openSync(resolveInRoot(root, path), flags), 'ENOTDIR');
  if (fd === undefined) return '';
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile() || stats.size > maxUserFileBytes) throw new Error(`${path} of the image is not a usable file`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** The user of a container. INVALID_ARGUMENT when the image does not have it. */
export function lookUpUser(config: ContainerConfig, image: ImageConfig, rootfs: string) {
  const security = config.linux?.security_context;
  const wish = {
    ...(security?.run_as_user ? { uid: Number(security.run_as_user.value) } : {}),
    username: security?.run_as_username ?? '',
    ...(security?.run_as_group ? { gid: Number(security.run_as_group.value) } : {}),
    supplementalGroups: (security?.supplemental_groups ?? []).map(Number),
    policy: security?.supplemental_groups_policy ?? ('Merge' as const),
    imageUser: image.user,
  };
  return asInvalid(() => {
    const passwd = parsePasswd(readInRoot(rootfs, '/etc/passwd'));
    return resolveUser(wish, passwd, parseGroup(readInRoot(rootfs, '/etc/group')));
  });
}

/**
 * Resolves the sources of mounts, but for images. A missing source becomes a directory, as in other runtimes; what the node has only
 * for reading is mounted like that.
 */
export function resolveMounts(mounts: readonly Mount[]): ResolvedMount[] {
  const ofNode = mounts.filter(({ image }) => !image?.image);
  if (ofNode.length === 0) return [];
  const mountInfo = readFileSync('/proc/self/mountinfo', 'utf8');
  return ofNode.map((mount) => {
    const resolved = resolveMount(mount);
    const isReadOnly = !mount.readonly && isReadOnlyMount(resolved.source, mountInfo);
    return isReadOnly ? { ...resolved, wanted: { ...mount, readonly: true } } : resolved;
  });
}

function resolveMount(wanted: Mount): ResolvedMount {
  const problem = checkMount(wanted);
  if (problem) throw invalidArgument(problem);
  const find = () => realpathSync(wanted.host_path);
  const there = ifThereSync(find);
  if (there === undefined) mkdirSync(wanted.host_path, { recursive: true });
  return { wanted, source: there ?? find() };
}

const deviceType = (stats: Stats): OciDevice['type'] | null =>
  stats.isBlockDevice() ? 'b' : stats.isCharacterDevice() ? 'c' : null;

/** Linux packs a device number as mmmM MMmm (hex digits of major M and minor m, low 32 bits). */
function splitDeviceNumber(rdev: number): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

function describeDevice(hostPath: string, containerPath: string, access: string): (OciDevice & { access: string })[] {
  const stats = statSync(hostPath);
  const type = deviceType(stats);
  if (!type) throw invalidArgument(`${hostPath} is not a device`);
  const fileMode = stats.mode & ~constants.S_IFMT;
  const owner = { uid: stats.uid, gid: stats.gid };
  return [{ path: containerPath, type, ...splitDeviceNumber(stats.rdev), fileMode, ...owner, access }];
}

function checkDevice({ host_path, container_path, permissions }: Device): void {
  const refuse = (why: string) => invalidArgument(`invalid device ${JSON.stringify(host_path.slice(0, 100))}: ${why}`);
  if (!isAbsolute(host_path) || !existsSync(host_path)) throw refuse('it is not there');
  const target = container_path || host_path;
  if (!isAbsolute(target) || normalize(target) === '/') throw refuse('container_path is no path of a device');
  if (!/^[rwm]*$/.test(permissions)) throw refuse('permissions are of the letters r, w and m');
}

/** The devices of a container: those asked for, a directory meaning all below it; all of the node's when privileged. */
export function lookUpDevices(wanted: readonly Device[], privileged: boolean): (OciDevice & { access: string })[] {
  const asked = wanted.flatMap((device) => {
    checkDevice(device);
    const { host_path, container_path, permissions } = device;
    return listDeviceFiles(host_path, container_path || host_path).flatMap(([from, to]) =>
      describeDevice(from, to, permissions || 'rwm'),
    );
  });
  if (!privileged) return asked;
  const own = new Set(asked.map((d) => d.path));
  const all = listDeviceFiles('/dev', '/dev').flatMap(([path]) => describeDevice(path, path, 'rwm'));
  return [...asked, ...all.filter((d) => !own.has(d.path))];
}

/** Parts of /dev that every container has its own of. */
const ownDevices = new Set(
  'pts shm mqueue fd console ptmx stdin stdout stderr null zero full random urandom tty core'.split(' '),
);

function listDeviceFiles(from: string, to: string): [string, string][] {
  if (!statSync(from).isDirectory()) return [[from, to]];
  return readdirSync(from, { withFileTypes: true }).flatMap((entry): [string, string][] => {
    if (from === '/dev' && ownDevices.has(entry.name)) return [];
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) return listDeviceFiles(source, target);
    return entry.isBlockDevice() || entry.isCharacterDevice() ? [[source, target]] : [];
  });
}

/** The seccomp filter of a container: none when privileged or unconfined. */
export function lookUpSeccomp(
  config: ContainerConfig,
  capabilities: readonly string[],
  arch: string,
): OciSeccomp | undefined {
  const security = config.linux?.security_context;
  const profile = security?.seccomp;
  if (!profile || security.privileged || profile.profile_type === 'Unconfined') return undefined;
  if (profile.profile_type === 'RuntimeDefault') return buildDefaultSeccomp(capabilities, arch);
  try {
    return JSON.parse(readFileSync(profile.localhost_ref.replace(/^localhost\//, ''), 'utf8')) as OciSeccomp;
  } catch (err) {
    throw invalidArgument(`failed to load seccomp profile "${profile.localhost_ref}": ${messageOf(err)}`);
  }
}
