import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { makeKey, makeSelfSigned } from '../../client/certificates.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { followAuthorities } from './client-authorities.ts';

test('authorities of clients are those of the file; what is none leaves them, and is an error at the start', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'authorities-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const [clock, stop, path] = [new FakeClock(), new AbortController(), join(dir, 'ca.crt')];
  const make = (commonName: string) => makeSelfSigned(makeKey(), { commonName, names: [] }, clock.now());
  const put = (text: string) => {
    writeFileSync(`${path}.next`, text);
    renameSync(`${path}.next`, path);
    return clock.advance(60_000);
  };
  const [first, second] = [await make('first'), await make('second')];
  await put('none');
  const trusted: string[] = [];
  const follow = () =>
    followAuthorities(path, (pem) => trusted.push(pem.toString()), { clock, log: silentLogger, signal: stop.signal });
  assert.throws(follow);
  await put(first);
  assert.equal(follow().toString(), first);
  for (const text of [first, 'none', '', first + second, second, second]) await put(text);
  assert.deepEqual(trusted, [first + second, second]);
  stop.abort();
  await put(first);
  assert.equal(trusted.length, 2);
});
