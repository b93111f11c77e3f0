import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import { test } from 'node:test';
import { openInputFile } from './input-file.ts';

test('a program reads all of it, and nothing has its name', () => {
  for (const text of ['', 'a\n', 'é'.repeat(1_000_000)]) {
    const file = openInputFile(text);
    try {
      assert.equal(fstatSync(file).nlink, 0);
      const { stdout } = spawnSync('cat', { stdio: [file, 'pipe', 'inherit'], maxBuffer: 1 << 22 });
      assert.equal(stdout.toString(), text);
    } finally {
      closeSync(file);
    }
  }
});
