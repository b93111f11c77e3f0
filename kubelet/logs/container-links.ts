// /var/log/containers: a link to the log of each container whose name says whose it is, where collectors of logs look.
// Beside the folder of pods' logs. Upstream: legacyLogSymlink of pkg/kubelet/kuberuntime.
// https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-location-node
import { mkdirSync, symlinkSync } from 'node:fs';
import { readdir, readlink, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ifThere } from '../../host/if-there.ts';

const suffix = '.log';
/** Of a file's name, as file systems have it. */
const maxNameBytes = 255;

/** `podsDir`: where all pods have their logs. */
const linksDirOf = (podsDir: string) => join(dirname(podsDir), 'containers');

/** `<pod>_<namespace>_`, of the folder of a pod's logs. */
function ownerOf(podFolder: string): string {
  const [namespace, pod] = basename(podFolder).split('_');
  return `${pod}_${namespace}_`;
}

/** `logPath`: `<podsDir>/<namespace>_<pod>_<uid>/<container>/<n>.log`. */
export function linkPathOf(logPath: string, containerId: string): string {
  const containerDir = dirname(logPath);
  const podFolder = dirname(containerDir);
  const name = `${ownerOf(podFolder)}${basename(containerDir)}-${containerId}`;
  return join(linksDirOf(dirname(podFolder)), name.slice(0, maxNameBytes - suffix.length) + suffix);
}

/** Links to the log of a container that has begun; where there is a link it stays. */
export function linkLog(logPath: string, containerId: string): void {
  const path = linkPathOf(logPath, containerId);
  mkdirSync(dirname(path), { recursive: true });
  try {
    symlinkSync(logPath, path);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
  }
}

export const unlinkLog = (logPath: string, containerId: string): Promise<void> =>
  rm(linkPathOf(logPath, containerId), { force: true });

/** Removes the links to all logs in the folder of a pod. */
export async function unlinkLogsOf(podFolder: string): Promise<void> {
  const dir = linksDirOf(dirname(podFolder));
  const owner = ownerOf(podFolder);
  for (const name of (await ifThere(readdir(dir))) ?? []) {
    if (!name.startsWith(owner)) continue;
    const target = await ifThere(readlink(join(dir, name)));
    // Another pod of the name may be there already.
    if (target?.startsWith(`${podFolder}/`)) await rm(join(dir, name), { force: true });
  }
}
