// Runs short commands of the host (ip, nft, kubectl) to their end.
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { openInputFile } from '../../host/input-file.ts';
import { commandName } from '../command-name.ts';
import { UserError } from '../user-error.ts';

export class CommandError extends Error {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: string, exitCode: number | null, stderr: string) {
    super(`${command}: ${stderr.trim() || `exit code ${exitCode}`}`);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

export interface RunOptions {
  /** Text for its standard input; none when left out. */
  input?: string;
  signal?: AbortSignal;
}

/** Runs a command and returns its standard output. Throws CommandError when it does not exit with 0. */
export function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const file = openInputFile(options.input ?? '');
    const child = spawn(command, args, { stdio: [file, 'pipe', 'pipe'], signal: options.signal });
    closeSync(file); // the command has its own
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text) => {
      stdout += text;
    });
    child.stderr!.setEncoding('utf8').on('data', (text) => {
      stderr += text;
    });
    child.on('error', (err: NodeJS.ErrnoException) => {
      if (err.code !== 'ENOENT') return reject(err);
      reject(
        new UserError(`the command ${command} is missing`, { hint: `${commandName} up installs what is missing.` }),
      );
    });
    child.on('close', (code) => {
      if (code === 0) resolve(stdout);
      else reject(new CommandError([command, ...args].join(' '), code, stderr));
    });
  });
}
