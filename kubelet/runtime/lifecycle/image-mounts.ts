// Images that a container mounts as volumes: their layers stacked for reading, each at a place of the container's bundle,
// which goes with the container. https://kubernetes.io/docs/concepts/storage/volumes/#image
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../../../proto/cri.gen.ts';
import { invalidArgument, notFound } from '../errors.ts';
import type { Runtime } from '../runtime.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { checkMount } from '../spec/mount.ts';
import { mountLayers, mountsDirOf, type UserNamespace } from './bundle-mounts.ts';
import { resolveInRoot } from './container-inputs.ts';

/** Mounts the images that are asked for. `mounts` that are not of an image are left out. */
export async function mountImages(
  rt: Runtime,
  id: string,
  { mounts, space }: { mounts: readonly Mount[]; space: UserNamespace | undefined },
): Promise<ResolvedMount[]> {
  const out: ResolvedMount[] = [];
  for (const mount of mounts) {
    const name = mount.image?.image;
    if (!name) continue;
    const problem = checkMount(mount);
    if (problem) throw invalidArgument(problem);
    const image = rt.images.find(name);
    if (!image) throw notFound(`failed to resolve image "${name}": not found`);
    const target = join(mountsDirOf(rt, id), `image-${out.length}`);
    mkdirSync(target, { recursive: true, mode: 0o755 });
    await mountLayers(rt, id, { image, target, space });
    const source = resolveInRoot(target, mount.image_sub_path);
    if (!existsSync(source)) throw invalidArgument(`image "${name}" has no "${mount.image_sub_path}"`);
    out.push({ wanted: { ...mount, readonly: true }, source });
  }
  return out;
}
