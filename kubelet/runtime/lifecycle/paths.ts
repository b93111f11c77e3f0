// Where the parts of a sandbox and a container lie.
import { join } from 'node:path';
import type { Runtime } from '../runtime.ts';
import type { SandboxFiles } from '../spec/mount.ts';

/** Bundle of a sandbox or container: spec, pid files, sockets. Lost at a reboot. */
export const bundleDirOf = (rt: Pick<Runtime, 'paths'>, id: string) => join(rt.paths.state, 'bundles', id);
export const rootfsOf = (rt: Runtime, id: string) => join(bundleDirOf(rt, id), 'rootfs');
export const shmOf = (rt: Runtime, sandboxId: string) => join(bundleDirOf(rt, sandboxId), 'shm');
export const exitFileOf = (rt: Runtime, id: string) => join(rt.paths.exitDir, id);

/** The files of a sandbox that its containers see. */
export function sandboxFilesOf(rt: Runtime, sandboxId: string, nodeIpc: boolean): SandboxFiles {
  const dir = rt.sandboxes.dirOf(sandboxId);
  return {
    hostname: join(dir, 'hostname'),
    hosts: join(dir, 'hosts'),
    resolvConf: join(dir, 'resolv.conf'),
    shm: nodeIpc ? '/dev/shm' : shmOf(rt, sandboxId),
  };
}

/** Where a container's output goes: the log the kubelet asked for, else one of ours, since attach follows it. */
export const outputLogOf = (rt: Pick<Runtime, 'containers'>, container: { id: string; logPath: string }) =>
  container.logPath || join(rt.containers.dirOf(container.id), 'output.log');

/** The writable layer of a container, on the persistent file system. */
export const upperDirOf = (rt: Runtime, id: string) => join(rt.containers.dirOf(id), 'diff');
export const workDirOf = (rt: Runtime, id: string) => join(rt.containers.dirOf(id), 'work');
