// The mounts of a container: its volumes, /etc/hosts, the termination log. A subPath is resolved here and must stay inside its volume.
// Upstream: makeMounts in kubelet_pods.go.
import { chmod, mkdir, realpath, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Container, VolumeMount } from '../../api/core/pod/container.ts';
import type { Mount } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { ReadyVolume } from '../volumes/pod-volumes.ts';
import { ContainerConfigError } from './environment.ts';
import { expand } from './expansion.ts';

export interface MountInputs {
  /** The pod's volumes, by name. */
  volumes: ReadonlyMap<string, ReadyVolume>;
  environment: ReadonlyMap<string, string>;
  /** The pod's /etc/hosts on the node. */
  hostsFile: string;
  /** A file of this container for its termination message. */
  terminationLog: string;
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

export async function buildMounts(container: Container, inputs: MountInputs): Promise<Init<Mount>[]> {
  const mounts = await Promise.all((container.volumeMounts ?? []).map((mount) => buildVolumeMount(mount, inputs)));
  const taken = new Set(mounts.map((m) => m.container_path));
  if (!taken.has('/etc/hosts')) mounts.push({ container_path: '/etc/hosts', host_path: inputs.hostsFile });
  const path = container.terminationMessagePath;
  if (path && !taken.has(path)) {
    await mkdir(dirname(inputs.terminationLog), { recursive: true });
    await writeFile(inputs.terminationLog, '', { flag: 'a' });
    // Whoever the container runs as may write it.
    await chmod(inputs.terminationLog, 0o666);
    mounts.push({ container_path: path, host_path: inputs.terminationLog });
  }
  return mounts;
}

async function buildVolumeMount(mount: VolumeMount, inputs: MountInputs): Promise<Init<Mount>> {
  const volume = inputs.volumes.get(mount.name);
  if (!volume) throw new ContainerConfigError(`volume ${JSON.stringify(mount.name)} is not mounted`);
  const below = subPathOf(mount, inputs.environment);
  return {
    container_path: mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`,
    host_path: below === '' ? volume.path : await resolveSubPath(volume.path, below),
    readonly: volume.isReadOnly || (mount.readOnly ?? false),
    recursive_read_only:
      mount.readOnly === true && mount.recursiveReadOnly !== undefined && mount.recursiveReadOnly !== 'Disabled',
    propagation: propagations[mount.mountPropagation ?? 'None'],
  };
}

function subPathOf({ subPath, subPathExpr }: VolumeMount, environment: ReadonlyMap<string, string>): string {
  if (!subPathExpr) return subPath ?? '';
  const missing: string[] = [];
  const path = expand(subPathExpr, (name) => {
    const value = environment.get(name);
    if (value === undefined) missing.push(name);
    return value;
  });
  if (missing.length > 0)
    throw new ContainerConfigError(`failed to expand subPath: missing value for ${missing.join(', ')}`);
  if (path.startsWith('/') || path.split('/').includes('..')) {
    throw new ContainerConfigError(`error SubPath \`${path}\` must not be an absolute path or contain '..'`);
  }
  return path;
}

/** The real path below a volume. It is made when it does not exist; a link that leads out of the volume is refused. */
export async function resolveSubPath(root: string, below: string): Promise<string> {
  const realRoot = await realpath(root);
  const wanted = join(realRoot, below);
  const inside = (path: string) => path === realRoot || path.startsWith(`${realRoot}/`);
  const real = (await realpathOrNull(wanted)) ?? (await makeInside(realRoot, wanted));
  if (!inside(real))
    throw new ContainerConfigError(`failed to prepare subPath for volumeMount: ${below} leads out of the volume`);
  return real;
}

async function makeInside(realRoot: string, wanted: string): Promise<string> {
  // The deepest part that exists decides where new folders would go.
  let parent = dirname(wanted);
  let real = await realpathOrNull(parent);
  while (real === null) {
    parent = dirname(parent);
    real = await realpathOrNull(parent);
  }
  const target = join(real, wanted.slice(parent.length));
  if (target !== realRoot && !target.startsWith(`${realRoot}/`)) return target;
  const first = await mkdir(target, { recursive: true });
  // New folders are as open as the volume itself, whatever the umask.
  const { mode } = await stat(realRoot);
  for (let at = target; first !== undefined && at.startsWith(first); at = dirname(at)) await chmod(at, mode & 0o7777);
  return realpath(target);
}

async function realpathOrNull(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  }
}
