import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ensureInotifyLimits, restoreInotifyLimits } from './inotify.ts';

test('limits of inotify that are too low are raised and told; the others stay', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-inotify-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const said: string[] = [];
  const note = join(dir, 'note.json');
  const ensure = () => ensureInotifyLimits(note, (line) => said.push(line), dir);
  ensure();
  writeFileSync(join(dir, 'max_user_instances'), '128\n');
  writeFileSync(join(dir, 'max_user_watches'), '1048576\n');
  ensure();
  assert.equal(readFileSync(join(dir, 'max_user_instances'), 'utf8'), '8192\n');
  assert.equal(readFileSync(join(dir, 'max_user_watches'), 'utf8'), '1048576\n');
  ensure();
  assert.deepEqual(said, ['Raised fs.inotify.max_user_instances from 128 to 8192, until the last cluster goes']);
  rmSync(join(dir, 'max_user_watches'));
  mkdirSync(join(dir, 'max_user_watches'));
  ensure();
  assert.equal(said.length, 1);
});

test('what was raised is put back, where nobody has changed it since', (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-inotify-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const note = join(dir, 'note.json');
  const [instances, watches] = [join(dir, 'max_user_instances'), join(dir, 'max_user_watches')];
  const raise = () => ensureInotifyLimits(note, () => undefined, dir);
  writeFileSync(instances, '128\n');
  writeFileSync(watches, '8192\n');
  raise();
  raise(); // by a second cluster: what was before stays noted
  writeFileSync(watches, '1000000\n');
  restoreInotifyLimits(note, dir);
  assert.equal(readFileSync(instances, 'utf8'), '128\n');
  assert.equal(readFileSync(watches, 'utf8'), '1000000\n');
  writeFileSync(instances, '8192\n');
  restoreInotifyLimits(note, dir);
  assert.equal(readFileSync(instances, 'utf8'), '8192\n', 'it is put back once');
});
