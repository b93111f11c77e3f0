// Runs the programs that change the kernel's state for the proxy: nft, ip, conntrack.
import { runCommand } from '../host/command.ts';

/** Runs a program with a text on its standard input, to its end; rejects when it fails or takes far too long. */
export type RunProgram = (command: string, args: readonly string[], input: string) => Promise<string>;

const timeoutMs = 60_000;

// Not the option `timeout`: where the program is not there, its timer runs on and keeps this process alive.
export const runProgram: RunProgram = (command, args, input) =>
  runCommand(command, args, { input, signal: AbortSignal.timeout(timeoutMs), killSignal: 'SIGKILL' });
