import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import {
  endProcess,
  findByCommand,
  findDescendant,
  findProcess,
  isAlive,
  parseStat,
  startedAtMs,
} from './processes.ts';

describe('parseStat', () => {
  const rest = '1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4711 100 200';
  const cases = [
    { name: 'a plain name', text: `12 (node) S ${rest}`, state: 'S', isEnding: false },
    { name: 'brackets and blanks in the name', text: `12 (a) R b) Z ${rest}`, state: 'Z', isEnding: false },
    { name: 'on its way out', text: `12 (init) S ${rest.replace('4194560', '4194564')}`, state: 'S', isEnding: true },
  ];
  for (const { name, text, state, isEnding } of cases) {
    test(name, () => assert.deepEqual(parseStat(text), { state, isEnding, startTicks: 4711 }));
  }
});

test('a process is found by its command line, also below a wrapper, until it has ended', async () => {
  const command = ['sleep', `61.0${process.pid}`];
  const child = spawn('sh', ['-c', '"$@"; true', 'sh', ...command]);
  try {
    let ref = findDescendant(child.pid!, command);
    while (!ref) {
      await new Promise(setImmediate);
      ref = findDescendant(child.pid!, command);
    }
    assert.notEqual(ref.pid, child.pid);
    assert.deepEqual(findByCommand(command), ref);
    assert.ok(isAlive(ref));
    assert.ok(!isAlive({ ...ref, startTicks: ref.startTicks - 1 }), 'another process had this pid before');
    const ended = once(child, 'exit');
    await endProcess(ref, 1_000);
    await ended;
    assert.equal(findByCommand(command), undefined);
  } finally {
    child.kill('SIGKILL');
  }
});

test('the start of a process is known to the second', () => {
  const ref = findProcess(process.pid)!;
  const expectedMs = performance.timeOrigin;
  assert.ok(Math.abs(startedAtMs(ref) - expectedMs) < 2_000);
});
