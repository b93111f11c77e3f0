import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { runCommand } from './command.ts';

describe('a program', () => {
  test('gets its input, and what it writes comes back', async () => {
    assert.equal(await runCommand('cat', [], { input: 'héllo\n' }), 'héllo\n');
    assert.equal(await runCommand('cat', [], { input: '' }), '');
    assert.equal(await runCommand('cat', []), '');
    assert.equal(await runCommand('cat', [], { input: Readable.from(['a', 'b']) }), 'ab');
  });

  test('that fails is told with what it complained of', async () => {
    const fail = ['-c', 'echo no >&2; exit 3'];
    await assert.rejects(runCommand('sh', fail, { input: 'x' }), { message: 'sh: no', exitCode: 3, stderr: 'no\n' });
    await assert.rejects(runCommand('false', [], { name: 'it' }), { message: 'it: exit status 1' });
    await assert.rejects(runCommand('/nowhere', []), /ENOENT/);
  });

  test('that leaves others behind with its output is waited for no longer than asked', async () => {
    const leave = ['-c', 'sleep 20 & echo $!'];
    const why = new Error('late');
    const late = new AbortController();
    setTimeout(() => late.abort(why), 200);
    await assert.rejects(runCommand('sh', leave, { signal: late.signal }), why);
    const write = ['-c', '(timeout 20 yes &) ; exit 0'];
    await assert.rejects(runCommand('sh', write, { maxBytes: 1_000 }), /larger than 1000 bytes/);
  });
});
