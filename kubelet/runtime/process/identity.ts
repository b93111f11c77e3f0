// Which process a pid stood for. A pid alone may have been given to another process since; with its start time it is
// unique until the next boot. A zombie counts as dead: the reaper of a node may take a second to collect it.
import { readFileSync } from 'node:fs';
import { kill } from 'node:process';

export interface ProcessRef {
  pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot. */
  startTicks: string;
}

/** Parses the state letter and start time of /proc/PID/stat; the command in parentheses may hold anything. */
export function parseProcStat(text: string): { state: string; startTicks: string } {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, startTicks: fields[19]! };
}

/** The identity of a living process, or null when it is gone or only a zombie. */
export function readProcessRef(pid: number): ProcessRef | null {
  try {
    const stat = parseProcStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
    return stat.state === 'Z' || stat.state === 'X' ? null : { pid, startTicks: stat.startTicks };
  } catch {
    // Any failure to read means there is no such process any more.
    return null;
  }
}

/** Whether that very process still lives. */
export function isAlive(ref: ProcessRef): boolean {
  return readProcessRef(ref.pid)?.startTicks === ref.startTicks;
}

/** Signals that very process. False when it is gone. */
export function signalProcess(ref: ProcessRef, signal: number | NodeJS.Signals): boolean {
  if (!isAlive(ref)) return false;
  try {
    return kill(ref.pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw err;
  }
}
