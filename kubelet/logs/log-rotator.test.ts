import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { silentLogger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import { type LogRotatorOptions, removeLog, startLogRotation } from './log-rotator.ts';
import { tidyRotated } from './rotated-logs.ts';

async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-rotate-'));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** The files are real: what the clock set off takes its time. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
}

const listed = (dir: string) => readdirSync(dir).sort();

test('a large log makes room, and so many old ones are kept, all but the newest compressed', { timeout: 60_000 }, () =>
  withFolder(async (dir) => {
    const path = join(dir, '0.log');
    const clock = new FakeClock();
    const reopened: string[] = [];
    const reopen = async ({ container_id = '' }) => {
      reopened.push(container_id);
      writeFileSync(path, '');
    };
    const cri = { runtime: { ReopenContainerLog: reopen } } as unknown as CriClient;
    const container = { ...runtimeContainer({ name: 'app' }), log_path: path };
    const options: LogRotatorOptions = { cri, clock, log: silentLogger, running: () => [container], maxBytes: 10 };
    startLogRotation({ ...options, maxFiles: 4 });
    await clock.advance(1_000);
    await until(() => reopened.length === 1);
    assert.deepEqual(listed(dir), ['0.log'], 'killed before the log was reopened');
    for (let i = 0; i < 5; i++) {
      writeFileSync(path, `${i}`.repeat(11));
      await clock.advance(1_000);
      await until(() => reopened.length === i + 2);
    }
    assert.deepEqual(reopened, Array(6).fill('app-0'));
    const want = ['0.log', '0.log.20260101-000004.gz', '0.log.20260101-000005.gz', '0.log.20260101-000006'];
    await until(() => listed(dir).join() === want.join());
    assert.equal(gunzipSync(readFileSync(join(dir, want[1]!))).toString(), '2'.repeat(11));
    assert.equal(readFileSync(join(dir, want[3]!), 'utf8'), '4'.repeat(11));
    await removeLog(path);
    assert.deepEqual(listed(dir), []);
  }),
);

test('what a killed kubelet left in two forms, or in half of one, goes', () =>
  withFolder(async (dir) => {
    const names = ['0.log', '0.log.1', '0.log.1.gz', '0.log.2', '0.log.2.gz.tmp', '0.log.3', '1.log.0'];
    for (const name of names) writeFileSync(join(dir, name), name);
    await tidyRotated(join(dir, '0.log'), 9);
    assert.deepEqual(listed(dir), ['0.log', '0.log.1.gz', '0.log.2.gz', '0.log.3', '1.log.0']);
    assert.equal(readFileSync(join(dir, '0.log.1.gz'), 'utf8'), '0.log.1.gz', 'it was whole');
    await tidyRotated(join(dir, 'none/0.log'), 9);
  }));
