import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeClock } from '../../machinery/clock.ts';
import { silentLogger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import { removeLog, rotateIfLarge } from './log-rotator.ts';

test('a large log makes room, and so many old ones are kept', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-rotate-'));
  try {
    const path = join(dir, '0.log');
    const clock = new FakeClock();
    const reopened: string[] = [];
    const reopen = async ({ container_id = '' }) => {
      reopened.push(container_id);
      writeFileSync(path, '');
    };
    const cri = { runtime: { ReopenContainerLog: reopen } } as unknown as CriClient;
    const options = { cri, clock, log: silentLogger, running: () => [], maxBytes: 10, maxFiles: 3 };
    const container = { ...runtimeContainer({ name: 'app' }), log_path: path };
    assert.equal(await rotateIfLarge(options, container), true, 'killed before the log was reopened');
    assert.equal(await rotateIfLarge(options, container), false);
    for (let i = 0; i < 4; i++) {
      writeFileSync(path, 'x'.repeat(11));
      assert.equal(await rotateIfLarge(options, container), true);
      await clock.advance(1_000);
    }
    assert.deepEqual(reopened, Array(5).fill('app-0'));
    assert.deepEqual(readdirSync(dir), ['0.log', '0.log.20260101-000002', '0.log.20260101-000003']);
    await removeLog(path);
    assert.deepEqual(readdirSync(dir), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
