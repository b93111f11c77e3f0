// What is mounted in the bundle of a container: its image, images and folders of the node that it mounts; in a user
// namespace with the owners that they have there. All but the root lies in one folder, and goes with the container.
import { chownSync, existsSync, mkdirSync, readdirSync, rmdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageRecord } from '../image/image-store.ts';
import { mountIdMapped } from '../process/id-mapped-mount.ts';
import { mountOverlay, mountPointsBelow, type OverlayMount, unmountBelow } from '../process/mount.ts';
import type { Runtime } from '../runtime.ts';
import type { ResolvedMount } from '../spec/mount.ts';
import { type IdMappings, idMappingsOf } from '../spec/user-namespace.ts';
import type { SandboxRecord } from '../store/records.ts';
import { bundleDirOf } from './paths.ts';

/** The user namespace of a sandbox that has one of its own. */
export interface UserNamespace {
  /** /proc/PID/ns/user */
  path: string;
  ids: IdMappings;
}

export function userNamespaceOf({ config, pause }: Pick<SandboxRecord, 'config' | 'pause'>): UserNamespace | undefined {
  const ids = idMappingsOf(config);
  return ids && pause ? { path: `/proc/${pause.pid}/ns/user`, ids } : undefined;
}

/** Makes the root of the namespace the owner of a file of the node. */
export function giveToRoot(path: string, ids: IdMappings | undefined): void {
  if (ids) chownSync(path, ids.uids.host_id, ids.gids.host_id);
}

export const mountsDirOf = (rt: Pick<Runtime, 'paths'>, id: string) => join(bundleDirOf(rt, id), 'mounts');

/** Stacks the layers of an image. */
export async function mountLayers(
  rt: Runtime,
  id: string,
  {
    image,
    space,
    ...overlay
  }: Pick<OverlayMount, 'writable' | 'target'> & { image: ImageRecord; space: UserNamespace | undefined },
): Promise<void> {
  const { layers } = rt.images;
  let lowerDirs = layers.lowerDirs(image.diffIds);
  if (!overlay.writable) {
    // The kernel stacks no single layer.
    const empty = join(bundleDirOf(rt, id), 'no-layer');
    mkdirSync(empty, { recursive: true, mode: 0o755 });
    lowerDirs += `:${empty}`;
  }
  if (!space) return mountOverlay({ ...overlay, lowerDirs, cwd: layers.dir });
  // The stack keeps the owners that its layers have when it is made: the mount of all layers is for that alone.
  const mapped = join(mountsDirOf(rt, id), 'layers');
  mkdirSync(mapped, { recursive: true });
  await mountIdMapped(space.path, [{ source: layers.dir, target: mapped }]);
  await mountOverlay({ ...overlay, lowerDirs, cwd: mapped });
  await unmountBelow(mapped);
}

/** The mounts that are asked for with the ids of the namespace, from where they have them. */
export async function mapMounts(
  rt: Runtime,
  id: string,
  { mounts, space }: { mounts: readonly ResolvedMount[]; space: UserNamespace | undefined },
): Promise<ResolvedMount[]> {
  const isMapped = ({ wanted }: ResolvedMount) => wanted.uidMappings.length > 0;
  if (!space || !mounts.some(isMapped)) return [...mounts];
  const dir = mountsDirOf(rt, id);
  mkdirSync(dir, { recursive: true });
  const mapped = mounts.filter(isMapped).map((mount, i) => {
    const target = join(dir, String(i));
    if (statSync(mount.source).isDirectory()) mkdirSync(target);
    else writeFileSync(target, '');
    return { source: mount.source, target, follows: mount.wanted.propagation !== 'PROPAGATION_PRIVATE', mount };
  });
  await mountIdMapped(space.path, mapped);
  // With a user namespace crun 1.8 binds nothing of what is mounted below: each of these is a mount of its own then.
  // One that another hides is not there.
  const points = mountPointsBelow(dir).filter((point) => existsSync(point));
  const shown = mapped.flatMap(({ mount: { wanted }, target }) =>
    points
      .filter((point) => point === target || point.startsWith(`${target}/`))
      .map((source) => {
        const container_path = join(wanted.container_path, source.slice(target.length));
        return { wanted: { ...wanted, container_path }, source };
      }),
  );
  return [...mounts.filter((mount) => !isMapped(mount)), ...shown];
}

/**
 * Unmounts all that is mounted in a bundle. What showed there may be a user's data: each place is removed by a call that
 * fails while anything is mounted or lies there, and nothing can be mounted at one that is gone. Idempotent.
 */
export async function unmountBundle(rt: Pick<Runtime, 'paths'>, id: string): Promise<void> {
  await unmountBelow(bundleDirOf(rt, id));
  const dir = mountsDirOf(rt, id);
  if (!existsSync(dir)) return;
  for (const place of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, place.name);
    if (place.isDirectory()) rmdirSync(path);
    else unlinkSync(path);
  }
  rmdirSync(dir);
}
