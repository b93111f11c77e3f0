// vol_data.json: what was mounted, kept beside it before it is, under upstream's names, so that
// whoever comes after a kubelet that was killed knows what to unmount and whom to ask. Upstream:
// saveVolumeData in pkg/volume/csi/csi_util.go.

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nextOf, replaceFileDurably } from '../../host/atomic-file.ts';
import { ifThere } from '../../host/if-there.ts';
import { removePlace } from '../../host/remove-tree.ts';
import { messageOf } from '../../machinery/errors.ts';

export interface VolumeData {
  driverName: string;
  volumeHandle: string;
  /** Of a pod's volume only. */
  specVolID?: string;
  nodeName?: string;
  attachmentID?: string;
  volumeLifecycleMode?: string;
  /** Block where containers get a device. */
  volumeMode?: string;
}

const fileName = 'vol_data.json';
export const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

/** Where a volume is staged: `globalmount` lies in it. */
export const stageDirOf = (rootDir: string, { driverName, volumeHandle }: VolumeData) =>
  join(rootDir, 'plugins/kubernetes.io/csi', driverName, sha256(volumeHandle));

/** It is whole, on disk, when this resolves. */
export async function writeVolumeData(dir: string, data: VolumeData): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o750 });
  await replaceFileDurably(join(dir, fileName), JSON.stringify(data));
}

/** Undefined where there is none. What cannot be read is an error: somebody's data may be mounted there. */
export async function readVolumeData(dir: string): Promise<VolumeData | undefined> {
  try {
    const text = await ifThere(readFile(join(dir, fileName), 'utf8'));
    if (text === undefined) return undefined;
    const data = JSON.parse(text);
    if (typeof data?.driverName !== 'string' || typeof data.volumeHandle !== 'string')
      throw new Error('names are missing');
    return data;
  } catch (err) {
    throw new Error(`${join(dir, fileName)} cannot be read: ${messageOf(err)}`, { cause: err });
  }
}

/** Where the driver makes the volume appear in a pod's folder: a folder to mount on, or a device file. */
export const targetOf = (dir: string, { volumeMode }: Pick<VolumeData, 'volumeMode'> = {}) =>
  join(dir, volumeMode === 'Block' ? 'dev' : 'mount');

/** Removes the file, what the volume was shown at, and the folder of both. Never what is in a volume. */
export async function removeVolumeFolder(dir: string, target: string): Promise<void> {
  await removePlace(target);
  const file = join(dir, fileName);
  for (const path of [file, nextOf(file)]) await rm(path, { force: true });
  await ifThere(rmdir(dir));
}

/** Folders two levels below `dir`, as `<a>/<b>`; none where it is not there. */
export async function foldersBelow(dir: string, ...parts: string[]): Promise<string[]> {
  const list = async (at: string) => (await ifThere(readdir(at), 'ENOTDIR')) ?? [];
  const found: string[] = [];
  for (const name of await list(dir)) {
    const at = join(dir, name, ...parts);
    for (const below of await list(at)) found.push(join(at, below));
  }
  return found;
}
