// One supervised process: started, found again, watched, started again with back-off.
//
//              spawn                     pid found
//   waiting ----------> starting --------------------> running
//      ^                   | exit                         | exit
//      |                   v                              v
//      +------------- backing off <-----------------------+
//
// `waiting` is for units inside a node that is down. A process that another supervisor started is adopted: it goes
// straight to `running`, and since it is no child of ours its end is seen in /proc instead of by SIGCHLD. A running
// process that does not answer its liveness check is killed, which is an exit like any other.
import type { ChildProcess } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Clock, Timer } from '../../machinery/clock.ts';
import { writeFileAtomic } from '../host/files.ts';
import {
  endGroup,
  endProcess,
  findDescendant,
  isAlive,
  isEnterable,
  isStopped,
  membersOf,
  meterCpuWait,
  type ProcessRef,
  signalProcess,
  startedAtMs,
} from '../host/processes.ts';
import { type LivenessFailure, type LivenessLimits, LivenessWatch, probeUnit } from './liveness.ts';
import { commandOf, findUnit, type UnitPlan, type UnitState } from './plan.ts';

export interface UnitHost {
  clock: Clock;
  spawn(plan: UnitPlan, nodePid: number | undefined): ChildProcess;
  /** The first process of the node a unit runs in, or undefined while it is down. */
  nodePidOf(plan: UnitPlan): number | undefined;
  limits: LivenessLimits;
  /** Kills a process that hangs, and writes down what it did. */
  endHung(plan: UnitPlan, ref: ProcessRef, reason: string): Promise<void>;
  /** Called after every change of state. */
  changed(): void;
  log(message: string): void;
}

const firstBackoffMs = 100;
const longestBackoffMs = 5_000;
const steadyAfterMs = 10_000;
const findPidEveryMs = 5;
const watchAdoptedEveryMs = 250;
const stopGraceMs = 10_000;
const wrapperGraceMs = 1_000;

export class Unit {
  plan: UnitPlan;
  readonly #host: UnitHost;
  #state: UnitState;
  #ref: ProcessRef | undefined;
  #child: ChildProcess | undefined;
  #timer: Timer | undefined;
  #backoffMs = firstBackoffMs;
  #startedMs = 0;
  #stopping = false;
  #replacing: Promise<void> | undefined;
  #liveness: LivenessWatch | undefined;
  /** Why it was killed, when it was: the exit that follows is told with it. */
  #killedFor: string | undefined;

  constructor(plan: UnitPlan, host: UnitHost) {
    this.plan = plan;
    this.#host = host;
    this.#state = { name: plan.name, state: 'waiting', restarts: 0 };
  }

  get state(): UnitState {
    return this.#state;
  }

  /** The process, for those that want to enter its namespaces: undefined once it is ending. */
  get enterablePid(): number | undefined {
    return this.#ref && isEnterable(this.#ref) ? this.#ref.pid : undefined;
  }

  /** Takes over a process that already runs; `before` is what an earlier supervisor noted of it. */
  adopt(before: UnitState | undefined): boolean {
    const isNoted = (ref: ProcessRef) => ref.pid === before?.pid && ref.startTicks === before.startTicks;
    const noted = membersOf(this.plan.cgroupProcs).find(isNoted);
    const ref = noted ?? findUnit(this.plan);
    if (!ref) return false;
    this.#state = { ...this.#state, restarts: before?.restarts ?? 0 };
    this.#running(ref, noted ? before?.revision : this.plan.revision);
    this.#host.log(`${this.plan.name}: adopted pid ${ref.pid}`);
    this.#watchFromOutside(ref);
    return true;
  }

  /** Starts the process unless it runs, or its node is down. */
  start(): void {
    if (this.#stopping || this.#state.state === 'running' || this.#state.state === 'starting') return;
    const nodePid = this.#host.nodePidOf(this.plan);
    if (this.plan.inside !== undefined && nodePid === undefined) {
      if (this.#state.state !== 'waiting') this.#set({ state: 'waiting' });
      return;
    }
    this.#timer?.cancel();
    this.#startedMs = this.#host.clock.monotonicMs();
    const child = this.#host.spawn(this.plan, nodePid);
    this.#child = child;
    this.#set({ state: 'starting', revision: this.plan.revision });
    child.once('error', (err) => this.#childEnded(child, `could not be started: ${err.message}`));
    child.once('exit', (code, signal) => this.#childEnded(child, signal ?? `exit code ${code}`));
    this.#findPid(child);
  }

  /** Ends the process for good. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#end();
  }

  /** Replaces the running process by one of a new plan. While that goes on, a still newer plan takes its place. */
  replace(plan: UnitPlan): Promise<void> {
    this.plan = plan;
    this.#replacing ??= this.#replace().finally(() => {
      this.#replacing = undefined;
    });
    return this.#replacing;
  }

  async #replace(): Promise<void> {
    await this.#end();
    if (this.#stopping) return;
    this.#backoffMs = firstBackoffMs;
    this.#set({ state: 'waiting' });
    this.start();
  }

  async #end(): Promise<void> {
    this.#timer?.cancel();
    const child = this.#child;
    this.#child = undefined;
    if (this.#ref) await endProcess(this.#ref, stopGraceMs);
    else if (child?.pid !== undefined) endGroup(child.pid);
    this.#forget();
  }

  // What we spawned may be a wrapper (a shell that joins cgroups, nsenter, a boot script): the unit's process is the
  // one below it with the unit's command line, once it has got there.
  #findPid(child: ChildProcess): void {
    if (child.pid === undefined || this.#child !== child || this.#state.state !== 'starting') return;
    const ref = findDescendant(child.pid, commandOf(this.plan));
    if (ref) {
      this.#running(ref, this.plan.revision);
      return;
    }
    const { clock } = this.#host;
    // The slower the machine, the seldomer: looking must not keep what is looked for from starting.
    const pauseMs = Math.max(findPidEveryMs, (clock.monotonicMs() - this.#startedMs) / 20);
    this.#timer = clock.after(pauseMs, () => this.#findPid(child));
  }

  #running(ref: ProcessRef, revision: string | undefined): void {
    this.#ref = ref;
    writeFileAtomic(this.plan.pidFile, `${ref.pid}\n`, { durable: false });
    const startedMs = startedAtMs(ref);
    const startedAt = new Date(startedMs).toISOString();
    this.#set({ state: 'running', pid: ref.pid, startTicks: ref.startTicks, startedAt, revision });
    this.#liveness?.stop();
    this.#liveness = new LivenessWatch({
      clock: this.#host.clock,
      limits: this.#host.limits,
      startedMs,
      probe: () => this.#probe(ref),
      meterCpuWait: () => meterCpuWait(ref),
      hung: (reason) => void this.#endHung(ref, reason),
    });
  }

  async #probe(ref: ProcessRef): Promise<LivenessFailure | undefined> {
    if (this.plan.liveness) return probeUnit(this.plan, ref, this.#host.limits.timeoutMs);
    // It only waits for the kernel: what can be wrong with it is that it was stopped, and that can be undone.
    if (isStopped(ref)) signalProcess(ref, 'SIGCONT');
    return undefined;
  }

  async #endHung(ref: ProcessRef, reason: string): Promise<void> {
    if (this.#ref !== ref) return;
    const child = this.#child;
    this.#killedFor = `SIGKILL: ${reason}`;
    this.#host.log(`${this.plan.name} ${reason}; killing pid ${ref.pid}`);
    await this.#host.endHung(this.plan, ref, reason);
    // A wrapper that hangs itself would never tell.
    this.#host.clock.after(wrapperGraceMs, () => {
      if (child && this.#child === child && !isAlive(ref)) child.kill('SIGKILL');
    });
  }

  #watchFromOutside(ref: ProcessRef): void {
    if (this.#stopping || this.#ref !== ref) return;
    if (isAlive(ref)) this.#timer = this.#host.clock.after(watchAdoptedEveryMs, () => this.#watchFromOutside(ref));
    else this.#ended('ended');
  }

  // When only the wrapper was killed, its process lives on: keep it instead of starting a second one.
  #childEnded(child: ChildProcess, reason: string): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    const ref = this.#ref ?? findUnit(this.plan);
    if (ref && isAlive(ref)) {
      if (!this.#ref) this.#running(ref, this.plan.revision);
      this.#watchFromOutside(ref);
    } else this.#ended(reason);
  }

  #ended(how: string): void {
    const reason = this.#killedFor ?? how;
    this.#timer?.cancel();
    this.#forget();
    if (this.#stopping) return;
    const ranMs = this.#host.clock.monotonicMs() - this.#startedMs;
    if (ranMs > steadyAfterMs) this.#backoffMs = firstBackoffMs;
    this.#host.log(`${this.plan.name}: ${reason}; starting again in ${this.#backoffMs} ms`);
    this.#set({ state: 'backing off', restarts: this.#state.restarts + 1, lastExit: reason });
    this.#timer = this.#host.clock.after(this.#backoffMs, () => this.start());
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs);
  }

  #forget(): void {
    this.#ref = undefined;
    this.#killedFor = undefined;
    this.#liveness?.stop();
    rmSync(this.plan.pidFile, { force: true });
  }

  #set(change: Partial<UnitState>): void {
    const { name, restarts, lastExit } = this.#state;
    const still = change.state === 'starting' ? { revision: this.#state.revision } : {};
    this.#state = { name, restarts, ...(lastExit === undefined ? {} : { lastExit }), ...still, ...change } as UnitState;
    this.#host.changed();
  }
}
