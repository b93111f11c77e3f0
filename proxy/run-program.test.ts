import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../machinery/clock.ts';

async function appears(file: string): Promise<void> {
  const deadline = realClock.monotonicMs() + 10_000;
  while (!existsSync(file)) {
    assert.ok(realClock.monotonicMs() < deadline, `${file} is not there`);
    await realClock.sleep(10);
  }
}

// Half of a script for nft can be a script: one that leaves out half of the services.
test('a program whose parent is killed has all of its input or none', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'run-program-'));
  const [parent, begun, out] = ['parent.mts', 'begun', 'out'].map((name) => join(dir, name)) as [
    string,
    string,
    string,
  ];
  const module = join(process.env.K8TS_ROOT ?? process.cwd(), 'proxy/run-program.ts');
  const script = `touch ${begun}; sleep 0.3; cat >${out}.part; mv ${out}.part ${out}`;
  writeFileSync(
    parent,
    `import { runProgram } from '${module}';\nrunProgram('sh', ['-c', '${script}'], 'x'.repeat(4_000_000));\n`,
  );
  try {
    const child = spawn(process.execPath, [parent], { stdio: 'inherit' });
    await appears(begun);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await appears(out);
    assert.equal(readFileSync(out).length, 4_000_000);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
