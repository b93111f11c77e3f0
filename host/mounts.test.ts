// Mounts with a real kernel: what is still mounted is never removed.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isReadOnlyMount, isShownIn, openMounts, parseMountPoints } from './mounts.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

test('mount points are read with their escapes', () => {
  assert.deepEqual(parseMountPoints('1 2 0:3 / /a\\040b rw - tmpfs tmpfs rw\n4 2 0:5 / /c rw - ext4 x rw\n'), [
    '/a b',
    '/c',
  ]);
});

test('a folder that is bound elsewhere is found by its place in the file system', () => {
  const table = [
    '1 0 8:1 / / rw - ext4 x rw',
    '2 1 8:1 /nodes/a/var /var rw - ext4 x rw',
    '3 1 8:1 /nodes/a/var/data/v1 /pods/p/mount rw - ext4 x rw',
    '4 1 8:2 /nodes/a/var/data/v2 /pods/q rw - ext4 y rw',
    '5 1 8:1 /srv/v\\040 /pods/r rw - ext4 x rw',
  ].join('\n');
  const shown = ['/var/data/v1', '/var/data/v2', '/var/data', '/var', '/srv/v ', '/none'].map((dir) =>
    isShownIn(table, dir),
  );
  assert.deepEqual(shown, [true, false, false, true, true, false]);
});

test('a tree is not removed while a folder of somebody else is mounted in it', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-mounts-'));
  const mounts = openMounts();
  t.after(async () => {
    await mounts.unmountBelow(dir);
    rmSync(dir, { recursive: true });
  });
  const [data, pod] = [join(dir, 'data'), join(dir, 'pod')];
  mkdirSync(data);
  mkdirSync(join(pod, 'a b'), { recursive: true });
  writeFileSync(join(data, 'mine'), '1');
  await mounts.bind(data, join(pod, 'a b'));
  await mounts.bind(data, join(pod, 'a b'));
  assert.deepEqual(readdirSync(join(pod, 'a b')), ['mine']);
  assert.equal(await mounts.isShown(data), true);
  await assert.rejects(mounts.removeTree(pod), /a b is still mounted/);
  await assert.rejects(mounts.removeTree(join(pod, 'a b')), /is still mounted/);
  assert.ok(existsSync(join(data, 'mine')));
  await mounts.unmountBelow(pod);
  assert.equal(await mounts.isMounted(join(pod, 'a b')), false);
  assert.equal(await mounts.isShown(data), false);
  await mounts.removeTree(pod);
  assert.deepEqual([existsSync(pod), readdirSync(data)], [false, ['mine']]);
});

test('a mount for reading cannot be written through', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-mounts-'));
  const mounts = openMounts();
  t.after(async () => {
    await mounts.unmountBelow(dir);
    rmSync(dir, { recursive: true });
  });
  for (const name of ['data', 'target']) mkdirSync(join(dir, name));
  // A process that was killed halfway has left one that can be written to.
  await mounts.bind(join(dir, 'data'), join(dir, 'target'));
  await mounts.bind(join(dir, 'data'), join(dir, 'target'), ['ro']);
  assert.throws(() => writeFileSync(join(dir, 'target/x'), ''), { code: 'EROFS' });
  await mounts.unmount(join(dir, 'target'));
  await mounts.unmount(join(dir, 'target'));
});

const mountInfo = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
23 22 0:5 / /data ro,nosuid shared:1 - ext4 /dev/vda rw
24 23 0:6 / /data/own\\040folder rw - tmpfs tmpfs rw
25 22 0:7 / /twice ro - tmpfs tmpfs rw
26 25 0:8 / /twice rw - tmpfs tmpfs rw
`;

for (const [path, expected] of [
  ['/', false],
  ['/data', true],
  ['/data/a', true],
  ['/database', false],
  ['/data/own folder/a', false],
  ['/twice/a', false],
] as const) {
  test(`${path} is ${expected ? 'only for reading' : 'for writing'}`, () =>
    assert.equal(isReadOnlyMount(path, mountInfo), expected));
}
