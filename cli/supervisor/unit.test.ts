import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import {
  findDescendant,
  findProcess,
  isStopped,
  type ProcessRef,
  signalProcess,
  waitUntilReaped,
} from '../host/processes.ts';
import type { UnitPlan, UnitState } from './plan.ts';
import { wrapCommand } from './spawn.ts';
import { Unit, type UnitHost } from './unit.ts';

let dir = '';
let spawned: ChildProcess[] = [];
let notify: () => void = () => undefined;
let serial = 0;

const host: UnitHost = {
  clock: realClock,
  spawn: (plan) => {
    const [file = '', ...args] = plan.command;
    const child = spawn(file, args, { stdio: 'ignore', detached: true });
    spawned.push(child);
    return child;
  },
  nodePidOf: () => undefined,
  limits: { periodMs: 50, timeoutMs: 200, failures: 3, startFailures: 1_000 },
  endHung: async (_plan, ref) => signalProcess(ref, 'SIGKILL'),
  changed: () => notify(),
  log: () => undefined,
};

function planOf(more: Partial<UnitPlan> = {}): UnitPlan {
  serial++;
  return {
    name: 'x',
    command: ['sleep', `60.${process.pid}${serial}`],
    logFile: join(dir, 'x.log'),
    pidFile: join(dir, 'x.pid'),
    cgroupProcs: [],
    joins: true,
    revision: '1',
    ...more,
  };
}

/** Resolves once the unit's state is as wanted. A timer keeps the process alive: those of the unit do not. */
async function until(unit: Unit, wanted: (state: UnitState) => boolean): Promise<UnitState> {
  const keepAlive = setInterval(() => undefined, 1_000);
  try {
    while (!wanted(unit.state)) {
      await new Promise<void>((resolve) => {
        notify = resolve;
      });
    }
    return unit.state;
  } finally {
    clearInterval(keepAlive);
  }
}

/** What the kernel would say of a group with this member. */
function groupWith(pid: number): string {
  const file = join(dir, 'cgroup.procs');
  writeFileSync(file, `${pid}\n`);
  return file;
}

describe('Unit', () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-unit-'));
    spawned = [];
  });
  afterEach(() => {
    for (const child of spawned) child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });

  test('starts again after a SIGKILL and says so', async () => {
    const unit = new Unit(planOf(), host);
    unit.start();
    const first = await until(unit, (state) => state.state === 'running');
    assert.equal(readFileSync(join(dir, 'x.pid'), 'utf8'), `${first.pid}\n`);
    process.kill(first.pid!, 'SIGKILL');
    const second = await until(unit, (state) => state.state === 'running' && state.pid !== first.pid);
    assert.equal(second.restarts, 1);
    assert.equal(second.lastExit, 'SIGKILL');
    await unit.stop();
    assert.ok(!existsSync(join(dir, 'x.pid')));
  });

  test('adopts what another supervisor has started and notices its end', async () => {
    const plan = planOf();
    const [file = '', ...args] = plan.command;
    const orphan = spawn(file, args, { stdio: 'ignore' });
    spawned.push(orphan);
    const unit = new Unit(plan, host);
    assert.ok(!unit.adopt(undefined), 'it is in no group of the unit');
    plan.cgroupProcs = [groupWith(orphan.pid!)];
    assert.ok(unit.adopt(undefined));
    assert.equal(unit.state.pid, orphan.pid);
    orphan.kill('SIGKILL');
    const after = await until(unit, (state) => state.state === 'running' && state.pid !== orphan.pid);
    assert.equal(after.restarts, 1);
    await unit.stop();
  });

  test('keeps the process when only its wrapper was killed', async () => {
    const inner = planOf().command;
    const unit = new Unit(planOf({ command: ['sh', '-c', '"$@"; true', 'sh', ...inner], becomes: inner }), host);
    unit.start();
    const before = await until(unit, (state) => state.state === 'running');
    const ended = new Promise((resolve) => spawned[0]!.once('exit', resolve));
    spawned[0]!.kill('SIGKILL');
    await ended;
    assert.equal(unit.state.pid, before.pid);
    assert.equal(unit.state.restarts, 0);
    await unit.stop();
  });

  test('a new plan replaces the process without counting as a crash', async () => {
    const unit = new Unit(planOf(), host);
    unit.start();
    const before = await until(unit, (state) => state.state === 'running');
    await unit.replace(planOf({ revision: '2' }));
    const after = await until(unit, (state) => state.state === 'running');
    assert.notEqual(after.pid, before.pid);
    assert.equal(after.restarts, 0);
    assert.equal(after.revision, '2');
    await unit.stop();
  });

  test('plans that come while a process is being replaced start one process, of the newest', async () => {
    const unit = new Unit(planOf(), host);
    unit.start();
    await until(unit, (state) => state.state === 'running');
    await Promise.all(['2', '3'].map((revision) => unit.replace(planOf({ revision }))));
    const after = await until(unit, (state) => state.state === 'running');
    assert.equal(after.revision, '3');
    assert.equal(spawned.length, 2);
    await unit.stop();
  });

  test('a unit that is removed while it is being replaced stays down', async () => {
    const unit = new Unit(planOf(), host);
    unit.start();
    await until(unit, (state) => state.state === 'running');
    await Promise.all([unit.replace(planOf({ revision: '2' })), unit.stop()]);
    assert.equal(spawned.length, 1);
    assert.ok(!existsSync(join(dir, 'x.pid')));
  });

  test('a unit that is stopped before its process is known leaves none of what its wrapper started', async () => {
    const inner = planOf().command;
    const unit = new Unit(planOf({ command: ['sh', '-c', '"$@" & wait', 'sh', ...inner], becomes: ['never'] }), host);
    unit.start();
    let started: ProcessRef | undefined;
    while (!started) {
      await realClock.sleep(1);
      started = findDescendant(spawned[0]!.pid!, inner);
    }
    await unit.stop();
    await waitUntilReaped([started.pid], 5_000);
    assert.ok(!findProcess(started.pid));
  });

  test('what is noted of a process counts only while it is a member, with its start time', async () => {
    const orphan = spawn('sleep', ['64'], { stdio: 'ignore' });
    spawned.push(orphan);
    const { pid, startTicks } = findProcess(orphan.pid!)!;
    const noted: UnitState = { name: 'x', state: 'running', restarts: 2, pid, startTicks };
    const unitOf = (cgroupProcs: string[]) => new Unit(planOf({ cgroupProcs }), host);
    assert.ok(!unitOf([groupWith(process.pid)]).adopt(noted));
    assert.ok(!unitOf([groupWith(pid)]).adopt({ ...noted, startTicks: startTicks - 1 }));
    const unit = unitOf([groupWith(pid)]);
    assert.ok(unit.adopt(noted), 'its command line may have changed with the plan');
    assert.equal(unit.state.restarts, 2);
    await unit.stop();
  });

  test('a process that a signal has stopped is killed and started again, and so is its wrapper', async () => {
    const inner = planOf().command;
    const liveness = { socket: join(dir, 'nobody.live'), path: '/livez' };
    const command = ['sh', '-c', '"$@" & wait', 'sh', ...inner];
    const unit = new Unit(planOf({ command, becomes: inner, liveness }), {
      ...host,
      limits: { ...host.limits, startFailures: 3 },
    });
    unit.start();
    const first = await until(unit, (state) => state.state === 'running');
    spawned[0]!.kill('SIGSTOP');
    process.kill(first.pid!, 'SIGSTOP');
    const second = await until(unit, (state) => state.state === 'running' && state.pid !== first.pid);
    assert.match(second.lastExit ?? '', /^SIGKILL: was stopped by a signal \(([3-9]|\d{2,}) checks in a row failed\)$/);
    assert.equal(second.restarts, 1);
    await unit.stop();
  });

  test('a process that only waits for the kernel is set going again when it was stopped', async () => {
    const unit = new Unit(planOf(), host);
    unit.start();
    const { pid } = await until(unit, (state) => state.state === 'running');
    const stateOf = () => /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1];
    process.kill(pid!, 'SIGSTOP');
    while (stateOf() === 'S') await realClock.sleep(1);
    while (stateOf() === 'T') await realClock.sleep(5);
    assert.equal(unit.state.restarts, 0);
    await unit.stop();
  });

  test('waits while its node is down', () => {
    const unit = new Unit(planOf({ inside: 'node' }), host);
    unit.start();
    assert.equal(unit.state.state, 'waiting');
    assert.equal(spawned.length, 0);
  });

  test('a program that is missing is tried again, not fatal', async () => {
    const unit = new Unit(planOf({ command: ['/nowhere/at-all'] }), host);
    unit.start();
    const state = await until(unit, (now) => now.restarts > 0);
    assert.match(state.lastExit ?? '', /could not be started/);
    await unit.stop();
  });
});

test('a wrapper that enters a pid namespace ends as its process did, also after that was stopped for a while', async () => {
  for (const [script, expected] of [
    ['kill -STOP $$', 'SIGKILL'],
    ['exit 7', 7],
  ] as const) {
    const argv = wrapCommand(planOf({ command: ['sh', '-c', script] }), 7);
    const wrapper = argv.slice(argv.indexOf('--') + 1);
    const child = spawn(wrapper[0]!, wrapper.slice(1), { stdio: 'ignore' });
    spawned.push(child);
    const ended = once(child, 'exit');
    if (expected === 'SIGKILL') {
      let inner: ProcessRef | undefined;
      while (!inner || !isStopped(inner)) {
        await realClock.sleep(1);
        inner = findDescendant(child.pid!, ['sh', '-c', script]);
      }
      assert.ok(!isStopped(findProcess(child.pid!)!));
      signalProcess(inner, 'SIGKILL');
    }
    const [code, signal] = await ended;
    assert.equal(signal ?? code, expected);
  }
});

test('a unit of a node joins its groups before it enters its namespaces', () => {
  const argv = wrapCommand(planOf({ command: ['true'], cgroupProcs: ['/a', '/b'] }), 7);
  assert.deepEqual(argv.slice(3, 10), ['sh', '2', '/a', '/b', 'nsenter', '--target', '7']);
  assert.equal(argv.at(-1), 'true');
});
