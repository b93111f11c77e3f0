import assert from 'node:assert/strict';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { realClock } from '../machinery/clock.ts';
import { silentLogger } from '../machinery/log.ts';
import { followContents } from './follow-file.ts';

test('what files hold is used when it is something else, and what cannot be used is tried again', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-follow-'));
  const paths = ['a', 'b'].map((name) => join(dir, name));
  const put = (path: string, text: string) => {
    writeFileSync(`${path}.next`, text);
    renameSync(`${path}.next`, path);
  };
  for (const path of paths) put(path, 'old');
  const seen: string[] = [];
  let told: () => void = () => undefined;
  const nextUse = () => new Promise<void>((resolve) => (told = resolve));
  const use = (contents: Buffer[]) => {
    const text = contents.join();
    seen.push(text);
    told();
    if (text.includes('none')) throw new Error('it is none');
  };
  const known = paths.map(() => Buffer.from('old'));
  const stop = followContents({ paths, known }, use, {
    clock: realClock,
    log: silentLogger,
  });
  try {
    for (const [index, text] of [
      [0, 'old'],
      [1, 'none'],
      [0, 'new'],
      [1, 'new'],
    ] as const) {
      const used = nextUse();
      put(paths[index]!, text);
      if (text !== 'old') await used;
    }
    assert.deepEqual(seen, ['old,none', 'new,none', 'new,new']);
  } finally {
    stop();
    rmSync(dir, { recursive: true });
  }
});
