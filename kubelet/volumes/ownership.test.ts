import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setGroup } from './ownership.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

function volume(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-group-'));
  t.after(() => execFileSync('rm', ['-rf', dir])); // however deep
  mkdirSync(join(dir, 'volume/sub'), { recursive: true });
  writeFileSync(join(dir, 'outside'), '', { mode: 0o600 });
  writeFileSync(join(dir, 'volume/sub/file'), '', { mode: 0o400 });
  chmodSync(join(dir, 'volume/sub'), 0o700);
  symlinkSync(join(dir, 'outside'), join(dir, 'volume/link'));
  return dir;
}

const look = (path: string) => {
  const { gid, mode } = lstatSync(path);
  return [gid, (mode & 0o7777).toString(8)];
};

describe('setGroup()', { skip }, () => {
  test('all in the volume is the group’s, and nothing that a link leads to', async (t) => {
    const dir = volume(t);
    await setGroup(join(dir, 'volume'), { group: 4711, policy: undefined });
    assert.deepEqual(look(join(dir, 'volume')), [4711, '2775']);
    assert.deepEqual(look(join(dir, 'volume/sub')), [4711, '2770']);
    assert.deepEqual(look(join(dir, 'volume/sub/file')), [4711, '660']);
    assert.deepEqual([statSync(join(dir, 'outside')).gid, lstatSync(join(dir, 'volume/link')).gid], [0, 0]);
    assert.equal(look(join(dir, 'outside'))[1], '600');
  });

  test('names are bytes, and no depth takes all open files', async (t) => {
    const dir = volume(t);
    const name = Buffer.concat([Buffer.from(join(dir, 'volume/sub/')), Buffer.from([0xff])]);
    writeFileSync(name, '');
    await setGroup(join(dir, 'volume'), { group: 4711, policy: undefined });
    assert.equal(statSync(name).gid, 4711);
    const home = process.cwd();
    process.chdir(join(dir, 'volume'));
    for (let depth = 0; depth < 1002; depth++) {
      mkdirSync('d');
      process.chdir('d');
    }
    const message = 'folders of the volume lie more than 1000 levels deep';
    await assert.rejects(setGroup(join(dir, 'volume'), { group: 4711, policy: undefined }), { message });
    // From within, as rm(1) takes seconds for as many levels.
    for (let depth = 0; depth < 1002; depth++) {
      process.chdir('..');
      rmdirSync('d');
    }
    process.chdir(home);
  });

  test('OnRootMismatch looks at the root alone', async (t) => {
    const dir = volume(t);
    const at = join(dir, 'volume');
    await setGroup(at, { group: 4711, policy: 'OnRootMismatch' });
    lchownSync(join(at, 'sub/file'), 0, 0);
    await setGroup(at, { group: 4711, policy: 'OnRootMismatch' });
    assert.equal(look(join(at, 'sub/file'))[0], 0);
    await setGroup(at, { group: 4711, policy: 'Always' });
    assert.equal(look(join(at, 'sub/file'))[0], 4711);
  });
});
