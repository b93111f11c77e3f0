import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPrograms } from './programs.ts';

test('findPrograms() finds each program once, in the order of PATH, and nothing that cannot be run', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-kubectl-'));
  try {
    for (const [folder, mode] of Object.entries({ a: 0o755, b: 0o644, c: 0o755 })) {
      mkdirSync(join(dir, folder));
      writeFileSync(join(dir, folder, 'kubectl'), '');
      chmodSync(join(dir, folder, 'kubectl'), mode);
    }
    mkdirSync(join(dir, 'd/kubectl'), { recursive: true });
    mkdirSync(join(dir, 'e'));
    symlinkSync(join(dir, 'a/kubectl'), join(dir, 'e/kubectl'));
    const path = ['c', 'b', 'none', 'a', 'd', 'e'].map((folder) => join(dir, folder)).join(':');
    assert.deepEqual(findPrograms('kubectl', path), [join(dir, 'c/kubectl'), join(dir, 'a/kubectl')]);
    assert.deepEqual(findPrograms('kubectl', ''), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
