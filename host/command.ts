// Programs that are called for what they do or say, and end: ip, nft, mount, tar, kubectl. Failures look alike: the program,
// its exit code and what it said.
import { type SpawnOptions, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { openInputFile } from './input-file.ts';

export interface CommandOptions extends Pick<SpawnOptions, 'env' | 'killSignal'> {
  cwd?: string;
  signal?: AbortSignal;
  /** Text, a stream or a file descriptor for its standard input. */
  input?: string | Readable | number;
  /** What errors call it; the program without its arguments. */
  name?: string;
  /** A program that says more is ended, and has failed. */
  maxBytes?: number;
}

/** What a program complains of is for a message: many files can be as many complaints. */
const maxStderrBytes = 2_000;

export class CommandError extends Error {
  readonly exitCode: number | null;
  readonly stderr: string;

  constructor(name: string, exitCode: number | null, complaint: string) {
    const stderr = complaint.slice(0, maxStderrBytes);
    super(`${name}: ${stderr.trim() || `exit status ${exitCode}`}`);
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Runs a program to its end and answers its output. Rejects with CommandError when it fails. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const { input, name = command, maxBytes = Number.POSITIVE_INFINITY, ...rest } = options;
    const file = typeof input === 'string' ? openInputFile(input) : undefined;
    const stdin = typeof input === 'number' ? input : input === undefined ? 'ignore' : (file ?? 'pipe');
    const child = spawn(command, args, { ...rest, stdio: [stdin, 'pipe', 'pipe'] });
    if (file !== undefined) closeSync(file); // the program has its own
    const stdout: Buffer[] = [];
    let stderr = Buffer.alloc(0);
    let bytes = 0;
    // What it has begun may hold its output open, and write on, when it has ended itself.
    const giveUp = (why: unknown) => {
      reject(why);
      child.kill('SIGKILL');
      for (const end of [child.stdout!, child.stderr!]) end.destroy();
    };
    const late = () => giveUp(options.signal!.reason);
    child.stdout!.on('data', (chunk: Buffer) => {
      stdout.push(chunk);
      bytes += chunk.length;
      if (bytes > maxBytes) giveUp(new Error(`${name}: its output is larger than ${maxBytes} bytes`));
    });
    child.stderr!.on('data', (chunk: Buffer) => {
      if (stderr.length < maxStderrBytes) stderr = Buffer.concat([stderr, chunk]).subarray(0, maxStderrBytes);
    });
    child.once('error', reject);
    options.signal?.addEventListener('abort', late, { once: true });
    child.once('close', (code) => {
      options.signal?.removeEventListener('abort', late);
      if (code === 0) resolve(Buffer.concat(stdout).toString());
      else reject(new CommandError(name, code, stderr.toString()));
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
