// What a process inherits from who starts it. A shell's limits and priority are for its user's own work; whoever brings
// a cluster up, its components and the containers that they start find what they find on any other machine.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** As the units of container runtimes for systemd say it; the kernel refuses more open files than `nr_open`. */
const openFiles = 1_048_576;

/**
 * Gives this process, and what it starts from now on, the limits and the priority that a service has. Returns what was
 * refused, as to one in a container without CAP_SYS_RESOURCE; then they stay as they are.
 */
export function takeServiceLimits(pid: number): string | undefined {
  const most = Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'));
  const unlimited = ['nproc', 'fsize', 'cpu', 'as', 'data'].map((name) => `--${name}=unlimited`);
  const limits = [`--nofile=${Math.min(openFiles, most)}`, ...unlimited];
  const { status, stderr, error } = spawnSync('prlimit', ['--pid', String(pid), ...limits], { encoding: 'utf8' });
  try {
    setPriority(pid, 0);
  } catch (err) {
    return String(err);
  }
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
