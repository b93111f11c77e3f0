// Volumes that an image declares (VOLUME of a Dockerfile): each becomes a folder of the container
// that begins with what the image has there. It can be written to even when the root cannot, and
// goes with the container.
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerConfig, Mount } from '../../../proto/cri.gen.ts';
import { runCommand } from '../process/command.ts';
import type { Runtime } from '../runtime.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { giveToRoot, type UserNamespace } from './bundle-mounts.ts';
import { resolveInRoot } from './container-inputs.ts';
import { rootfsOf } from './paths.ts';

const clean = (path: string) => path.replace(/\/+$/, '');

/** The declared paths that the pod mounts nothing at. */
export function volumesToMake(declared: readonly string[], mounts: readonly Pick<Mount, 'container_path'>[]): string[] {
  const taken = new Set(mounts.map((m) => clean(m.container_path)));
  return [...new Set(declared.map(clean))].filter((path) => path.startsWith('/') && !taken.has(path));
}

/** Makes the volumes of a container whose root is mounted. */
export async function makeImageVolumes(
  rt: Runtime,
  id: string,
  {
    declared,
    config,
    space,
  }: { declared: readonly string[]; config: ContainerConfig; space: UserNamespace | undefined },
): Promise<ResolvedMount[]> {
  const out: ResolvedMount[] = [];
  for (const [i, path] of volumesToMake(declared, config.mounts).entries()) {
    const source = join(rt.containers.dirOf(id), 'volumes', String(i));
    mkdirSync(source, { recursive: true, mode: 0o755 });
    giveToRoot(source, space?.ids);
    const inside = resolveInRoot(rootfsOf(rt, id), path);
    // With owners, modes and attributes, also of the folder itself.
    if (statSync(inside, { throwIfNoEntry: false })?.isDirectory())
      await runCommand('cp', ['--archive', '--no-target-directory', '--', inside, source]);
    out.push({ wanted: mountAt(path, source), source });
  }
  return out;
}

const mountAt = (container_path: string, host_path: string): Mount => ({
  container_path,
  host_path,
  readonly: false,
  selinux_relabel: false,
  propagation: 'PROPAGATION_PRIVATE',
  uidMappings: [],
  gidMappings: [],
  recursive_read_only: false,
  image: null,
  image_sub_path: '',
});
