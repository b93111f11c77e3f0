import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { describe, test } from 'node:test';
import { silentLogger } from '../../machinery/log.ts';
import type { CriClient } from '../../proto/cri-client.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { checkImageGc, defaultImageGc, ImageGarbageCollector } from './image-gc.ts';

describe('checkImageGc()', () => {
  const refused: [object, RegExp][] = [
    [{ imageGCHighThresholdPercent: 101 }, /^imageGCHighThresholdPercent must be between 0 and 100: 101$/],
    [{ imageGCLowThresholdPercent: 85 }, /^imageGCLowThresholdPercent \(85\) must be less than imageGCHigh/],
    [{ imageMinimumGCAge: '2' }, /missing unit in duration/],
    [{ imageMaximumGCAge: '-1s' }, /^imageMaximumGCAge -1s must not be negative$/],
    [{ imageMaximumGCAge: '2m' }, /^imageMaximumGCAge 2m must be greater than imageMinimumGCAge 2m0s$/],
  ];
  for (const [more, message] of refused)
    test(JSON.stringify(more), () => assert.throws(() => checkImageGc({ ...defaultImageGc, ...more }), { message }));
});

/** Two images that nobody uses, one of them pinned, and one in use, on a disk that is never empty. */
function collector(high: number, more = {}) {
  const removed: string[] = [];
  const kept: string[][] = [];
  const records = { prune: (ids: ReadonlySet<string>) => void kept.push([...ids]) };
  const image = (id: string, pinned = false) => ({ id, pinned, size: '1', repo_tags: [] });
  const clock = new FakeClock();
  const cri = {
    images: {
      ListImages: async () => ({ images: [image('unused'), image('pinned', true), image('used')] }),
      ImageFsInfo: async () => ({ image_filesystems: [{ fs_id: { mountpoint: tmpdir() } }] }),
      RemoveImage: async (req: { image: { image: string } }) => removed.push(req.image.image),
    },
    runtime: { ListContainers: async () => ({ containers: [{ image_id: 'used' }] }) },
  } as unknown as CriClient;
  const settings = { ...defaultImageGc, imageGCHighThresholdPercent: high, imageGCLowThresholdPercent: 0, ...more };
  return { gc: new ImageGarbageCollector({ cri, clock, log: silentLogger, records }, settings), removed, kept, clock };
}

test('images go by the use of the disk, and never where that is 100', async () => {
  for (const [high, want] of [
    [100, []],
    [0.000001, ['unused']],
  ] as const) {
    const { gc, removed, clock } = collector(high);
    await gc.collect();
    assert.deepEqual(removed, [], 'what was just pulled is about to be used');
    await clock.advance(120_000);
    await gc.collect();
    assert.deepEqual(removed, want);
  }
});

test('short of disk, the node keeps only what is in use, or pinned', async () => {
  const { gc, removed, clock } = collector(100);
  await gc.removeUnused();
  assert.deepEqual(removed, [], 'nor what was just pulled');
  await clock.advance(120_000);
  await gc.removeUnused();
  assert.deepEqual(removed, ['unused']);
  const later = collector(100);
  later.gc.start();
  await later.gc.removeUnused();
  assert.deepEqual(later.removed, ['unused'], 'what was there before the kubelet was not just pulled');
});

test('what nobody has used for long enough goes, and its record of the pull', async () => {
  const { gc, removed, kept, clock } = collector(100, { imageMaximumGCAge: '10m' });
  await gc.collect();
  await clock.advance(600_000);
  await gc.collect();
  assert.deepEqual(removed, [], 'not before the kubelet has seen it unused for so long');
  await clock.advance(1_000);
  await gc.collect();
  assert.deepEqual(removed, ['unused']);
  assert.deepEqual(kept.at(-1), ['pinned', 'used']);
});
