// What /proc says about processes. A process is known by its pid and start time together, since pids are reused. One
// that nobody has noted is found by its control groups, which only we put processes into, and there by its command
// line: that alone proves nothing, since anybody's process can bear any.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { realClock } from '../../machinery/clock.ts';

export interface ProcessRef {
  /** The pid as the host sees it. */
  pid: number;
  /** When it started, in clock ticks since boot (field 22 of /proc/PID/stat). */
  startTicks: number;
}

// A process may end between any two reads: unreadable means gone.
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

interface Stat {
  state: string;
  /** It is on its way out: killed, but not yet done with its end. */
  isEnding: boolean;
  startTicks: number;
}

const exitingFlag = 4; // PF_EXITING of the kernel

/** What /proc/PID/stat says; the command name in it may hold blanks and brackets. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, isEnding: (Number(fields[6]) & exitingFlag) !== 0, startTicks: Number(fields[19]) };
}

/** The process with this pid, or undefined when there is none or it is a zombie. */
export function findProcess(pid: number): ProcessRef | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  if (text === undefined) return undefined;
  const { state, startTicks } = parseStat(text);
  return state === 'Z' || state === 'X' ? undefined : { pid, startTicks };
}

export function isAlive(ref: ProcessRef): boolean {
  return findProcess(ref.pid)?.startTicks === ref.startTicks;
}

/** True when a signal has stopped the process: it is there and does nothing. */
export function isStopped(ref: ProcessRef): boolean {
  const text = readProc(`/proc/${ref.pid}/stat`);
  return isAlive(ref) && text !== undefined && ['T', 't'].includes(parseStat(text).state);
}

/** What a process does as the kernel sees it, for people: `it runs`, `it waits in the kernel (nfs_wait)`. */
export function describeState(ref: ProcessRef): string {
  if (!isAlive(ref)) return 'it has ended';
  if (isStopped(ref)) return 'it is stopped';
  const text = readProc(`/proc/${ref.pid}/stat`);
  if (text !== undefined && parseStat(text).state === 'R') return 'it computes';
  const place = readProc(`/proc/${ref.pid}/wchan`)?.trim() ?? '';
  return `it waits in the kernel${place === '' || place === '0' ? '' : ` (${place})`}`;
}

/**
 * True when the process can still be entered. The first process of a namespace that was killed
 * stays until all others in it have ended; until then it is alive, but its namespaces are no longer
 * there.
 */
export function isEnterable(ref: ProcessRef): boolean {
  const text = readProc(`/proc/${ref.pid}/stat`);
  return isAlive(ref) && text !== undefined && !parseStat(text).isEnding;
}

/** A command line as /proc/PID/cmdline holds it. */
function toCmdline(argv: readonly string[]): string {
  return argv.map((arg) => `${arg}\0`).join('');
}

/** The living processes that are members of every one of some control groups, given by their cgroup.procs files. */
export function membersOf(procsFiles: readonly string[]): ProcessRef[] {
  const [first, ...others] = procsFiles.map((file) => new Set(readProc(file)?.trim().split('\n') ?? []));
  const pids = [...(first ?? [])].filter((pid) => others.every((group) => group.has(pid)));
  // 0 stands for a process of another pid namespace.
  return pids.flatMap((pid) => (Number(pid) > 0 ? (findProcess(Number(pid)) ?? []) : []));
}

/** The member of some control groups with exactly this command line, the oldest if there are several. */
export function findMember(procsFiles: readonly string[], argv: readonly string[]): ProcessRef | undefined {
  return membersOf(procsFiles)
    .filter((ref) => hasCommand(ref.pid, argv))
    .sort((a, b) => a.startTicks - b.startTicks)[0];
}

export function hasCommand(pid: number, argv: readonly string[]): boolean {
  return readProc(`/proc/${pid}/cmdline`) === toCmdline(argv);
}

/** The process with this command line among a process and what descends from it. */
export function findDescendant(pid: number, argv: readonly string[]): ProcessRef | undefined {
  if (hasCommand(pid, argv)) return findProcess(pid);
  const children = readProc(`/proc/${pid}/task/${pid}/children`)?.trim().split(' ') ?? [];
  for (const child of children) {
    const found = child === '' ? undefined : findDescendant(Number(child), argv);
    if (found) return found;
  }
  return undefined;
}

/** Sends a signal unless the process has gone meanwhile. */
export function signalProcess(ref: ProcessRef, signal: NodeJS.Signals): void {
  if (!isAlive(ref)) return;
  try {
    process.kill(ref.pid, signal);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}

const exitPollMs = 10;

/** Resolves to true when the process has ended, to false after `timeoutMs`. Not our child: only /proc can tell. */
export async function waitForExit(ref: ProcessRef, timeoutMs: number): Promise<boolean> {
  const deadline = realClock.monotonicMs() + timeoutMs;
  while (isAlive(ref)) {
    if (realClock.monotonicMs() > deadline) return false;
    await realClock.sleep(exitPollMs);
  }
  return true;
}

/** SIGTERM, and SIGKILL when the process has not ended after `graceMs`, or is stopped and would never hear of it. */
export async function endProcess(ref: ProcessRef, graceMs: number): Promise<void> {
  signalProcess(ref, 'SIGTERM');
  if (!isStopped(ref) && (await waitForExit(ref, graceMs))) return;
  signalProcess(ref, 'SIGKILL');
  await waitForExit(ref, 5_000);
}

/** Kills a process that leads a group of its own, with all that it has started there. */
export function endGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err;
  }
}

/**
 * Resolves when none of the pids is left, not even as a zombie that its parent has yet to reap, or
 * after `timeoutMs`.
 */
export async function waitUntilReaped(pids: readonly number[], timeoutMs: number): Promise<void> {
  const deadline = realClock.monotonicMs() + timeoutMs;
  while (pids.some((pid) => existsSync(`/proc/${pid}`)) && realClock.monotonicMs() < deadline) {
    await realClock.sleep(exitPollMs);
  }
}

interface ThreadTime {
  /** What it has had of a CPU. */
  ranMs: number;
  waitedMs: number;
  isRunnable: boolean;
}

function threadTimes(pid: number): Map<string, ThreadTime> {
  const folder = `/proc/${pid}/task`;
  const ids = existsSync(folder) ? readdirSync(folder) : [];
  const look = (id: string): ThreadTime => {
    const times = parseSchedstat(readProc(`${folder}/${id}/schedstat`) ?? '');
    const stat = readProc(`${folder}/${id}/stat`);
    return { ...times, isRunnable: stat !== undefined && parseStat(stat).state === 'R' };
  };
  return new Map(ids.map((id) => [id, look(id)]));
}

/**
 * Milliseconds that a thread has run on a CPU, and that it has waited for one: the first figures of its schedstat.
 * 0 where the kernel keeps none.
 */
export function parseSchedstat(text: string): { ranMs: number; waitedMs: number } {
  const [ran = 0, waited = 0] = text.split(' ').map((figure) => Number(figure) / 1e6);
  return { ranMs: ran, waitedMs: waited };
}

/**
 * Tells at every call how many milliseconds a process has waited for a CPU since the call before:
 * its thread that waited longest. The kernel counts a wait when it is over; so of a thread that may
 * be waiting now, all counts in which it did not run.
 */
export function meterCpuWait(
  ref: ProcessRef,
  look: (pid: number) => Map<string, ThreadTime> = threadTimes,
  monotonicMs: () => number = () => realClock.monotonicMs(),
): () => number {
  let before = look(ref.pid);
  let beforeMs = monotonicMs();
  /** By thread, what was told of a wait before the kernel has counted it. */
  let told = new Map<string, number>();
  return () => {
    const now = look(ref.pid);
    const nowMs = monotonicMs();
    const ahead = new Map<string, number>();
    const waits = [...now].map(([id, { ranMs, waitedMs, isRunnable }]) => {
      const last = before.get(id) ?? { ranMs: 0, waitedMs: 0 };
      const counted = waitedMs - last.waitedMs - (told.get(id) ?? 0);
      if (!isRunnable || ranMs === 0 || !before.has(id)) return counted;
      const most = Math.max(counted, nowMs - beforeMs - (ranMs - last.ranMs));
      ahead.set(id, most - counted);
      return most;
    });
    [before, beforeMs, told] = [now, nowMs, ahead];
    return Math.max(0, ...waits);
  };
}

const ticksPerSecond = 100; // USER_HZ: fixed in the kernel's interface on every architecture Node runs on

/** When a process started, in milliseconds since the epoch. */
export function startedAtMs(ref: ProcessRef): number {
  const bootSeconds = Number(/^btime (\d+)/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1]);
  return bootSeconds * 1000 + (ref.startTicks * 1000) / ticksPerSecond;
}
