// Files of an image that is not to be trusted.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readInRoot, resolveInRoot } from './container-inputs.ts';

describe('readInRoot()', () => {
  const root = mkdtempSync(join(tmpdir(), 'k8ts-root-'));
  after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  symlinkSync('/etc/passwd', join(root, 'link'));
  symlinkSync('../../../../etc/passwd', join(root, 'etc/climber'));
  execFileSync('mkfifo', [join(root, 'etc/pipe')]);

  test('reads a file, through links inside the root', () => {
    for (const path of ['/etc/passwd', '/link', '/etc/climber'])
      assert.equal(readInRoot(root, path), 'root:x:0:0::/:/bin/sh\n');
    assert.equal(resolveInRoot(root, '/../../etc/climber'), join(root, 'etc/passwd'));
  });

  test('a file that is not there is empty', () => {
    assert.equal(readInRoot(root, '/etc/none'), '');
    assert.equal(readInRoot(root, '/etc/passwd/none'), '');
  });

  test('neither waits for a pipe nor reads a folder', () => {
    assert.throws(() => readInRoot(root, '/etc/pipe'), /not a usable file/);
    assert.throws(() => readInRoot(root, '/etc'), /not a usable file/);
  });
});
