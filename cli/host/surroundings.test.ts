import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { getPriority } from 'node:os';
import { test } from 'node:test';
import { takeServiceLimits } from './surroundings.ts';

const limitLine = /^Max (open files|processes|file size|cpu time) +(\S+) +(\S+)/gm;

const limitsOf = (pid: number) =>
  Object.fromEntries(
    [...readFileSync(`/proc/${pid}/limits`, 'utf8').matchAll(limitLine)].map(([, name, soft, hard]) => [
      name!,
      [soft, hard],
    ]),
  );

/** Whether this process may raise hard limits: capability 24, CAP_SYS_RESOURCE. */
const mayRaise = () => {
  const [, mask] = /^CapEff:\s*(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))!;
  return (BigInt(`0x${mask}`) & (1n << 24n)) !== 0n;
};

test("a process of a narrow shell gets a service's limits and priority", {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  const narrow = 'ulimit -n 64; ulimit -t 500; ulimit -f 4096; echo; exec cat';
  const child = spawn('nice', ['-n', '15', 'sh', '-c', narrow], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const inherited = limitsOf(child.pid!);
    assert.deepEqual(inherited['open files'], ['64', '64']);
    assert.equal(getPriority(child.pid!), 15);

    const refused = takeServiceLimits(child.pid!);
    assert.equal(getPriority(child.pid!), 0);
    if (mayRaise()) {
      assert.equal(refused, undefined);
      const open = String(Math.min(1_048_576, Number(readFileSync('/proc/sys/fs/nr_open', 'utf8'))));
      const unlimited = ['unlimited', 'unlimited'];
      assert.deepEqual(limitsOf(child.pid!), {
        'cpu time': unlimited,
        'file size': unlimited,
        processes: unlimited,
        'open files': [open, open],
      });
    } else {
      assert.match(refused!, /Operation not permitted/);
      assert.deepEqual(limitsOf(child.pid!), inherited);
    }
  } finally {
    child.stdin.end();
  }
});

test('a process that is gone is told of', () => {
  assert.match(takeServiceLimits(2 ** 22 + 1)!, /no such process/i);
});
