import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readlinkSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { writeAtomically } from './atomic-writer.ts';
import { openSubPath } from './sub-path.ts';

function folder(t: TestContext): string {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-subpath-'));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'volume'), { mode: 0o755 });
  return dir;
}

async function opened(volume: string, below: string): Promise<string> {
  const handle = await openSubPath(volume, below);
  try {
    return readlinkSync(`/proc/self/fd/${handle.fd}`);
  } finally {
    await handle.close();
  }
}

describe('openSubPath()', () => {
  test('a missing folder is made', async (t) => {
    const volume = join(folder(t), 'volume');
    assert.equal(await opened(volume, 'x/y'), join(volume, 'x/y'));
    assert.equal(statSync(join(volume, 'x/y')).mode & 0o7777, statSync(volume).mode & 0o7777);
  });

  test('a link that leads out is refused, and nothing is made there', async (t) => {
    const dir = folder(t);
    const volume = join(dir, 'volume');
    symlinkSync('/etc', join(volume, 'etc'));
    symlinkSync(dir, join(volume, 'up'));
    symlinkSync(join(dir, 'nowhere'), join(volume, 'dangling'));
    for (const path of ['etc', 'etc/passwd', 'up/made', 'dangling', 'dangling/more']) {
      await assert.rejects(openSubPath(volume, path), /leads out of the volume|EEXIST|ENOTDIR/, path);
    }
    assert.deepEqual(readdirSync(dir), ['volume']);
  });

  test('a link inside, as configMap files are, is followed', async (t) => {
    const volume = join(folder(t), 'volume');
    const files = new Map([['a', { data: Buffer.from('1'), mode: 0o644 }]]);
    await writeAtomically(volume, files, { fsGroup: undefined, nowMs: 0 });
    assert.equal(await opened(volume, 'a'), join(volume, readlinkSync(join(volume, '..data')), 'a'));
  });
});
