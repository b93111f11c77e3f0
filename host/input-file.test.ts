import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, fstatSync, mkdtempSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

test('a folder that is missing or full is passed over', { skip: process.getuid?.() !== 0 && 'needs root' }, () => {
  const full = mkdtempSync(join(tmpdir(), 'k8ts-input-'));
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', full]);
  try {
    const text = 'a'.repeat(1 << 20);
    const file = openInputFile(text, ['/none', full, tmpdir()]);
    assert.equal(readFileSync(`/proc/self/fd/${file}`, 'utf8'), text);
    closeSync(file);
    assert.throws(() => openInputFile(text, ['/none', full]), /ENOSPC/);
  } finally {
    spawnSync('umount', [full]);
    rmdirSync(full);
  }
});
