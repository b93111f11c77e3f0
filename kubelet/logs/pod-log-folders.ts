// The folder of each pod's logs, `<namespace>_<name>_<uid>`: it outlives the containers, and goes
// with the pod. A kubelet that was killed before it removed one finds it by the uid. Upstream:
// evictPodLogsDirectories.

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/core/pod.ts';
import { ifThere } from '../../host/if-there.ts';
import { uidOf } from '../pods/pod-text.ts';
import { unlinkLogsOf } from './container-links.ts';

/** `dir` is where all pods have theirs. */
export const podLogDir = (dir: string, pod: Pod) =>
  join(dir, `${pod.metadata.namespace}_${pod.metadata.name}_${uidOf(pod)}`);

const uidOfFolder = (folder: string) => folder.slice(folder.lastIndexOf('_') + 1);

/** Uids of pods that have logs below `dir`. */
export async function listPodLogs(dir: string): Promise<string[]> {
  return (await listFolders(dir)).map(uidOfFolder);
}

export async function removePodLogs(dir: string, uid: string): Promise<void> {
  for (const folder of await listFolders(dir)) {
    if (uidOfFolder(folder) === uid) await removeLogFolder(join(dir, folder));
  }
}

/** Removes the folder of a pod's logs, and the links to them. */
export async function removeLogFolder(folder: string): Promise<void> {
  await unlinkLogsOf(folder);
  await rm(folder, { recursive: true, force: true });
}

/** `dir` is made with the first pod. */
const listFolders = async (dir: string) => (await ifThere(readdir(dir))) ?? [];
