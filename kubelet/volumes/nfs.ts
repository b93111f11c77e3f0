// nfs: a folder of a file server, where this node has the programs for it.
// https://kubernetes.io/docs/concepts/storage/volumes/#nfs
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import type { Mounts } from '../../host/mounts.ts';
import { unmountAndRemove } from './local.ts';
import { sourceOf, type VolumePlugin } from './plugin.ts';
import { fileSystemUse } from './volume-use.ts';

const mountHelpers = ['/sbin/mount.nfs', '/usr/sbin/mount.nfs'];

export const createNfsPlugin = (mounts: Mounts): VolumePlugin => ({
  name: 'kubernetes.io~nfs',
  handles: (ref) => sourceOf(ref).nfs !== undefined,
  async setUp(context) {
    const { server, path } = sourceOf(context).nfs!;
    if (!mountHelpers.some((path) => existsSync(path))) {
      throw new Error('mount.nfs is not there: install nfs-common (or nfs-utils) on the machine of this node');
    }
    await mkdir(context.diskDir, { recursive: true, mode: 0o750 });
    const options = [...(context.pv?.spec.mountOptions ?? []), ...(context.isReadOnly ? ['ro'] : [])];
    const host = server.includes(':') && !server.startsWith('[') ? `[${server}]` : server;
    await mounts.mount('nfs', context.diskDir, { source: `${host}:${path}`, options });
    return context.diskDir;
  },
  tearDown: (diskDir) => unmountAndRemove(mounts, diskDir),
  measure: fileSystemUse,
});
