// An exec with streams: the OCI runtime's exec on pipes, or for a terminal below socat, which makes the pseudo-terminal
// (see docs/adr/001-attach-and-pty.md).

import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ifThereSync } from '../../../host/if-there.ts';
import { bundleDirOf } from '../lifecycle/paths.ts';
import { runCommand } from '../process/command.ts';
import { type PreparedExec, prepareExec, spawnExec, waitForExit } from '../process/exec.ts';
import { commandEnv } from '../process/launcher.ts';
import type { Runtime } from '../runtime.ts';
import {
  type CommandStatus,
  type CommandStreams,
  exitStatus,
  failureStatus,
  type StreamWish,
  type TerminalSize,
} from './command-streams.ts';
import { createComplaintFilter } from './complaint-filter.ts';
import { deliver, pipeInput, settle } from './delivery.ts';

export interface ExecOffer extends StreamWish {
  kind: 'exec';
  containerId: string;
  command: string[];
}

type ExecRuntime = Pick<Runtime, 'oci' | 'paths' | 'clock' | 'log'>;

/** Runs the command with the client's streams and answers its final status. */
export async function runExec(rt: ExecRuntime, offer: ExecOffer, streams: CommandStreams): Promise<CommandStatus> {
  const { containerId, command, tty } = offer;
  const bundleDir = bundleDirOf(rt, containerId);
  const exec = prepareExec(rt.oci, join(rt.paths.state, 'execs'), { containerId, bundleDir, command, tty });
  try {
    const exitCode = tty ? await runOnTerminal(rt, exec, streams) : await runOnPipes(rt, exec, streams);
    const problem = exitCode === 0 ? null : exec.readError();
    return problem
      ? failureStatus(
          `error executing command in container: failed to exec in container: OCI runtime exec failed: exec failed: ${problem}`,
        )
      : exitStatus(exitCode);
  } finally {
    exec.cleanUp();
  }
}

async function runOnPipes(rt: ExecRuntime, exec: PreparedExec, streams: CommandStreams): Promise<number> {
  const child = spawnExec(rt.oci, exec, streams.stdin ? 'pipe' : 'ignore');
  if (streams.stdin) pipeInput(streams.stdin, child.stdin!);
  const outputs = [
    deliver(child.stdout!, streams.stdout),
    deliver(child.stderr!, streams.stderr, createComplaintFilter(exec, rt.clock)),
  ];
  streams.gone.addEventListener('abort', () => abandon(child), { once: true });
  const exitCode = await waitForExit(child);
  await settle(outputs, rt.clock);
  return exitCode;
}

/** The client is gone: the command sees the end of its input and a closed output, as in a pipeline. */
function abandon(child: ChildProcess): void {
  child.stdin?.destroy();
  child.stdout?.destroy();
  child.stderr?.destroy();
}

const quote = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

async function runOnTerminal(rt: ExecRuntime, exec: PreparedExec, streams: CommandStreams): Promise<number> {
  const command = [rt.oci.binary, ...exec.args].map(quote).join(' ');
  writeFileSync(join(exec.dir, 'run'), `${command}\necho $? > code\n`);
  // socat makes the terminal that the OCI runtime's exec connects the command's own one to.
  const address = 'EXEC:sh run,pty,setsid,ctty,stderr,rawer';
  const child = spawn('socat', ['-t', '0', '-', address], {
    cwd: exec.dir,
    env: commandEnv,
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  // A terminal has no half-close: the end of the client's input changes nothing.
  if (streams.stdin) pipeInput(streams.stdin, child.stdin, { end: false });
  streams.onResize(createResizer(rt, exec));
  const output = deliver(child.stdout, streams.stdout, createComplaintFilter(exec, rt.clock));
  // Without its terminal the command gets SIGHUP, as when a real one is closed.
  streams.gone.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
  await waitForExit(child);
  await settle([output], rt.clock);
  return readExitCode(join(exec.dir, 'code'));
}

const lostExitCode = 255;

function readExitCode(path: string): number {
  const text = ifThereSync(() => readFileSync(path, 'utf8'));
  return text === undefined ? lostExitCode : Number.parseInt(text, 10);
}

/**
 * Sets the size of the command's own terminal, one change after the other, skipping those
 * overtaken. It is reached through the command's standard input: the terminal lies in the
 * container's /dev/pts.
 */
function createResizer(rt: ExecRuntime, exec: PreparedExec): (size: TerminalSize) => void {
  let wanted: TerminalSize | null = null;
  let busy = false;
  const apply = async () => {
    busy = true;
    for (let tries = 0; wanted && tries < maxResizeTries; ) {
      const size: TerminalSize = wanted;
      const pid = exec.readPid();
      try {
        if (pid === null) throw new Error('the command does not run yet');
        await runCommand('stty', ['-F', `/proc/${pid}/fd/0`, 'rows', `${size.height}`, 'columns', `${size.width}`]);
        if (wanted === size) wanted = null;
      } catch {
        // The command starts a moment after its client connects, and is gone a moment before it leaves.
        tries++;
        await rt.clock.sleep(resizeRetryMs);
      }
    }
    busy = false;
  };
  return (size) => {
    wanted = size;
    if (!busy) void apply();
  };
}

const maxResizeTries = 50;
const resizeRetryMs = 20;
