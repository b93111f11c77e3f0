// Following a log: from its end, over rotations, and no faster than its reader.
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { realClock } from '../../../machinery/clock.ts';
import { followLog, joinEntries } from './log-follower.ts';

function startLog() {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-log-'));
  const path = join(dir, '0.log');
  writeFileSync(path, 'T stdout F old\n');
  return {
    path,
    add: (...lines: string[]) => appendFileSync(path, lines.map((line) => `T stdout ${line}\n`).join('')),
    rotate(name: string) {
      renameSync(path, `${path}.${name}`);
      writeFileSync(path, '');
    },
    remove: (name: string) => rmSync(`${path}.${name}`),
    [Symbol.dispose]: () => rmSync(dir, { recursive: true }),
  };
}

/** A reader that takes its first piece when it is let go. */
function slowReader() {
  const seen = { text: '', pieces: 0 };
  let letGo: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const take = async ({ content }: { content: Buffer }) => {
    seen.pieces++;
    await gate;
    seen.text += content;
  };
  return { seen, take, letGo: () => letGo() };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('followLog()', () => {
  test('begins at the end and follows a rotation', async () => {
    using log = startLog();
    let text = '';
    const follower = followLog(log.path, ({ content }) => {
      text += content;
    });
    log.add('F one');
    renameSync(log.path, `${log.path}.1`);
    appendFileSync(`${log.path}.1`, 'T stdout F two\n');
    writeFileSync(log.path, 'T stdout P three\n');
    await follower.finish();
    assert.equal(text, 'one\ntwo\nthree');
  });

  test('reads no further than its reader takes, and then all of it', async () => {
    using log = startLog();
    const { seen, take, letGo } = slowReader();
    const follower = followLog(log.path, take);
    const line = 'x'.repeat(1000);
    for (let i = 0; i < 100; i++) log.add(...Array.from({ length: 100 }, () => `F ${line}`));
    const finished = follower.finish();
    while (seen.pieces === 0) await turn();
    for (let i = 0; i < 50; i++) await turn();
    assert.equal(seen.pieces, 1);
    letGo();
    await finished;
    assert.equal(seen.text.length, 10_000 * 1001);
    assert.ok(seen.pieces < 1000, `${seen.pieces} pieces`);
  });

  test('a slow reader misses nothing of logs that are rotated and removed meanwhile', async () => {
    using log = startLog();
    const { seen, take, letGo } = slowReader();
    const follower = followLog(log.path, take);
    const want: string[] = [];
    for (const name of ['a', 'b', 'c', 'd']) {
      log.add(`F ${name}`);
      want.push(`${name}\n`);
      if (name === 'a') while (seen.pieces === 0) await turn();
      log.rotate(name);
      // The follower hears of the new file before the next rotation.
      await realClock.sleep(50);
      log.remove(name);
    }
    letGo();
    await follower.finish();
    assert.equal(seen.text, want.join(''));
  });

  test('is stopped while its reader is stuck', async () => {
    using log = startLog();
    const { seen, take, letGo } = slowReader();
    const follower = followLog(log.path, take);
    log.add('F one', 'F two');
    while (seen.pieces === 0) await turn();
    follower.stop();
    letGo();
    await follower.ended;
  });
});

test('joinEntries() joins what follows each other on one stream, and no more', () => {
  const lines = ['T stdout F a', 'T stdout P b', 'junk', 'T stderr F c', 'T stdout F d'];
  const joined = joinEntries(lines).map(({ stream, content }) => [stream, String(content)]);
  assert.deepEqual(joined, [
    ['stdout', 'a\nb'],
    ['stderr', 'c\n'],
    ['stdout', 'd\n'],
  ]);
});
