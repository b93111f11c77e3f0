// Images that a container mounts as volumes: their layers stacked for reading, each at a place of the container's bundle,
// which goes with the container. https://kubernetes.io/docs/concepts/storage/volumes/#image
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mount } from '../../../proto/cri.gen.ts';
import { invalidArgument, notFound } from '../errors.ts';
import { mountOverlay, unmount } from '../process/mount.ts';
import type { Runtime } from '../runtime.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { checkMount } from '../spec/mount.ts';
import { resolveInRoot } from './container-inputs.ts';
import { bundleDirOf } from './paths.ts';

const imagesDirOf = (rt: Pick<Runtime, 'paths'>, id: string) => join(bundleDirOf(rt, id), 'images');

/** Mounts the images that are asked for. `mounts` that are not of an image are left out. */
export async function mountImages(rt: Runtime, id: string, mounts: readonly Mount[]): Promise<ResolvedMount[]> {
  const out: ResolvedMount[] = [];
  for (const mount of mounts) {
    const name = mount.image?.image;
    if (!name) continue;
    const problem = checkMount(mount);
    if (problem) throw invalidArgument(problem);
    const image = rt.images.find(name);
    if (!image) throw notFound(`failed to resolve image "${name}": not found`);
    const target = join(imagesDirOf(rt, id), String(out.length));
    const empty = join(bundleDirOf(rt, id), 'no-layer');
    for (const dir of [target, empty]) mkdirSync(dir, { recursive: true, mode: 0o755 });
    const { layers } = rt.images;
    // The kernel stacks no single layer.
    await mountOverlay({ lowerDirs: `${layers.lowerDirs(image.diffIds)}:${empty}`, cwd: layers.dir, target });
    const source = resolveInRoot(target, mount.image_sub_path);
    if (!existsSync(source)) throw invalidArgument(`image "${name}" has no "${mount.image_sub_path}"`);
    out.push({ wanted: { ...mount, readonly: true }, source });
  }
  return out;
}

/** Idempotent. */
export async function unmountImages(rt: Pick<Runtime, 'paths'>, id: string): Promise<void> {
  const dir = imagesDirOf(rt, id);
  if (!existsSync(dir)) return;
  for (const name of readdirSync(dir)) await unmount(join(dir, name));
}
