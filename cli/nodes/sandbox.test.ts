import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { readNameServers } from './sandbox.ts';

test('name servers are those that a node can reach, from the first file that has one', () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-resolv-'));
  const file = (name: string) => join(dir, name);
  const lines = ['# x', 'nameserver 127.0.0.53', 'nameserver 0.0.0.0', 'nameserver ::1', 'nameserver', 'search a'];
  try {
    writeFileSync(file('stub'), `${lines.join('\r\n')}\r\n`);
    writeFileSync(file('six'), 'nameserver 2001:db8::53\nnameserver fe80::1%eth0\n');
    writeFileSync(file('good'), ' nameserver 192.0.2.1\r\noptions ndots:15\r\nnameserver\t192.0.2.2\nnameserver ::1\n');
    mkdirSync(file('folder'));
    symlinkSync('nowhere', file('dangling'));
    symlinkSync('loop', file('loop'));
    const useless = ['stub', 'six', 'folder', 'dangling', 'loop', 'missing'].map(file);
    assert.deepEqual(readNameServers([...useless, file('good')]), ['192.0.2.1', '192.0.2.2']);
    assert.deepEqual(readNameServers(useless), []);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
