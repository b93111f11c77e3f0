import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { type VolumeFile, writeAtomically } from './atomic-writer.ts';

const options = { fsGroup: undefined, nowMs: Date.parse('2026-01-01T00:00:00Z') };
const filesOf = (files: Record<string, string>, mode = 0o644): Map<string, VolumeFile> =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'k8ts-volume-'));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

describe('writeAtomically', () => {
  test('files appear through ..data', () =>
    inFolder(async (dir) => {
      assert.equal(await writeAtomically(dir, filesOf({ a: '1', 'sub/b': '2' }, 0o400), options), true);
      assert.equal(readFileSync(join(dir, 'a'), 'utf8'), '1');
      assert.equal(readFileSync(join(dir, 'sub/b'), 'utf8'), '2');
      assert.equal(readlinkSync(join(dir, 'a')), '..data/a');
      assert.match(readlinkSync(join(dir, '..data')), /^\.\.2026_01_01_00_00_00\.\w+$/);
      assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o400);
    }));

  test('the same again changes nothing', () =>
    inFolder(async (dir) => {
      await writeAtomically(dir, filesOf({ a: '1' }), options);
      const link = readlinkSync(join(dir, '..data'));
      assert.equal(await writeAtomically(dir, filesOf({ a: '1' }), options), false);
      assert.equal(readlinkSync(join(dir, '..data')), link);
    }));

  test('what a killed writer left undone is done by the next', () =>
    inFolder(async (dir) => {
      await writeAtomically(dir, filesOf({ a: '1', b: '2' }), options);
      const data = readlinkSync(join(dir, '..data'));
      // Killed after the rename of ..data: a name is missing, another is of the time before, and so are folders.
      rmSync(join(dir, 'b'));
      symlinkSync('..data/old', join(dir, 'old'));
      mkdirSync(join(dir, '..2025_01_01_00_00_00.abc'));
      assert.equal(await writeAtomically(dir, filesOf({ a: '1', b: '2' }), options), false);
      assert.deepEqual(readdirSync(dir).sort(), ['..data', data, 'a', 'b'].sort());
      assert.equal(readFileSync(join(dir, 'b'), 'utf8'), '2');
    }));

  test('a change replaces, adds and removes, and leaves nothing behind', () =>
    inFolder(async (dir) => {
      await writeAtomically(dir, filesOf({ a: '1', b: '2' }), options);
      assert.equal(await writeAtomically(dir, filesOf({ a: 'new', c: '3' }), options), true);
      assert.equal(readFileSync(join(dir, 'a'), 'utf8'), 'new');
      assert.equal(existsSync(join(dir, 'b')), false);
      const names = readdirSync(dir).filter((name) => !/^\.\.\d/.test(name));
      assert.deepEqual(names.sort(), ['..data', 'a', 'c']);
      assert.equal(readdirSync(dir).length, 4);
    }));
});
