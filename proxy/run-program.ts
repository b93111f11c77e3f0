// Runs the programs that change the kernel's state for the proxy: nft, ip, conntrack.
import { spawn } from 'node:child_process';

/** Runs a program with a text on its standard input, to its end. Rejects with what it said when it fails. */
export type RunProgram = (command: string, args: readonly string[], input: string) => Promise<void>;

export const runProgram: RunProgram = (command, args, input) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'] });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', (err) => reject(new Error(`${command}: ${err.message}`, { cause: err })));
    child.on('close', (code) =>
      code === 0 ? resolve() : reject(new Error(`${command} exited ${code}: ${stderr.trim().slice(0, 2_000)}`)),
    );
    child.stdin.on('error', () => undefined); // it ended before it read all; its exit code says why
    child.stdin.end(input);
  });
