// Short-lived child processes. Every program the runtime calls (ip, nft, mount, crun, tar) goes through here.
import type { Readable } from 'node:stream';
import { CommandError, type CommandOptions, runCommand as run } from '../../../host/command.ts';
import { commandEnv, launcher, maxInputBytes } from './launcher.ts';
import { ownTurn } from './turn.ts';

interface Options extends Pick<CommandOptions, 'cwd' | 'signal'> {
  /** Text or a stream for its standard input. */
  input?: string | Readable;
  /** The file of a network namespace (`/proc/PID/ns/net`) to run in. */
  netns?: string;
}

/** Runs a program to its end and answers its output. Rejects with CommandError when it fails. */
export async function runCommand(command: string, args: readonly string[], options: Options = {}): Promise<string> {
  const { input, netns, ...rest } = options;
  // A stream is listened to at once, or its failure is nobody's.
  if (typeof input === 'object' || Buffer.byteLength(input ?? '') > maxInputBytes) {
    if (typeof input === 'string') await ownTurn();
    const entering = netns ? ['nsenter', `--net=${netns}`] : [];
    const [program, ...words] = [...entering, command, ...args];
    return run(program!, words, { ...rest, input, name: command, env: commandEnv });
  }
  const entering = netns ? [':netns', netns] : [];
  const { exitCode, stdout, stderr } = await launcher.launch({ argv: [...entering, command, ...args], input, ...rest });
  if (exitCode !== 0) throw new CommandError(command, exitCode, stderr);
  return stdout;
}
