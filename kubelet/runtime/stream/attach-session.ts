// Attaching to a running container: output by following its log, input by socat into conmon's socket, whose kind
// (SOCK_SEQPACKET) Node cannot open (see docs/adr/001-attach-and-pty.md).
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { bundleDirOf, outputLogOf } from '../lifecycle/paths.ts';
import { sendControl } from '../process/conmon.ts';
import { commandEnv } from '../process/launcher.ts';
import type { Runtime } from '../runtime.ts';
import { stateOf } from '../store/records.ts';
import {
  type CommandStatus,
  type CommandStreams,
  exitStatus,
  failureStatus,
  type StreamWish,
} from './command-streams.ts';
import { pipeInput, whenWritable, whenWritten } from './delivery.ts';
import { followLog, type LogFollower } from './log-follower.ts';

export interface AttachOffer extends StreamWish {
  kind: 'attach';
  containerId: string;
}

type AttachRuntime = Pick<Runtime, 'containers' | 'events' | 'paths' | 'log'>;

/** Joins the client's streams to the container's until the container ends or the client leaves. */
export async function runAttach(
  rt: AttachRuntime,
  offer: AttachOffer,
  streams: CommandStreams,
): Promise<CommandStatus> {
  const { containerId } = offer;
  const waiter = rt.events.nextStop(containerId);
  const container = rt.containers.get(containerId);
  if (!container || stateOf(container) !== 'CONTAINER_RUNNING') {
    waiter.forget();
    // Not a success: who hears of it reads the log instead.
    const state = container ? stateOf(container) : 'CONTAINER_UNKNOWN';
    return failureStatus(`error attaching to container: container is in ${state} state`);
  }
  const bundleDir = bundleDirOf(rt, containerId);
  const follower = followOutput(outputLogOf(rt, container), streams);
  // Where the end of the client's input is not the container's, nothing is left to do for the client then.
  const endsInput = container.config.stdin_once && !offer.tty;
  const input = streams.stdin ? pipeToContainer(streams.stdin, { bundleDir, endsInput }) : null;
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
  void left.then(() => follower.stop());
  const detached = input && !endsInput ? input.handedOver : new Promise<never>(() => undefined);
  try {
    await Promise.race([waiter.stopped, left, detached, follower.ended]);
    await Promise.race([left, follower.finish()]);
    const outputs = [streams.stdout, streams.stderr].filter((o) => o !== null);
    await Promise.race([left, Promise.all(outputs.map((output) => whenWritten(output.end())))]);
  } finally {
    waiter.forget();
    follower.stop();
    input?.end();
  }
  return exitStatus(0);
}

/** Hands output to the client, no faster than it takes it. */
function followOutput(logPath: string, { stdout, stderr }: CommandStreams): LogFollower {
  const outputs = { stdout, stderr };
  for (const output of [stdout, stderr]) output?.on('error', () => undefined);
  return followLog(logPath, ({ stream, content }) => {
    const output = outputs[stream];
    if (output && !output.destroyed && !output.write(content)) return whenWritable(output);
  });
}

/** Carries input to conmon. What conmon sends back is dropped: the output comes from the log. */
function pipeToContainer(from: Readable, { bundleDir, endsInput }: { bundleDir: string; endsInput: boolean }) {
  // By a relative name: the full path may be longer than the address of a socket can be.
  // Where the container's input ends with ours, that end has to be seen before the connection closes.
  const child = spawn('socat', ['-t', endsInput ? '86400' : '1', '-', 'UNIX-CONNECT:attach,type=5'], {
    cwd: bundleDir,
    env: commandEnv,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const { promise: handedOver, resolve } = Promise.withResolvers<void>();
  child.stdin.once('finish', resolve);
  child.once('error', () => child.stdin.destroy());
  pipeInput(from, child.stdin);
  return {
    /** Resolves when the client's input has ended and socat has it all. */
    handedOver,
    /** The session is over. A detached client's input goes on its way without it. */
    end: () => void (child.stdin.writableFinished && !endsInput ? undefined : child.kill('SIGTERM')),
  };
}
