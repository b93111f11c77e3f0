import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureInotifyLimits } from './inotify.ts';

test('limits of inotify that are too low are raised and told; the others stay', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-inotify-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const said: string[] = [];
  const ensure = () => ensureInotifyLimits((line) => said.push(line), dir);
  ensure();
  writeFileSync(join(dir, 'max_user_instances'), '128\n');
  writeFileSync(join(dir, 'max_user_watches'), '1048576\n');
  ensure();
  assert.equal(readFileSync(join(dir, 'max_user_instances'), 'utf8'), '8192\n');
  assert.equal(readFileSync(join(dir, 'max_user_watches'), 'utf8'), '1048576\n');
  ensure();
  assert.deepEqual(said, ['Raised fs.inotify.max_user_instances from 128 to 8192, until the next boot']);
  rmSync(join(dir, 'max_user_watches'));
  mkdirSync(join(dir, 'max_user_watches'));
  ensure();
  assert.equal(said.length, 1);
});
