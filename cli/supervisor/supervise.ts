// The supervisor of one cluster: keeps the processes of plan.json running until that file is gone. Ending it, even
// by SIGKILL, ends nothing else: a new one finds the processes and adopts them. It imports little, to stay small.
import { mkdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { realClock } from '../../machinery/clock.ts';
import { watchFolder } from '../../machinery/watch-folder.ts';
import { stampOf, writeFileAtomic } from '../host/files.ts';
import { readPlan, readProcesses, type UnitPlan, writeProcesses } from './plan.ts';
import { spawnUnit } from './spawn.ts';
import { Unit, type UnitHost } from './unit.ts';

export interface SupervisorFiles {
  planFile: string;
  processesFile: string;
  pidFile: string;
}

function supervisorFiles(runDir: string): SupervisorFiles {
  return {
    planFile: join(runDir, 'plan.json'),
    processesFile: join(runDir, 'processes.json'),
    pidFile: join(runDir, 'supervisor.pid'),
  };
}

/** Runs until the plan is removed. */
export function supervise(runDir: string, proc: NodeJS.Process): void {
  const files = supervisorFiles(runDir);
  const own = { supervisorPid: proc.pid, supervisorRevision: stampOf(proc.argv[1]!) };
  const units = new Map<string, Unit>();
  let notedBefore = readProcesses(files.processesFile)?.units ?? [];
  let scheduled = false;

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
    changed: noteSoon,
    log: (message) => proc.stdout.write(`${new Date(realClock.now()).toISOString()} ${message}\n`),
  };

  const reconcile = () => {
    const plan = readPlan(files.planFile);
    if (!plan) return proc.exit(0);
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
      proc.exit(0);
    });
  }
  mkdirSync(runDir, { recursive: true });
  writeFileAtomic(files.pidFile, `${proc.pid}\n`, { durable: false });
  const wanted = basename(files.planFile);
  watchFolder(dirname(files.planFile), (_event, name) => {
    if (name === wanted || readPlan(files.planFile) === undefined) reconcile();
  });
  reconcile();
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
