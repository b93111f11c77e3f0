// Parts of volumes with real mounts: a pod that changes its volume meanwhile does not get more than the part.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openMounts } from '../../../host/mounts.ts';
import { pinSubPath } from '../../../kubelet/volumes/sub-path.ts';

const skip = process.getuid?.() !== 0 && 'needs root';

test('a part of a volume stays what it was, whatever the pod does to the volume', { skip }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-subpath-'));
  const mounts = openMounts();
  t.after(async () => {
    await mounts.unmountBelow(dir);
    assert.doesNotMatch(execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' }), new RegExp(dir));
    rmSync(dir, { recursive: true });
  });
  const volume = join(dir, 'volume');
  const target = join(dir, 'volume-subpaths/app/0');
  mkdirSync(join(volume, 'part'), { recursive: true });
  writeFileSync(join(volume, 'part/mine'), '1');
  const pin = (below: string, to: string) => pinSubPath(mounts, { volume, below }, to);
  await pin('part', target);
  renameSync(join(volume, 'part'), join(volume, 'away'));
  symlinkSync('/etc', join(volume, 'part'));
  assert.deepEqual(readdirSync(target), ['mine']);
  await assert.rejects(pin('part', target), /leads out of the volume/);
  // A file, and the next run of the container, which takes what is there then.
  await pin('away/mine', join(dir, 'volume-subpaths/app/1'));
  assert.equal(readFileSync(join(dir, 'volume-subpaths/app/1'), 'utf8'), '1');
  await pin('away/mine', target);
  assert.equal(readFileSync(target, 'utf8'), '1');
  mkdirSync(join(volume, 'other'));
  await pin('other', target);
  assert.deepEqual(readdirSync(target), []);
});
