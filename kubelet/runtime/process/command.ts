// Short-lived child processes. Every program the runtime calls (ip, nft, mount, crun, tar) goes through here.
import { type CommandOptions, runCommand as run } from '../../../host/command.ts';
import { ownTurn } from './turn.ts';

/** The environment of every program called: nothing of ours but a path. */
export const commandEnv = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C.UTF-8' };

/** Runs a program to its end and answers its output. Rejects with CommandError when it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  // A stream is listened to at once, or its failure is nobody's.
  if (typeof options.input !== 'object') await ownTurn();
  return run(command, args, { ...options, env: commandEnv });
}
