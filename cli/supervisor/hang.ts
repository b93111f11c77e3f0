// What a process that hangs was doing goes into its log before it is killed: its state in the kernel and, where it can
// still say that, its stack.
import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { realClock } from '../../machinery/clock.ts';
import { describeState, isStopped, type ProcessRef, signalProcess, waitForExit } from '../host/processes.ts';
import type { Program } from '../units.ts';
import type { UnitPlan } from './plan.ts';

const stackTimeoutMs = 15_000;
const lookEveryMs = 20;
const inspectorText = /Debugger listening on (ws:\/\/\S+)\s/;

/** Writes down what a hung process does, as far as it can be seen, and kills it. */
export async function endHung(unit: UnitPlan, ref: ProcessRef, { program, reason }: HangContext): Promise<void> {
  note(unit, `${unit.name} ${reason} and is killed; ${describeState(ref)}`);
  if (!isStopped(ref)) {
    if (unit.stackBy === 'quit') signalProcess(ref, 'SIGQUIT'); // it writes its stacks, and ends
    // Whatever is in the way of that is not in the way of the cure.
    if (unit.stackBy === 'inspector') await writeStack(unit, ref, program).catch(() => undefined);
    if (unit.stackBy === 'quit' && (await waitForExit(ref, stackTimeoutMs))) return;
  }
  signalProcess(ref, 'SIGKILL');
}

export interface HangContext {
  program: Program;
  reason: string;
}

// A full disk costs the note, not the cure.
function note(unit: UnitPlan, text: string): void {
  try {
    appendFileSync(unit.logFile, `${new Date(realClock.now()).toISOString()} ${text}\n`, { mode: 0o640 });
  } catch {}
}

// SIGUSR1 opens Node's inspector, also while a loop holds the event loop. Its address holds a secret that only the log
// tells; a process of our own asks there, in the network namespace of the one that hangs.
async function writeStack(unit: UnitPlan, ref: ProcessRef, program: Program): Promise<void> {
  const from = sizeOf(unit.logFile);
  signalProcess(ref, 'SIGUSR1');
  const deadline = realClock.monotonicMs() + stackTimeoutMs;
  let url: string | undefined;
  while (url === undefined) {
    if (realClock.monotonicMs() > deadline) return note(unit, 'its stack cannot be had: its inspector does not open');
    await realClock.sleep(lookEveryMs);
    url = inspectorText.exec(readFrom(unit.logFile, from))?.[1];
  }
  const stack = await run('nsenter', [
    '--net',
    '--target',
    String(ref.pid),
    program.node,
    program.bundle,
    'stack',
    url,
  ]);
  note(unit, stack === '' ? 'its stack cannot be had: it does not stop at a statement' : `it hangs at\n${stack}`);
}

/** The output of a program, or what there is of it after a time. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'ignore'], timeout: stackTimeoutMs });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.once('error', () => resolve(''));
    child.once('close', () => resolve(output.trimEnd()));
  });
}

function sizeOf(file: string): number {
  const fd = openSync(file, 'a+', 0o640);
  try {
    return fstatSync(fd).size;
  } finally {
    closeSync(fd);
  }
}

const longestRead = 64 * 1024;

function readFrom(file: string, offset: number): string {
  const fd = openSync(file, 'r');
  try {
    const buffer = Buffer.alloc(longestRead);
    return buffer.toString('utf8', 0, readSync(fd, buffer, 0, longestRead, offset));
  } finally {
    closeSync(fd);
  }
}
