import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { explainWatchError, watchFolder } from './watch-folder.ts';

const failed = (code: string) => Object.assign(new Error(`${code}: whatever, watch '/x'`), { code });

test('a limit of inotify is called by its name, with the way out', () => {
  const { message } = explainWatchError('/x', failed('EMFILE'));
  assert.match(
    message,
    /^cannot watch \/x: all inotify instances of the user are taken \(fs\.inotify\.max_user_instances is \d+\); raise it: sysctl fs\.inotify\.max_user_instances=8192$/,
  );
  assert.match(explainWatchError('/x', failed('ENOSPC')).message, /fs\.inotify\.max_user_watches is \d+\); raise it/);
  const other = failed('EACCES');
  assert.equal(explainWatchError('/x', other), other);
});

test('what happens in a folder is told', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-watch-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const told = new Promise((resolve) => {
    const watcher = watchFolder(dir, (event, name) => resolve({ event, name }));
    t.after(() => watcher.close());
  });
  writeFileSync(join(dir, 'f'), '');
  assert.deepEqual(await told, { event: 'rename', name: 'f' });
  assert.throws(() => watchFolder(join(dir, 'none'), () => undefined), /ENOENT/);
});
