import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { findProcess, isAlive, meterCpuWait, type ProcessRef } from '../host/processes.ts';
import { Keeper } from './keeper.ts';

// Stands for a supervisor: it starts a keeper, whose pid it prints, and does what its last argument says.
const program = `
import { Keeper } from ${JSON.stringify(resolve(import.meta.dirname, 'keeper.ts'))};
import { realClock } from ${JSON.stringify(resolve(import.meta.dirname, '../../machinery/clock.ts'))};
const [came, silent] = process.argv.slice(2);
const command = ['sh', '-c', 'echo "$$" >"$1.new"; mv "$1.new" "$1"', 'sh', came];
const limits = { periodMs: silent ? 100_000 : 100, timeoutMs: 0, failures: silent ? 0.01 : 30, startFailures: 1 };
const keeper = new Keeper({ clock: realClock, pid: process.pid, command, limits, env: process.env, log: console.error });
keeper.start();
setInterval(() => {}, 1_000);
process.on('SIGTERM', () => { keeper.stop(); process.exit(0); });
console.log('ready');
`;

let dir = '';
let came = '';
let supervisor: ChildProcess;

async function start(...more: string[]): Promise<void> {
  supervisor = spawn(process.execPath, [join(dir, 'supervisor.ts'), came, ...more], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(supervisor.stdout!, 'data');
}

const endless = 'echo ready; while :; do :; done';

/** Two that compute on one CPU; the one of them gets what the other leaves it, which is next to nothing. */
async function startStarved(): Promise<{ starved: ChildProcess; busy: ChildProcess }> {
  const compute = (...policy: string[]) =>
    spawn('setpriv', ['--pdeathsig', 'KILL', 'taskset', '--cpu-list', '0', ...policy, 'sh', '-c', endless], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const starved = compute('chrt', '--idle', '0');
  await once(starved.stdout!, 'data');
  const busy = compute();
  await once(busy.stdout!, 'data');
  return { starved, busy };
}

/** True when SIGKILL is on its way to a process. */
function isKilled(pid: number): boolean {
  const masks = readFileSync(`/proc/${pid}/status`, 'utf8').matchAll(/^(?:Sig|Shd)Pnd:\s+(\w+)$/gm);
  return [...masks].some(([, mask]) => ((Number(`0x${mask}`) >> (constants.signals.SIGKILL - 1)) & 1) === 1);
}

function keeperOf(pid: number): ProcessRef | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  return children.map((child) => findProcess(Number(child))).find((ref) => ref !== undefined);
}

async function until(condition: () => boolean, timeoutMs = 30_000): Promise<void> {
  const deadline = realClock.monotonicMs() + timeoutMs;
  while (!condition()) {
    assert.ok(realClock.monotonicMs() < deadline, 'it takes too long');
    await realClock.sleep(10);
  }
}

describe('a keeper', () => {
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-keeper-'));
    came = join(dir, 'came');
    writeFileSync(join(dir, 'supervisor.ts'), program);
  });
  afterEach(() => {
    supervisor.kill('SIGTERM');
    supervisor.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  });

  test('becomes the next supervisor when its own was killed', async () => {
    await start();
    const keeper = keeperOf(supervisor.pid!)!;
    supervisor.kill('SIGKILL');
    await until(() => existsSync(came));
    assert.equal(Number(readFileSync(came, 'utf8')), keeper.pid);
  });

  test('kills a supervisor that is silent for too long', async () => {
    await start('silent');
    const ended = once(supervisor, 'exit');
    supervisor.kill('SIGSTOP');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    await until(() => existsSync(came));
  });

  test('lets a supervisor live that gets no CPU, until it has had its time on one', async () => {
    const { starved, busy } = await startStarved();
    supervisor = starved;
    const pid = starved.pid!;
    const limits = { periodMs: 100_000, timeoutMs: 0, failures: 0.01, startFailures: 1 };
    const keeper = new Keeper({
      clock: realClock,
      pid,
      command: ['true'],
      limits,
      env: process.env,
      log: () => undefined,
    });
    try {
      const waitedMs = meterCpuWait(findProcess(pid)!);
      keeper.start();
      let sum = 0;
      await until(() => {
        sum += waitedMs();
        return sum > 1_000;
      }, 80_000); // on a busy machine it may not even come so far as to wait
      // A process that is killed needs some CPU to end.
      assert.equal(isKilled(pid), false);
      const ended = once(starved, 'exit');
      busy.kill('SIGKILL');
      spawnSync('chrt', ['--other', '--pid', '0', String(pid)]);
      spawnSync('taskset', ['--pid', 'ffffffff', String(pid)]);
      assert.deepEqual(await ended, [null, 'SIGKILL']);
    } finally {
      keeper.stop();
      busy.kill('SIGKILL');
    }
  });

  test('is itself replaced when it was killed', async () => {
    await start();
    const keeper = keeperOf(supervisor.pid!)!;
    process.kill(keeper.pid, 'SIGKILL');
    await until(() => (keeperOf(supervisor.pid!)?.pid ?? keeper.pid) !== keeper.pid);
    supervisor.kill('SIGKILL');
    await until(() => existsSync(came));
  });

  test('goes with a supervisor that ends of its own will', async () => {
    await start();
    const keeper = keeperOf(supervisor.pid!)!;
    supervisor.kill('SIGTERM');
    await once(supervisor, 'exit');
    await until(() => !isAlive(keeper));
    assert.ok(!existsSync(came));
  });
});
