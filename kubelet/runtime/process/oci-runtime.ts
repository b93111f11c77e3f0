// The OCI runtime (crun, or runc where crun is missing) behind five calls. State lives below `ociRoot`.
import { existsSync } from 'node:fs';
import { CommandError } from '../../../host/command.ts';
import { runCommand } from './command.ts';
import { type ConmonOptions, createWithConmon } from './conmon.ts';
import { type ProcessRef, readProcessRef } from './identity.ts';
import { ociRuntimeError } from './oci-error.ts';

export type OciRuntime = ReturnType<typeof createOciRuntime>;

export function createOciRuntime(binary: string, root: string) {
  return {
    binary,
    root,
    /** Creates a container below a conmon, ready to start. */
    async create(options: Omit<ConmonOptions, 'ociRuntime' | 'ociRoot'>): Promise<ProcessRef> {
      const pid = await createWithConmon({ ...options, ociRuntime: binary, ociRoot: root });
      const ref = readProcessRef(pid);
      if (!ref) throw ociRuntimeError('the container process ended before it was started');
      return ref;
    },
    async start(id: string) {
      try {
        await runCommand(binary, [`--root=${root}`, 'start', id]);
      } catch (err) {
        throw err instanceof CommandError ? ociRuntimeError(err.stderr) : err;
      }
    },
    /** Frees its cgroup and state, killing what still runs. Nothing to free is fine. */
    async delete(id: string) {
      if (!existsSync(`${root}/${id}`)) return;
      await runCommand(binary, [`--root=${root}`, 'delete', '--force', id]);
    },
  };
}

const searchDirs = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/** The path of a program, or null when it is not installed. */
export function findProgram(name: string): string | null {
  if (name.includes('/')) return existsSync(name) ? name : null;
  const dir = searchDirs.find((d) => existsSync(`${d}/${name}`));
  return dir ? `${dir}/${name}` : null;
}
