// Short-lived child processes. Every program the runtime calls (ip, nft, mount, crun, tar) goes through here.
import { CommandError, type CommandOptions, runCommand as run } from '../../../host/command.ts';
import { commandEnv, launcher, maxInputBytes } from './launcher.ts';
import { ownTurn } from './turn.ts';

/** Runs a program to its end and answers its output. Rejects with CommandError when it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: Pick<CommandOptions, 'input' | 'cwd' | 'signal'> = {},
): Promise<string> {
  const { input, cwd, signal } = options;
  // A stream is listened to at once, or its failure is nobody's.
  if (typeof input === 'object') return run(command, args, { ...options, env: commandEnv });
  if (Buffer.byteLength(input ?? '') > maxInputBytes) {
    await ownTurn();
    return run(command, args, { ...options, env: commandEnv });
  }
  const { exitCode, stdout, stderr } = await launcher.launch({ argv: [command, ...args], input, cwd, signal });
  if (exitCode !== 0) throw new CommandError(command, exitCode, stderr);
  return stdout;
}
