import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { findProcess, isStopped } from '../host/processes.ts';
import { endHung } from './hang.ts';
import type { UnitPlan } from './plan.ts';

// `nsenter` enters the network namespace of the hung process, which only root may.
const needsRoot = process.getuid?.() === 0 ? false : 'needs root';
const main = resolve(import.meta.dirname, '../main.ts');

let dir = '';
let logFile = '';
let child: ChildProcess | undefined;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'k8ts-hang-'));
  logFile = join(dir, 'x.log');
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(dir, { recursive: true });
});

/** Starts a program that says `ready` when it is about to hang. */
async function start(stackBy: UnitPlan['stackBy'], command: string[]): Promise<UnitPlan> {
  const log = openSync(logFile, 'a');
  child = spawn(command[0]!, command.slice(1), { stdio: ['ignore', 'pipe', log] });
  closeSync(log);
  await once(child.stdout!, 'data');
  return { name: 'x', command, logFile, pidFile: '', cgroupProcs: [], joins: true, revision: '', stackBy };
}

async function end(unit: UnitPlan): Promise<string> {
  const ended = once(child!, 'exit');
  const program = { node: process.execPath, bundle: main };
  await endHung(unit, findProcess(child!.pid!)!, { program, reason: 'does not answer' });
  await ended;
  return readFileSync(logFile, 'utf8');
}

describe('a process that hangs', () => {
  test('in a loop of its own leaves its stack in its log', { skip: needsRoot }, async () => {
    const file = join(dir, 'loop.mjs');
    const code = `import { writeSync } from 'node:fs'; function countForEver() { for (let i = 0; ; i++) globalThis.i = i; }
setTimeout(function lateWork() { writeSync(1, 'ready'); countForEver(); }, 1);`;
    writeFileSync(file, code);
    const flags = ['--inspect-port=127.0.0.1:0', '--inspect-publish-uid=stderr'];
    const log = await end(await start('inspector', [process.execPath, ...flags, file]));
    assert.match(log, /x does not answer and is killed; it (computes|waits)/);
    assert.match(log, /it hangs at\n +at countForEver \(.*loop\.mjs:1\)\n +at lateWork \(.*loop\.mjs:2\)/);
  });

  test('and answers SIGQUIT may say where it is before it ends', async () => {
    const script = 'trap "echo all goroutines >&2; exit 2" QUIT; echo ready; while :; do sleep 0.01; done';
    assert.match(await end(await start('quit', ['bash', '-c', script])), /is killed; .*\nall goroutines\n/);
  });

  test('and was stopped is killed without being asked', async () => {
    const unit = await start('inspector', ['sh', '-c', 'echo ready; exec sleep 60']);
    child!.kill('SIGSTOP');
    const ref = findProcess(child!.pid!)!;
    while (!isStopped(ref)) spawnSync('true');
    assert.match(await end(unit), /is killed; it is stopped\n$/);
  });

  for (const stackBy of [undefined, 'inspector'] as const) {
    test(`is killed although its log cannot be written, stack by ${stackBy}`, async () => {
      const unit = await start(stackBy, ['sh', '-c', 'echo ready; exec sleep 60']);
      unit.logFile = join(dir, 'not/there.log');
      assert.equal(await end(unit), '');
    });
  }
});
