import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runCommand } from './command.ts';
import { mountOverlay, mountPointsBelow, mountTmpfs, unmountBelow } from './mount.ts';

const skip = process.getuid!() === 0 ? false : 'mounts want root';

test('memory, layers, and nothing of them after', { skip }, async () => {
  const dir = realpathSync(mkdtempSync(join(tmpdir(), 'k8ts-mount-')));
  const at = (name: string) => join(dir, name);
  try {
    // Layers in a file system of their own: one of the machine may be no ground for an overlay.
    mkdirSync(at('ground'));
    await mountTmpfs(at('ground'), 'mode=1777,size=64k');
    const line = readFileSync('/proc/self/mounts', 'utf8').match(new RegExp(`^shm ${at('ground')} .*$`, 'm'));
    assert.match(line![0], / tmpfs rw,nosuid,nodev,noexec,relatime,size=64k/);
    for (const name of ['up', 'work', 'root', '1', '2']) mkdirSync(at(`ground/${name}`));
    writeFileSync(at('ground/1/file'), 'lower');
    writeFileSync(at('ground/2/file'), 'upper');
    const writable = { upperDir: at('ground/up'), workDir: at('ground/work') };
    await mountOverlay({ lowerDirs: '2:1', cwd: at('ground'), writable, target: at('ground/root') });
    assert.equal(readFileSync(at('ground/root/file'), 'utf8'), 'upper');
    assert.deepEqual(mountPointsBelow(dir), [at('ground'), at('ground/root')]);
    await assert.rejects(mountTmpfs(at('none'), ''), {
      name: 'CommandError',
      message: `mount: ${at('none')}: No such file or directory`,
    });
  } finally {
    await unmountBelow(dir);
    await unmountBelow(dir);
    assert.deepEqual(mountPointsBelow(dir), []);
    rmSync(dir, { recursive: true });
  }
});

test('a program in the network of another process', { skip }, async () => {
  const stranger = spawn('unshare', ['--net', 'sh', '-c', 'echo; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await once(stranger.stdout, 'data');
    const netns = `/proc/${stranger.pid}/ns/net`;
    const there = await runCommand('readlink', ['/proc/self/ns/net'], { netns });
    assert.equal(there.trim(), readlinkSync(netns));
    assert.notEqual(there.trim(), readlinkSync('/proc/self/ns/net'));
    // The launcher itself has stayed.
    assert.equal((await runCommand('readlink', ['/proc/self/ns/net'])).trim(), readlinkSync('/proc/self/ns/net'));
    const many = 'x'.repeat(20_000);
    assert.equal(await runCommand('cat', [], { netns, input: many }), many);
    await assert.rejects(runCommand('true', [], { netns: '/proc/0/ns/net' }), {
      message: 'true: /proc/0/ns/net: No such file or directory',
    });
  } finally {
    stranger.kill('SIGKILL');
  }
});
