// Starts the process of a unit: joins its control groups, enters its node, appends its output to its log.
// Nothing of it hangs on the supervisor (own session, plain files as output), so it outlives the supervisor's end.
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { UnitPlan } from './plan.ts';

const keptLogBytes = 16 * 1024 * 1024;

/** Opens a log for appending; one that has grown large is set aside first. Undefined when the disk is full. */
function openLog(file: string): number | undefined {
  try {
    mkdirSync(dirname(file), { recursive: true });
    if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > keptLogBytes) renameSync(file, `${file}.1`);
    return openSync(file, 'a', 0o640);
  } catch {
    return undefined; // a process without a log is better than none; the full disk shows elsewhere
  }
}

// $1 is the number of cgroup.procs files that follow it; the rest is the command.
const joinScript =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 125; shift; n=$((n - 1)); done; exec "$@"';

// Only what a process forks lives in the pid namespace that it has entered. nsenter would fork and wait, but stops for
// good with a child that is stopped for a moment; a shell just waits. It ends as its child did.
const forkScript = '"$@" & wait "$!"; code=$?; [ "$code" -le 128 ] || kill -"$((code - 128))" "$$"; exit "$code"';

/** A command line that joins control groups, by their cgroup.procs files, and becomes the command. */
export function joinGroups(cgroupProcs: readonly string[], command: readonly string[]): string[] {
  return ['sh', '-c', joinScript, 'sh', String(cgroupProcs.length), ...cgroupProcs, ...command];
}

/** The argv that joins the unit's control groups, enters the node of `nodePid`, and runs the unit's command. */
export function wrapCommand(unit: UnitPlan, nodePid: number | undefined): string[] {
  const inGroups = (command: readonly string[]) => joinGroups(unit.joins ? unit.cgroupProcs : [], command);
  if (nodePid === undefined) return inGroups(unit.command);
  const enter = [
    'nsenter',
    '--target',
    String(nodePid),
    '--mount',
    '--uts',
    '--ipc',
    '--net',
    '--pid',
    '--cgroup',
    '--no-fork',
    '--',
  ];
  return inGroups([...enter, 'sh', '-c', forkScript, 'sh', ...unit.command]);
}

export function spawnUnit(unit: UnitPlan, nodePid: number | undefined, env: NodeJS.ProcessEnv): ChildProcess {
  const [file = '', ...args] = wrapCommand(unit, nodePid);
  const log = openLog(unit.logFile);
  const output = log ?? 'ignore';
  try {
    return spawn(file, args, { cwd: '/', env, stdio: ['ignore', output, output], detached: true });
  } finally {
    if (log !== undefined) closeSync(log);
  }
}
