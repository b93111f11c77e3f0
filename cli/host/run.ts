// Runs short commands of the host (ip, nft, kubectl) to their end.
import { type CommandOptions, runCommand } from '../../host/command.ts';
import { commandName } from '../command-name.ts';
import { errnoOf, UserError } from '../user-error.ts';

/** Runs a command and returns its standard output. Throws CommandError when it does not exit with 0. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return runCommand(command, args, { ...options, name: [command, ...args].join(' ') }).catch((err) => {
    if (errnoOf(err) !== 'ENOENT') throw err;
    throw new UserError(`the command ${command} is missing`, { hint: `${commandName} up installs what is missing.` });
  });
}
