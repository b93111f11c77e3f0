import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  endProcess,
  findDescendant,
  findMember,
  findProcess,
  isAlive,
  isStopped,
  membersOf,
  meterCpuWait,
  parseSchedstat,
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
    assert.ok(isAlive(ref));
    assert.ok(!isAlive({ ...ref, startTicks: ref.startTicks - 1 }), 'another process had this pid before');
    const ended = once(child, 'exit');
    await endProcess(ref, 1_000);
    await ended;
    assert.ok(!isAlive(ref));
  } finally {
    child.kill('SIGKILL');
  }
});

test('the start of a process is known to the second', () => {
  const ref = findProcess(process.pid)!;
  const expectedMs = performance.timeOrigin;
  assert.ok(Math.abs(startedAtMs(ref) - expectedMs) < 2_000);
});

test('a process is a member of groups when every one of them lists it; whose command it bears does not matter', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-processes-'));
  const command = ['sleep', `62.0${process.pid}`];
  const [first, second] = [spawn(command[0]!, [command[1]!]), spawn(command[0]!, [command[1]!])];
  try {
    await Promise.all([once(first, 'spawn'), once(second, 'spawn')]);
    const groupOf = (name: string, ...pids: (number | undefined)[]) => {
      const file = join(dir, name);
      writeFileSync(file, pids.map((pid) => `${pid}\n`).join(''));
      return file;
    };
    const both = groupOf('both', first.pid, second.pid, process.pid, 0);
    const one = groupOf('one', second.pid, process.pid);
    assert.deepEqual(membersOf([both]).length, 3);
    assert.equal(findMember([both, one], command)?.pid, second.pid, 'the older is in one of the groups only');
    assert.equal(findMember([groupOf('none')], command), undefined);
    assert.equal(findMember([join(dir, 'gone')], command), undefined);
    assert.deepEqual(membersOf([]), []);
  } finally {
    for (const child of [first, second]) child.kill('SIGKILL');
    rmSync(dir, { recursive: true });
  }
});

test('a process that a signal has stopped is alive, and seen to be stopped', async () => {
  const child = spawn('sleep', ['63']);
  try {
    const ref = findProcess(child.pid!)!;
    assert.ok(!isStopped(ref));
    child.kill('SIGSTOP');
    while (!isStopped(ref)) await new Promise(setImmediate);
    assert.ok(isAlive(ref));
    const ended = once(child, 'exit');
    await endProcess(ref, 1e9);
    assert.deepEqual(await ended, [null, 'SIGKILL'], 'it is not asked to end and waited for');
  } finally {
    child.kill('SIGKILL');
  }
});

describe('waiting for a CPU', () => {
  for (const [text, expected] of [
    ['446461 316449 3\n', { ranMs: 0.446461, waitedMs: 0.316449 }],
    ['', { ranMs: 0, waitedMs: 0 }], // where the kernel does not count, or the process has gone
  ] as const)
    test(JSON.stringify(text), () => assert.deepEqual(parseSchedstat(text), expected));

  // A look every second: what the kernel tells of a thread, and what it has waited since the look before.
  const histories: Record<string, [ranMs: number, waitedMs: number, isRunnable: boolean, told: number][]> = {
    'no wait while it sleeps': [
      [1, 0, false, 0],
      [2, 0, false, 0],
    ],
    'no wait while it computes': [
      [1001, 0, true, 0],
      [2001, 0, true, 0],
    ],
    'a wait that is over': [
      [101, 900, true, 900],
      [1101, 900, true, 0],
    ],
    'one that is not, of a thread that ran a little': [
      [4, 0, true, 997],
      [4, 0, true, 1000],
      [5, 2997, true, 1000],
    ],
    'and once only': [
      [1, 0, true, 1000],
      [2, 1500, false, 500],
      [2, 1500, false, 0],
    ],
    'none where the kernel does not count': [[0, 0, true, 0]],
  };
  for (const [name, looks] of Object.entries(histories))
    test(name, () => {
      const seen = [[1, 0, false, 0] as const, ...looks].map(
        ([ranMs, waitedMs, isRunnable]) => new Map([['1', { ranMs, waitedMs, isRunnable }]]),
      );
      let nowMs = 0;
      const waitedMs = meterCpuWait(
        { pid: 1, startTicks: 1 },
        () => seen.shift()!,
        () => (nowMs += 1000),
      );
      assert.deepEqual(
        looks.map(waitedMs),
        looks.map(([, , , told]) => told),
      );
    });

  test('is counted while others have it, in any thread, and not while nothing is to be done', async () => {
    // Two that compute on one CPU: each waits while the other has it.
    const script = 'echo ready; read -r _; (while :; do :; done) & while :; do :; done';
    const child = spawn('setsid', ['taskset', '--cpu-list', '0', 'sh', '-c', script], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    try {
      await once(child.stdout, 'data');
      const ref = findProcess(child.pid!)!;
      const waitedMs = meterCpuWait(ref);
      while (waitedMs() > 0) await new Promise(setImmediate); // until it waits for its input alone
      child.stdin.write('\n');
      let sum = 0;
      while (sum < 100) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        const more = waitedMs();
        assert.ok(more >= 0);
        sum += more;
      }
      assert.equal(meterCpuWait({ pid: 0x7fffffff, startTicks: 1 })(), 0);
    } finally {
      process.kill(-child.pid!, 'SIGKILL');
    }
  });
});
