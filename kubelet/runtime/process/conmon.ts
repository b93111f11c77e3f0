// conmon, one per sandbox and container: it starts the OCI runtime, then owns the process's stdio,
// its CRI log, its exit file and its OOM mark. It outlives us: a restarted runtime finds all of
// that on disk. It reports the pid of the new process, or why there is none, as one line of JSON on
// descriptor 3.
import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { launcher } from './launcher.ts';
import { ociRuntimeError } from './oci-error.ts';

export interface ConmonOptions {
  id: string;
  bundleDir: string;
  exitDir: string;
  ociRuntime: string;
  ociRoot: string;
  /** Absent: the output is dropped. */
  logPath?: string;
  tty?: boolean;
  stdin?: boolean;
  /** Standard input ends when the first attached client leaves. */
  stdinOnce?: boolean;
}

export const conmonPaths = (bundleDir: string) => ({
  pidFile: join(bundleDir, 'pid'),
  /** Holds the OOM mark; must not contain the exit directory. */
  persistDir: join(bundleDir, 'persist'),
  oomMark: join(bundleDir, 'persist', 'oom'),
  /** The exit code once more, written before the file in the exit directory. */
  exitCopy: join(bundleDir, 'persist', 'exit'),
  control: join(bundleDir, 'ctl'),
  attachSocket: join(bundleDir, 'attach'),
});

function conmonArgs(options: ConmonOptions): string[] {
  const { id, bundleDir } = options;
  const paths = conmonPaths(bundleDir);
  const args = ['--api-version', '1', '-b', bundleDir, '-c', id, '-n', id, '-u', id];
  args.push('-r', options.ociRuntime, '--runtime-arg', `--root=${options.ociRoot}`);
  args.push('--exit-dir', options.exitDir, '-p', paths.pidFile, '-P', join(bundleDir, 'conmon.pid'));
  args.push('--persist-dir', paths.persistDir, '--full-attach', '--no-sync-log');
  args.push('-l', options.logPath ? `k8s-file:${options.logPath}` : 'none');
  if (options.tty) args.push('-t');
  if (options.stdin) args.push('-i');
  if (options.stdin && !options.stdinOnce) args.push('--leave-stdin-open');
  return args;
}

/** Creates (not starts) the bundle's container below a new conmon. Answers the pid. */
export async function createWithConmon(options: ConmonOptions): Promise<number> {
  mkdirSync(conmonPaths(options.bundleDir).persistDir, { recursive: true });
  if (options.logPath) mkdirSync(dirname(options.logPath), { recursive: true });
  const { report } = await launcher.launch({ argv: ['conmon', ...conmonArgs(options)], reports: true });
  const { data, message } = readReport(report);
  if (data < 0) throw ociRuntimeError(message ?? 'conmon could not create the container');
  return data;
}

function readReport(report: string | undefined): { data: number; message?: string } {
  if (report === undefined) throw new Error('conmon ended without a report');
  try {
    return JSON.parse(report);
  } catch (err) {
    throw new Error(`conmon reported ${JSON.stringify(report)}`, { cause: err });
  }
}

/** Commands of conmon's control fifo: `1 ROWS COLUMNS` resizes the terminal, `2 0 0` opens the log anew. */
export function sendControl(bundleDir: string, command: string): void {
  // Non-blocking: without a conmon at the other end this fails with ENXIO instead of waiting for one.
  const fd = openSync(conmonPaths(bundleDir).control, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    writeSync(fd, `${command}\n`);
  } finally {
    closeSync(fd);
  }
}
