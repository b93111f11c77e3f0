import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { withLock } from './lock.ts';

const patienceMs = 60_000;

describe('a lock between commands', () => {
  let parent: string;
  let folder: string;
  before(() => {
    parent = mkdtempSync(join(tmpdir(), 'k8ts-lock-'));
    folder = join(parent, 'locks');
  });
  after(() => rmSync(parent, { recursive: true, force: true }));

  const taken = () => withLock('a', 50, async () => 'ours', folder);

  test('is held by one at a time, in turn, and leaves nothing', async () => {
    let inside = 0;
    let most = 0;
    const body = async () => {
      most = Math.max(most, ++inside);
      await new Promise(setImmediate);
      inside--;
    };
    await Promise.all(Array.from({ length: 8 }, () => withLock('a', patienceMs, body, folder)));
    assert.equal(most, 1);
    assert.equal(existsSync(folder), false);
  });

  test('is told of when another has it, and locks of other names are free', async () => {
    await withLock(
      'a',
      patienceMs,
      async () => {
        await assert.rejects(taken, /^UserError: another k8ts command is at work on a$/);
        assert.equal(await withLock('b', patienceMs, async () => 'b', folder), 'b');
      },
      folder,
    );
    assert.equal(await taken(), 'ours');
    assert.equal(existsSync(folder), false);
  });

  test('is let go of when its body fails', async () => {
    const fails = async () => Promise.reject(new Error('no'));
    await assert.rejects(withLock('a', patienceMs, fails, folder), /^Error: no$/);
    assert.equal(await taken(), 'ours');
  });

  test('is let go of when its holder is killed', async () => {
    const holder = await hold(folder);
    await assert.rejects(taken, /at work on a/);
    holder.kill('SIGKILL');
    assert.equal(await withLock('a', patienceMs, async () => 'ours', folder), 'ours');
    assert.equal(existsSync(folder), false);
  });

  test('cannot be taken by users who are not root', { skip: process.getuid?.() !== 0 && 'needs root' }, async () => {
    chmodSync(parent, 0o755); // as /run is
    const asOther = (...command: string[]) =>
      spawnSync('setpriv', ['--reuid', '65534', '--clear-groups', ...command], { encoding: 'utf8' });
    assert.equal(asOther('test', '-x', parent).status, 0);
    await withLock(
      'a',
      patienceMs,
      async () => {
        for (const path of [folder, join(folder, 'a'), join(folder, 'b')]) {
          const { status, stderr } = asOther('flock', '--nonblock', path, 'true');
          assert.notEqual(status, 0);
          assert.match(stderr, /Permission denied/);
        }
      },
      folder,
    );
  });

  test('is told of where its folder cannot be made', async () => {
    const file = join(parent, 'file');
    writeFileSync(file, '');
    await assert.rejects(
      withLock('a', 50, async () => 'ours', join(file, 'locks')),
      /ENOTDIR/,
    );
  });
});

/** A process of its own that holds the lock until it is killed. */
async function hold(folder: string): Promise<ChildProcess> {
  const script = `import { withLock } from ${JSON.stringify(import.meta.resolve('./lock.ts'))};
    await withLock('a', 60000, () => new Promise((never) => { console.log('held'); setInterval(never, 1e6); }), ${JSON.stringify(folder)});`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout!, 'data');
  return child;
}
