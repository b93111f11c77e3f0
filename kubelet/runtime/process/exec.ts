// Commands in running containers, by the OCI runtime's own exec: it joins namespaces, cgroup and
// seccomp filter, and ends with the command's exit code. Its own errors go to a log file, apart
// from what the command writes.

import { type ChildProcess, spawn } from 'node:child_process';
import { type FSWatcher, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../../host/if-there.ts';
import type { Clock } from '../../../machinery/clock.ts';
import { watchFolder } from '../../../machinery/watch-folder.ts';
import type { OciProcess, OciSpec } from '../spec/oci.ts';
import { readProcessRef, signalProcess } from './identity.ts';
import { commandEnv } from './launcher.ts';
import { messageOf, translateOciMessage } from './oci-error.ts';
import type { OciRuntime } from './oci-runtime.ts';

export interface ExecRequest {
  containerId: string;
  bundleDir: string;
  command: string[];
  tty: boolean;
}

export type PreparedExec = ReturnType<typeof prepareExec>;

/** The process of an exec: that of the container with another command. */
function buildExecProcess(spec: OciSpec, command: string[], tty: boolean): OciProcess {
  const { process: own } = spec;
  const needsTerm = tty && !own.env.some((e) => e.startsWith('TERM='));
  return { ...own, terminal: tty, args: command, env: needsTerm ? [...own.env, 'TERM=xterm'] : own.env };
}

/** Writes the files of an exec into a directory of its own; answers the command line that runs it. */
export function prepareExec(oci: OciRuntime, execDir: string, request: ExecRequest) {
  const spec = JSON.parse(readFileSync(join(request.bundleDir, 'config.json'), 'utf8')) as OciSpec;
  mkdirSync(execDir, { recursive: true });
  const dir = mkdtempSync(join(execDir, 'exec-'));
  const [processFile, pidFile, logFile] = [join(dir, 'process.json'), join(dir, 'pid'), join(dir, 'log')];
  const process = buildExecProcess(spec, request.command, request.tty);
  writeFileSync(processFile, JSON.stringify(process), { mode: 0o600 });
  const global = [`--root=${oci.root}`, `--log=${logFile}`, '--log-format=json'];
  const tty = request.tty ? ['--tty'] : [];
  const read = (path: string) => ifThereSync(() => readFileSync(path, 'utf8')) ?? '';
  return {
    dir,
    args: [...global, 'exec', `--process=${processFile}`, `--pid-file=${pidFile}`, ...tty, request.containerId],
    /** What the OCI runtime itself reported, if it could not run the command: in the words of other runtimes. */
    readError: () => lastLine(read(logFile), translateOciMessage),
    /** The same in its own words. */
    readComplaint: () => lastLine(read(logFile), messageOf),
    /** The pid of the command once it runs. */
    readPid: () => Number(read(pidFile)) || null,
    /** Kills the command, from outside, if it runs. */
    kill() {
      const ref = readProcessRef(Number(read(pidFile)));
      if (ref) signalProcess(ref, 'SIGKILL');
    },
    cleanUp: () => rmSync(dir, { recursive: true, force: true }),
  };
}

function lastLine(log: string, tell: (line: string) => string): string | null {
  const last = log.trim().split('\n').at(-1);
  return last ? tell(last) : null;
}

/** Starts a prepared exec with pipes for its streams. */
export function spawnExec(oci: OciRuntime, exec: PreparedExec, stdin: 'pipe' | 'ignore'): ChildProcess {
  return spawn(oci.binary, exec.args, { env: commandEnv, stdio: [stdin, 'pipe', 'pipe'] });
}

/** Resolves with the exit code when a child has ended, a signal counting as 128 + its number. */
export function waitForExit(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? killedExitCode));
  });
}

const killedExitCode = 137;
/** What the OCI runtime may take to see the end of a command that was killed. */
const reapGraceMs = 5_000;

/**
 * Kills the command of an exec, also one that is only about to start. The OCI runtime sees it end,
 * which leaves no zombie to a first process that does not reap; it is killed itself only when it
 * does not end then.
 */
export function killExec(exec: PreparedExec, child: ChildProcess, clock: Clock): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const watcher = watchQuietly(exec);
  const timer = clock.after(reapGraceMs, () => child.kill('SIGKILL'));
  child.once('exit', () => {
    watcher?.close();
    timer.cancel();
  });
  exec.kill();
}

/** For the moment the command appears. Where nothing can be watched, the OCI runtime is killed in the end. */
function watchQuietly(exec: PreparedExec): FSWatcher | undefined {
  try {
    return watchFolder(exec.dir, () => exec.kill()).on('error', () => undefined);
  } catch {
    return undefined;
  }
}
