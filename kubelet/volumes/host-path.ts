// hostPath: a path of the node, checked or made as its type says.
// https://kubernetes.io/docs/concepts/storage/volumes/#hostpath

import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { ifThere } from '../../host/if-there.ts';
import { sourceOf, type VolumePlugin } from './plugin.ts';

const checks: Record<string, { holds(stats: Stats): boolean; what: string }> = {
  Directory: { holds: (s) => s.isDirectory(), what: 'a directory' },
  File: { holds: (s) => s.isFile(), what: 'a file' },
  Socket: { holds: (s) => s.isSocket(), what: 'a socket file' },
  CharDevice: { holds: (s) => s.isCharacterDevice(), what: 'a character device' },
  BlockDevice: { holds: (s) => s.isBlockDevice(), what: 'a block device' },
};

export const hostPathPlugin: VolumePlugin = {
  name: 'kubernetes.io~host-path',
  handles: (ref) => sourceOf(ref).hostPath !== undefined,
  async setUp(context) {
    const { path, type = '' } = sourceOf(context).hostPath!;
    const found = await ifThere(stat(path), 'ENOTDIR');
    if (type === 'DirectoryOrCreate' && !found) await mkdir(path, { recursive: true, mode: 0o755 });
    else if (type === 'FileOrCreate' && !found) await writeFile(path, '', { mode: 0o644, flag: 'a' });
    else {
      const check = checks[type.replace('OrCreate', '')];
      if (check && !(found && check.holds(found)))
        throw new Error(`hostPath type check failed: ${path} is not ${check.what}`);
    }
    return path;
  },
};
