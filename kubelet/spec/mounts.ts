// The mounts of a container: its volumes, /etc/hosts, the termination log. A subPath becomes a mount of its own first.
// And the volumes that it gets as devices. Upstream: makeMounts and makeBlockVolumes in kubelet_pods.go.

import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Container, VolumeMount } from '../../api/core/pod/container.ts';
import type { Mounts } from '../../host/mounts.ts';
import type { Device, Mount } from '../../proto/cri.gen.ts';
import type { Init } from '../../proto/message.ts';
import type { ReadyVolume } from '../volumes/pod-volumes.ts';
import { pinSubPath } from '../volumes/sub-path.ts';
import { ContainerConfigError } from './environment.ts';
import { expand } from './expansion.ts';

export interface MountInputs {
  /** Ids of the images that are volumes, by the volume's name. */
  images: ReadonlyMap<string, string>;
  /** The pod's other volumes, by name. */
  volumes: ReadonlyMap<string, ReadyVolume>;
  environment: ReadonlyMap<string, string>;
  /** The pod's /etc/hosts on the node. */
  hostsFile: string;
  /** A file of this container for its termination message. */
  terminationLog: string;
  /** A folder of this container for the parts of volumes that it mounts. */
  subPathDir: string;
  mounts: Pick<Mounts, 'unmount'>;
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

export async function buildMounts(container: Container, inputs: MountInputs): Promise<Init<Mount>[]> {
  const mounts = await Promise.all((container.volumeMounts ?? []).map((m, i) => buildVolumeMount(m, i, inputs)));
  const taken = new Set(mounts.map((m) => m.container_path));
  if (!taken.has('/etc/hosts')) mounts.push({ container_path: '/etc/hosts', host_path: inputs.hostsFile });
  const path = container.terminationMessagePath;
  if (path && !taken.has(path)) {
    mkdirSync(dirname(inputs.terminationLog), { recursive: true });
    writeFileSync(inputs.terminationLog, '', { flag: 'a' });
    // Whoever the container runs as may write it.
    chmodSync(inputs.terminationLog, 0o666);
    mounts.push({ container_path: path, host_path: inputs.terminationLog });
  }
  return mounts;
}

async function buildVolumeMount(mount: VolumeMount, index: number, inputs: MountInputs): Promise<Init<Mount>> {
  const below = subPathOf(mount, inputs.environment);
  const container_path = mount.mountPath.startsWith('/') ? mount.mountPath : `/${mount.mountPath}`;
  const image = inputs.images.get(mount.name);
  if (image !== undefined) return { container_path, image: { image }, image_sub_path: below, readonly: true };
  const volume = inputs.volumes.get(mount.name);
  if (!volume) throw new ContainerConfigError(`volume ${JSON.stringify(mount.name)} is not mounted`);
  const part = join(inputs.subPathDir, String(index));
  if (below !== '') await pinSubPath(inputs.mounts, { volume: volume.path, below }, part);
  return {
    container_path,
    host_path: below === '' ? volume.path : part,
    readonly: volume.isReadOnly || (mount.readOnly ?? false),
    recursive_read_only:
      mount.readOnly === true && mount.recursiveReadOnly !== undefined && mount.recursiveReadOnly !== 'Disabled',
    propagation: propagations[mount.mountPropagation ?? 'None'],
  };
}

export const buildDevices = (container: Container, { volumes }: Pick<MountInputs, 'volumes'>): Init<Device>[] =>
  (container.volumeDevices ?? []).map(({ name, devicePath }) => {
    const volume = volumes.get(name);
    if (!volume) throw new ContainerConfigError(`volume ${JSON.stringify(name)} is not mapped`);
    return { container_path: devicePath, host_path: volume.path, permissions: volume.isReadOnly ? 'r' : 'mrw' };
  });

function subPathOf({ subPath, subPathExpr }: VolumeMount, environment: ReadonlyMap<string, string>): string {
  if (!subPathExpr) return subPath ?? '';
  const missing = new Set<string>();
  const path = expand(subPathExpr, (name) => {
    if (!environment.get(name)) missing.add(name);
    return environment.get(name);
  });
  if (missing.size > 0) throw new ContainerConfigError(`missing value for ${[...missing].sort().join(', ')}`);
  if (path.startsWith('/')) throw new ContainerConfigError(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..'))
    throw new ContainerConfigError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path;
}
