// What the steps of `up` share: the cluster, how its processes are started, and how to wait until one answers.
import { closeSync, existsSync, fstatSync, openSync, readSync, statfsSync } from 'node:fs';
import type { Clock } from '../../machinery/clock.ts';
import { messageOf } from '../../machinery/errors.ts';
import { watchFolder } from '../../machinery/watch-folder.ts';
import type { Asking } from '../api-request.ts';
import type { CgroupTrees } from '../host/cgroups.ts';
import { isAlive, isStopped } from '../host/processes.ts';
import type { KubeconfigFile } from '../kubeconfig.ts';
import { type Layout, unitFiles } from '../layout.ts';
import { type Plan, readUnitState, type UnitPlan, writePlan } from '../supervisor/plan.ts';
import type { Program } from '../units.ts';
import { UserError } from '../user-error.ts';

export interface UpContext {
  layout: Layout;
  program: Program;
  trees: CgroupTrees;
  /** Folders of ours that nodes must see to run our programs. */
  programPaths: readonly string[];
  clock: Clock;
  /** What should run; grows as steps add to it. Holds what already ran when `up` began. */
  plan: Plan;
  kubeconfigFiles: KubeconfigFile[];
  /** Nobody waits for it: the user's folder may not even be mounted yet. */
  isService: boolean;
  /** How long a step may wait for a component. */
  waitMs: number;
}

/** Adds units to the plan, or changes them: all, or those of some names. The supervisor, which watches it, brings that about. */
export function startUnits({ plan, layout }: UpContext, units: readonly UnitPlan[], names?: readonly string[]): void {
  for (const unit of units) {
    if (names?.includes(unit.name) === false) continue;
    const at = plan.units.findIndex((known) => known.name === unit.name);
    if (at < 0) plan.units.push(unit);
    else plan.units[at] = unit;
  }
  writePlan(layout.planFile, plan);
}

/** Drops units that an earlier version ran and this one does not. */
export function keepOnlyUnits(context: UpContext, names: readonly string[]): void {
  context.plan.units = context.plan.units.filter((unit) => names.includes(unit.name));
  writePlan(context.layout.planFile, context.plan);
}

/** Asks something of the API server. Throws UserError with the problem, and with where to look. */
export async function explained(
  { layout, waitMs }: UpContext,
  { problem, signal }: { problem: string; signal: AbortSignal },
  work: (asking: Asking) => Promise<void>,
): Promise<void> {
  try {
    await work({ layout, signal: AbortSignal.any([signal, AbortSignal.timeout(waitMs)]) });
  } catch (err) {
    const hint = `What the API server says: ${unitFiles(layout, 'apiserver').logFile}`;
    throw new UserError(`${problem}: ${messageOf(err)}`, { hint, cause: err });
  }
}

const probeEveryMs = 25;
/** On a slow machine the answer comes later for every question: asking may take a fifth of one CPU. */
const pauseFactor = 4;
const longestPauseMs = 5_000;
const toleratedRestarts = 1;
/** How long a unit may go without an answer on a disk that is full: it may still come up, but will not recover. */
const fullDiskWaitMs = 3_000;

export interface Waiting {
  /** The unit whose answer this is: its repeated end ends the waiting, and its log explains the failure. */
  unit: string;
  /** Resolves to undefined once all is well, else to what is missing. May throw while the unit is coming up. */
  probe(signal: AbortSignal): Promise<string | undefined>;
  signal: AbortSignal;
}

/** Waits until a unit answers as it should. */
export async function waitForUnit(context: UpContext, { unit, probe, signal }: Waiting): Promise<void> {
  const { layout, clock, waitMs } = context;
  const restarts = () => readUnitState(layout.processesFile, unit)?.restarts ?? 0;
  const restartsBefore = restarts();
  const deadline = clock.monotonicMs() + waitMs;
  const crashed = new AbortController();
  // A unit that ended for want of room leaves no log, and another one that ended may have made room again.
  let wasFull = false;
  const watcher = watchOrTell(layout.runDir, () => {
    wasFull ||= isFull(layout.stateDir);
    if (restarts() - restartsBefore > toleratedRestarts) crashed.abort(new Error('it ends right after its start'));
  });
  const ended = AbortSignal.any([signal, crashed.signal]);
  let missing: string | undefined = 'it has not answered yet';
  let roomSeenMs = clock.monotonicMs();
  try {
    for (;;) {
      const cpuBefore = process.cpuUsage();
      missing = isOfPlan(context, unit)
        ? await probeInTime(probe, { signal: ended, clock, deadline })
        : 'it has not been started yet';
      if (missing === undefined) return;
      signal.throwIfAborted();
      if (crashed.signal.aborted) throw explainUnit(layout, unit, messageOf(crashed.signal.reason), wasFull);
      const nowMs = clock.monotonicMs();
      if (!isFull(layout.stateDir)) roomSeenMs = nowMs;
      else wasFull = true;
      if (nowMs > deadline || nowMs - roomSeenMs > fullDiskWaitMs) throw explainUnit(layout, unit, missing);
      const { user, system } = process.cpuUsage(cpuBefore);
      const pauseMs = Math.max(probeEveryMs, Math.min(longestPauseMs, (pauseFactor * (user + system)) / 1000));
      await clock.sleep(pauseMs, ended).catch(() => undefined); // the checks above say why it was cut short
    }
  } finally {
    watcher.close();
  }
}

/** Asks once, at most until the deadline: what hangs gives no answer at all. */
async function probeInTime(
  probe: Waiting['probe'],
  { signal, clock, deadline }: { signal: AbortSignal; clock: Clock; deadline: number },
): Promise<string | undefined> {
  const late = new AbortController();
  const timer = clock.after(deadline - clock.monotonicMs(), () => late.abort(new Error('it does not answer')));
  const ended = AbortSignal.any([signal, late.signal]);
  const cut = new Promise<string>((resolve) => {
    ended.addEventListener('abort', () => resolve(messageOf(ended.reason)), { once: true });
  });
  try {
    return await Promise.race([probe(ended).catch(messageOf), cut]);
  } finally {
    timer.cancel();
  }
}

/** True once the process that runs is the planned one: the one that it replaces may answer for a while. */
function isOfPlan({ plan, layout }: UpContext, unit: string): boolean {
  const state = readUnitState(layout.processesFile, unit);
  if (state?.state !== 'running' || !isAlive({ pid: state.pid!, startTicks: state.startTicks! })) return false;
  return state.revision === plan.units.find(({ name }) => name === unit)?.revision;
}

function watchOrTell(dir: string, onChange: () => void) {
  try {
    return watchFolder(dir, onChange);
  } catch (err) {
    throw new UserError(messageOf(err), { cause: err });
  }
}

/** An error that says what is wrong with a unit, with the end of its log: on failure the log itself may be removed. */
function explainUnit(layout: Layout, unit: string, missing: string, wasFull = false): UserError {
  const { pid, startTicks } = readUnitState(layout.processesFile, unit) ?? {};
  const isHalted = pid !== undefined && startTicks !== undefined && isStopped({ pid, startTicks });
  const what = isHalted ? `${missing}; a signal has stopped it` : missing;
  const { logFile } = unitFiles(layout, unit);
  const end = readEnd(logFile);
  const full = wasFull || isFull(layout.stateDir) || noSpace.test(end);
  const tail = lastLines(end);
  return new UserError(
    full
      ? `${unit} cannot work: no space left on the disk that holds ${layout.stateDir}`
      : `${unit} does not work: ${what}`,
    {
      hint: [
        ...(full ? [`Free some space there (df ${layout.stateDir}), then run the same command again.`] : []),
        tail === '' ? `Its log ${logFile} is empty.` : `The end of its log ${logFile}:\n${tail}`,
      ].join('\n'),
    },
  );
}

const fullBelowBytes = 512 * 1024;

/** True when there is no room worth speaking of on the disk that holds a folder. */
export function isFull(dir: string): boolean {
  if (!existsSync(dir)) return false;
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize < fullBelowBytes;
}

const endBytes = 4_000;
const tailLines = 8;
// In Go's words and in Node's. A unit may lack room where some is left: etcd sets 62 MiB aside at its start.
const noSpace = /no space left on device|ENOSPC/;

function readEnd(file: string): string {
  if (!existsSync(file)) return '';
  const fd = openSync(file, 'r');
  try {
    const size = fstatSync(fd).size;
    const buffer = Buffer.alloc(Math.min(size, endBytes));
    readSync(fd, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString('utf8').trimEnd();
  } finally {
    closeSync(fd);
  }
}

function lastLines(text: string): string {
  if (text === '') return '';
  const lines = text.split('\n').slice(-tailLines);
  return lines.map((line) => `    ${line}`).join('\n');
}
