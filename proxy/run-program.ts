// Runs the programs that change the kernel's state for the proxy: nft, ip, conntrack.
import { spawn } from 'node:child_process';
import { closeSync, constants, openSync, writeSync } from 'node:fs';

/**
 * Runs a program with a text on its standard input, to its end. Resolves to what it wrote, rejects
 * with what it complained of when it fails or takes far too long.
 */
export type RunProgram = (command: string, args: readonly string[], input: string) => Promise<string>;

const timeoutMs = 60_000;

// Not in the constants of Node; a file without a name, that is gone when nobody has it open.
const unnamedFile = 0o20_000_000 | constants.O_DIRECTORY | constants.O_RDWR;

/**
 * A file with a text, open at its beginning. A pipe would not do: where we are killed while we
 * still write, the program takes what it has for all, and half a script for nft leaves out half of
 * the services.
 */
function openInput(text: string): number {
  const file = openSync('/dev/shm', unnamedFile, 0o600);
  try {
    const bytes = Buffer.from(text);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, at);
  } catch (err) {
    closeSync(file);
    throw err;
  }
  return file;
}

export const runProgram: RunProgram = (command, args, input) =>
  new Promise((resolve, reject) => {
    const file = openInput(input);
    // Not the option `timeout`: where the program is not there, its timer runs on and keeps this process alive.
    const signal = AbortSignal.timeout(timeoutMs);
    const child = spawn(command, args, { stdio: [file, 'pipe', 'pipe'], signal, killSignal: 'SIGKILL' });
    closeSync(file); // the program has its own
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr!.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (err) => reject(new Error(`${command}: ${err.message}`, { cause: err })));
    child.on('close', (code, signal) =>
      code === 0
        ? resolve(stdout)
        : reject(new Error(`${command} exited ${code ?? signal}: ${stderr.trim().slice(0, 2_000)}`)),
    );
  });
