import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isReadOnlyMount } from './node-mounts.ts';

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
