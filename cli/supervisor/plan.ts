// What the supervisor and the command line tell each other: plan.json says which processes should run,
// processes.json which do. Both lie in the cluster's run folder and are replaced as a whole.
import { readIfExists, writeFileAtomic } from '../host/files.ts';
import { findMember, type ProcessRef } from '../host/processes.ts';

/** Where a process is asked whether it is alive, by HTTP: a socket's path or a port on loopback, and the URL's path. */
export type LivenessCheck = ({ socket: string } | { port: number }) & { path: string };

/** One process to keep running. Its control groups and its command line are its identity: see host/processes.ts. */
export interface UnitPlan {
  name: string;
  command: string[];
  /** The command line it ends up with, where that differs from `command` (the boot script of a node). */
  becomes?: string[];
  logFile: string;
  pidFile: string;
  /** The unit that is the first process of the node this one runs in; it is started once that runs. */
  inside?: string;
  /** The cgroup.procs files of the groups it belongs to. */
  cgroupProcs: string[];
  /** It is put into them as it starts; a node's first process goes there by itself, once it has cleared them. */
  joins: boolean;
  /** Left out for what only waits for the kernel: a node's first process. */
  liveness?: LivenessCheck;
  /** What makes it write down where it is: Go programs answer SIGQUIT, ours have an inspector. */
  stackBy?: 'quit' | 'inspector';
  /** Changes when what the process has read at its start (program, certificates) has changed. */
  revision: string;
}

export interface Plan {
  units: UnitPlan[];
}

export interface UnitState {
  name: string;
  state: 'running' | 'starting' | 'waiting' | 'backing off';
  /** As the host sees it; only while running. */
  pid?: number;
  startTicks?: number;
  startedAt?: string;
  restarts: number;
  /** How the previous process ended, when it did. */
  lastExit?: string;
  /** Of the running process. */
  revision?: string;
}

export interface Processes {
  supervisorPid: number;
  /** The stamp of the bundle it runs. */
  supervisorRevision: string;
  units: UnitState[];
}

export function readPlan(file: string): Plan | undefined {
  const text = readIfExists(file);
  return text === undefined ? undefined : (JSON.parse(text) as Plan);
}

export function writePlan(file: string, plan: Plan): void {
  writeFileAtomic(file, JSON.stringify(plan, null, 2), { mode: 0o600, durable: false });
}

export function readProcesses(file: string): Processes | undefined {
  const text = readIfExists(file);
  return text === undefined ? undefined : (JSON.parse(text) as Processes);
}

/** What is noted of one unit. */
export function readUnitState(processesFile: string, name: string): UnitState | undefined {
  return readProcesses(processesFile)?.units.find((unit) => unit.name === name);
}

export function writeProcesses(file: string, processes: Processes): void {
  writeFileAtomic(file, JSON.stringify(processes, null, 2), { durable: false });
}

/** The command line a running unit bears. */
export function commandOf(unit: UnitPlan): string[] {
  return unit.becomes ?? unit.command;
}

/** The process of a unit, whoever started it. */
export function findUnit(unit: UnitPlan): ProcessRef | undefined {
  return findMember(unit.cgroupProcs, commandOf(unit));
}
