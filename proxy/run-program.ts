// Runs the programs that change the kernel's state for the proxy: nft, ip, conntrack.
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { openInputFile } from '../host/input-file.ts';

/**
 * Runs a program with a text on its standard input, to its end. Resolves to what it wrote, rejects
 * with what it complained of when it fails or takes far too long.
 */
export type RunProgram = (command: string, args: readonly string[], input: string) => Promise<string>;

const timeoutMs = 60_000;

export const runProgram: RunProgram = (command, args, input) =>
  new Promise((resolve, reject) => {
    const file = openInputFile(input);
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
