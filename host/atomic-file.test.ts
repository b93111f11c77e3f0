import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { nextOf, replaceFile, replaceFileDurably } from './atomic-file.ts';

for (const replace of [replaceFile, replaceFileDurably])
  test(`${replace.name}() puts the new content in the place of the old, for root alone, whatever a killed writer left`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-atomic-'));
    try {
      const path = join(dir, 'file');
      for (const content of ['old', 'new']) {
        writeFileSync(nextOf(path), 'half of someth', { mode: 0o600 });
        await replace(path, content);
        assert.equal(readFileSync(path, 'utf8'), content);
      }
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(dir), ['file']);
      await assert.rejects(async () => replace(join(dir, 'absent', 'file'), 'x'), { code: 'ENOENT' });
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
