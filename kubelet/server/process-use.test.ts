import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFilesReader, readOpenFilesLimit } from './process-use.ts';

test('files and sockets of processes, and the limit of one', (t) => {
  const proc = mkdtempSync(join(tmpdir(), 'proc-'));
  t.after(() => rmSync(proc, { recursive: true }));
  const add = (pid: string, links: string[], limit: string) => {
    mkdirSync(join(proc, pid, 'fd'), { recursive: true });
    for (const [fd, to] of links.entries()) symlinkSync(to, join(proc, pid, 'fd', String(fd)));
    const text = `Limit   Soft Limit  Hard Limit  Units\nMax processes 5 6 processes\nMax open files            ${limit} files\n`;
    writeFileSync(join(proc, pid, 'limits'), text);
  };
  add('1', ['/dev/null', 'socket:[12]', 'pipe:[13]', 'socket:[14]'], '1024                 524288              ');
  add('2', ['anon_inode:[eventpoll]', 'socket:[15]'], 'unlimited            unlimited           ');
  const read = openFilesReader(proc);
  assert.deepEqual(read(['1', '2', '3']), { files: 6, sockets: 3 });
  assert.deepEqual(read([]), { files: 0, sockets: 0 });
  const bounded = openFilesReader(proc, 8);
  assert.deepEqual(bounded(['1']), { files: 4, sockets: 2 });
  assert.deepEqual(bounded(['1']), {}, 'too much was looked at');
  assert.deepEqual(bounded(['2']), {});
  const limits = ['1', '2', '3'].map((pid) => readOpenFilesLimit(pid, proc));
  assert.deepEqual(limits, [1024, -1, undefined]);
});
