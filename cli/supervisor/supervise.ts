// The supervisor of one cluster: keeps the processes of plan.json running until that file is gone. Ending it, even
// by SIGKILL, ends nothing else: its keeper becomes a new one, which finds the processes and adopts them. It imports
// little, to stay small.
import { rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { realClock } from '../../machinery/clock.ts';
import { watchFolder } from '../../machinery/watch-folder.ts';
import { stampOf, writeFileAtomic } from '../host/files.ts';
import { takeServiceLimits } from '../host/surroundings.ts';
import { endHung } from './hang.ts';
import { Keeper } from './keeper.ts';
import { readLimits } from './liveness.ts';
import { readPlan, readProcesses, type UnitPlan, writeProcesses } from './plan.ts';
import { spawnUnit } from './spawn.ts';
import { Unit, type UnitHost } from './unit.ts';

export interface SupervisorFiles {
  planFile: string;
  processesFile: string;
  pidFile: string;
  socket: string;
}

function supervisorFiles(runDir: string): SupervisorFiles {
  return {
    planFile: join(runDir, 'plan.json'),
    processesFile: join(runDir, 'processes.json'),
    pidFile: join(runDir, 'supervisor.pid'),
    socket: join(runDir, 'supervisor.live'),
  };
}

/** Runs until the plan is removed. */
export function supervise(runDir: string, proc: NodeJS.Process): void {
  const files = supervisorFiles(runDir);
  const program = { node: proc.execPath, bundle: proc.argv[1]! };
  const own = { supervisorPid: proc.pid, supervisorRevision: stampOf(program.bundle) };
  const limits = readLimits(proc.env);
  const units = new Map<string, Unit>();
  let notedBefore = readProcesses(files.processesFile)?.units ?? [];
  let scheduled = false;
  const log = (message: string) => void proc.stdout.write(`${new Date(realClock.now()).toISOString()} ${message}\n`);
  const command = [proc.execPath, ...proc.execArgv, ...proc.argv.slice(1)];
  const keeper = new Keeper({ clock: realClock, pid: proc.pid, command, limits, env: proc.env, log });
  const end = () => {
    keeper.stop(); // else it would bring us back
    proc.exit(0);
  };

  const noteSoon = () => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      const states = [...units.values()].map((unit) => unit.state);
      writeProcesses(files.processesFile, { ...own, units: states });
      // A node that has come up again starts what waits for it.
      for (const unit of units.values()) if (unit.state.state === 'waiting') unit.start();
    });
  };
  const host: UnitHost = {
    clock: realClock,
    spawn: (plan, nodePid) => spawnUnit(plan, nodePid, proc.env),
    nodePidOf: (plan) => (plan.inside === undefined ? undefined : units.get(plan.inside)?.enterablePid),
    limits,
    endHung: (plan, ref, reason) => endHung(plan, ref, { program, reason }),
    changed: noteSoon,
    log,
  };

  const reconcile = () => {
    const plan = readPlan(files.planFile);
    if (!plan) return end();
    removeUnits(units, plan.units);
    for (const unitPlan of plan.units) {
      const before = notedBefore.find((state) => state.name === unitPlan.name);
      applyUnit(units, unitPlan, { host, before });
    }
    notedBefore = [];
  };

  // A full disk costs log lines, not the supervisor.
  proc.stdout.on('error', () => undefined);
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    proc.on(signal, () => {
      rmSync(files.pidFile, { force: true });
      end();
    });
  }
  if (!readPlan(files.planFile)) return; // the cluster is gone
  const refused = takeServiceLimits(proc.pid);
  if (refused !== undefined) log(`limits stay as they were inherited: ${refused}`);
  keeper.start();
  answerLiveness(files.socket);
  writeFileAtomic(files.pidFile, `${proc.pid}\n`, { durable: false });
  const wanted = basename(files.planFile);
  watchFolder(dirname(files.planFile), (_event, name) => {
    if (name === wanted || readPlan(files.planFile) === undefined) reconcile();
  });
  reconcile();
}

/** Answers every caller that we are alive. */
function answerLiveness(socket: string): void {
  rmSync(socket, { force: true });
  createServer((caller) => {
    caller.on('error', () => undefined);
    caller.once('data', () => caller.end('HTTP/1.1 200 OK\r\n\r\nok'));
  }).listen(socket);
}

function removeUnits(units: Map<string, Unit>, wanted: readonly UnitPlan[]): void {
  for (const [name, unit] of units) {
    if (wanted.some((plan) => plan.name === name)) continue;
    units.delete(name);
    void unit.stop();
  }
}

function applyUnit(
  units: Map<string, Unit>,
  plan: UnitPlan,
  { host, before }: { host: UnitHost; before: Unit['state'] | undefined },
): void {
  let unit = units.get(plan.name);
  if (!unit) {
    unit = new Unit(plan, host);
    units.set(plan.name, unit);
    if (!unit.adopt(before)) {
      unit.start();
      return;
    }
  }
  const sameCommand = JSON.stringify(unit.plan.command) === JSON.stringify(plan.command);
  if (!sameCommand || (unit.state.revision ?? plan.revision) !== plan.revision) void unit.replace(plan);
  else unit.plan = plan;
}
