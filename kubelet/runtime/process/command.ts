// Short-lived child processes. Every program the runtime calls (ip, nft, mount, crun, tar) goes through here, so that
// failures look alike: the program, its exit code and what it said.
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { openInputFile } from '../../../host/input-file.ts';
import { commandEnv, launcher, maxInputBytes } from './launcher.ts';
import { ownTurn } from './turn.ts';

export interface CommandOptions {
  /** Text or a stream for its standard input. */
  input?: string | Readable;
  cwd?: string;
  signal?: AbortSignal;
}

export class CommandError extends Error {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(command: string, exitCode: number | null, stderr: string) {
    super(`${command}: ${stderr.trim() || `exit status ${exitCode}`}`);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** What a program complains of is for a message: many files can be as many complaints. */
const maxStderrBytes = 2_000;

/** Runs a program to its end and answers its output. Rejects with CommandError when it fails. */
export async function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { input, cwd, signal } = options;
  if (typeof input === 'object') return feedCommand(command, args, { cwd, signal, input });
  if (Buffer.byteLength(input ?? '') > maxInputBytes) {
    await ownTurn();
    return feedCommand(command, args, { cwd, signal, input: openInputFile(input!) });
  }
  const { exitCode, stdout, stderr } = await launcher.launch({ argv: [command, ...args], input, cwd, signal });
  if (exitCode !== 0) throw new CommandError(command, exitCode, stderr.slice(0, maxStderrBytes));
  return stdout;
}

type Feeding = Omit<CommandOptions, 'input'> & { input: Readable | number };

/** As runCommand, with a stream or an open file as input. A stream is listened to at once, or its failure is nobody's. */
function feedCommand(command: string, args: readonly string[], { input, cwd, signal }: Feeding): Promise<string> {
  return new Promise((resolve, reject) => {
    const stdin = typeof input === 'number' ? input : 'pipe';
    const child = spawn(command, args, { cwd, signal, env: commandEnv, stdio: [stdin, 'pipe', 'pipe'] });
    if (typeof input === 'number') closeSync(input); // the program has its own
    const stdout: Buffer[] = [];
    let stderr = Buffer.alloc(0);
    child.stdout!.on('data', (chunk) => stdout.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => {
      if (stderr.length < maxStderrBytes) stderr = Buffer.concat([stderr, chunk]).subarray(0, maxStderrBytes);
    });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve(Buffer.concat(stdout).toString());
      else reject(new CommandError(command, code, stderr.toString()));
      // Whoever ended early reads no more of it.
      if (typeof input === 'object') input.destroy();
    });
    if (typeof input !== 'object') return;
    // A program that ends before it has read everything says why on stderr; the broken pipe adds nothing.
    child.stdin!.on('error', () => undefined);
    input.once('error', (err) => {
      reject(err);
      child.kill('SIGKILL');
    });
    input.pipe(child.stdin!);
  });
}
