// Attaching to a running container: output by following its log, input by socat into conmon's socket, whose kind
// (SOCK_SEQPACKET) Node cannot open (see docs/adr/001-attach-and-pty.md).
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { bundleDirOf, outputLogOf } from '../lifecycle/paths.ts';
import { commandEnv } from '../process/command.ts';
import { sendControl } from '../process/conmon.ts';
import type { Runtime } from '../runtime.ts';
import { stateOf } from '../store/records.ts';
import { type CommandStatus, type CommandStreams, exitStatus, failureStatus } from './command-streams.ts';
import { followLog, type LogFollower } from './log-follower.ts';

export interface AttachOffer {
  kind: 'attach';
  containerId: string;
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  tty: boolean;
}

type AttachRuntime = Pick<Runtime, 'containers' | 'exits' | 'paths' | 'log'>;

/** Joins the client's streams to the container's until the container ends or the client leaves. */
export async function runAttach(
  rt: AttachRuntime,
  offer: AttachOffer,
  streams: CommandStreams,
): Promise<CommandStatus> {
  const { containerId } = offer;
  const waiter = rt.exits.next(containerId);
  const container = rt.containers.get(containerId);
  if (!container || stateOf(container) !== 'CONTAINER_RUNNING') {
    waiter.forget();
    // Not a success: who hears of it reads the log instead.
    const state = container ? stateOf(container) : 'CONTAINER_UNKNOWN';
    return failureStatus(`error attaching to container: container is in ${state} state`);
  }
  const bundleDir = bundleDirOf(rt, containerId);
  const follower = followOutput(outputLogOf(rt, container), streams);
  const input = streams.stdin ? pipeToContainer(streams.stdin, bundleDir) : null;
  if (offer.tty) {
    streams.onResize(({ width, height }) => {
      try {
        sendControl(bundleDir, `1 ${height} ${width}`);
      } catch (err) {
        rt.log.debug({ err, container: containerId }, 'the terminal was not resized');
      }
    });
  }
  const left = new Promise<void>((resolve) => streams.gone.addEventListener('abort', () => resolve(), { once: true }));
  await Promise.race([waiter.exited, left]);
  waiter.forget();
  follower.finish();
  input?.end();
  return exitStatus(0);
}

/** Hands output to the client, no faster than it takes it. A client that is gone is noticed by its streams' owner. */
function followOutput(logPath: string, { stdout, stderr }: CommandStreams): LogFollower {
  const outputs = { stdout, stderr };
  const follower = followLog(logPath, ({ stream, content }) => {
    const output = outputs[stream];
    return !output || output.destroyed || output.write(content);
  });
  for (const output of [stdout, stderr]) {
    output?.on('error', () => undefined);
    output?.on('drain', () => {
      if (!stdout?.writableNeedDrain && !stderr?.writableNeedDrain) follower.resume();
    });
    output?.once('close', () => follower.resume());
  }
  return follower;
}

/** Carries input to conmon. What conmon sends back is dropped: the output comes from the log. */
function pipeToContainer(from: Readable, bundleDir: string): { end(): void } {
  // By a relative name: the full path may be longer than the address of a socket can be.
  // After the end of the input it lingers until the session ends, so that conmon reads everything before the close.
  const child = spawn('socat', ['-t', '86400', '-', 'UNIX-CONNECT:attach,type=5'], {
    cwd: bundleDir,
    env: commandEnv,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.on('error', () => from.unpipe(child.stdin).resume());
  child.once('error', () => from.resume());
  from.pipe(child.stdin);
  return { end: () => void child.kill('SIGTERM') };
}
