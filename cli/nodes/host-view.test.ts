import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { overlayLayer, readHostView, withMountsBelow, withoutNested } from './host-view.ts';

test('of folders within each other the outermost is enough', () => {
  assert.deepEqual(withoutNested(['/usr', '/usr/local/bin', '/opt/k8ts', '/opt/k8ts', '/usrx']), [
    '/usr',
    '/opt/k8ts',
    '/usrx',
  ]);
});

test('file systems mounted below a folder are seen too, but none of the kernel and none beside it', (t) => {
  const root = mkdtempSync(join(tmpdir(), 'k8ts view-'));
  t.after(() => rmSync(root, { recursive: true }));
  for (const name of ['a', 'a/b', 'a/proc', 'c']) mkdirSync(join(root, name));
  const line = (point: string, type: string) => `1 0 8:1 / ${point.replaceAll(' ', '\\040')} rw - ${type} /dev/sda rw`;
  const text = [
    line('/', 'ext4'),
    line(`${root}/a/b`, 'xfs'),
    line(`${root}/a/proc`, 'proc'),
    line(`${root}/c`, 'xfs'),
  ];
  assert.deepEqual(withMountsBelow([`${root}/a`], text.join('\n')), [`${root}/a`, `${root}/a/b`]);
});

test('programs are seen, homes are not', () => {
  const { folders, links } = readHostView(['/opt/k8ts'], '1 0 8:1 / / rw - ext4 /dev/sda rw');
  assert.ok(folders.includes('/usr') && folders.includes('/opt/k8ts'));
  const others = [...folders, ...links.map(({ path }) => path)].filter((path) => !/^\/(usr|s?bin|lib\w*)$/.test(path));
  assert.deepEqual(others.sort(), ['/etc/ssl/certs', '/opt/k8ts']);
});

test('what separates layers is escaped in their names', () => {
  assert.equal(overlayLayer('/a:b,c\\d'), '/a\\:b\\,c\\\\d');
});
