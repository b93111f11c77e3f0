// Records on disk, locks, and the identity of processes.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parseProcStat } from '../process/identity.ts';
import { RecordStore } from './checkpoint.ts';
import { KeyedLock } from './keyed-lock.ts';

describe('RecordStore', () => {
  interface Thing {
    id: string;
    value: Uint8Array;
    count: number;
  }
  const withDir = async (use: (dir: string) => void | Promise<void>) => {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-store-'));
    try {
      await use(dir);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };

  test('finds records again, bytes included, and names what it cannot read', () =>
    withDir((dir) => {
      const store = new RecordStore<Thing>(dir);
      store.save({ id: 'abc', value: Buffer.from([0, 255]), count: 1 });
      store.update('abc', { count: 2 });
      mkdirSync(join(dir, 'half'));
      mkdirSync(join(dir, 'bad'));
      writeFileSync(join(dir, 'bad/record.json'), '{"version":99,"value":{}}');
      const again = new RecordStore<Thing>(dir);
      assert.deepEqual(
        again
          .load()
          .map((x) => x.id)
          .sort(),
        ['bad', 'half'],
      );
      assert.deepEqual(again.list(), [{ id: 'abc', value: Buffer.from([0, 255]), count: 2 }]);
    }));

  test('forgets at once, and removes many files without holding up others', () =>
    withDir(async (dir) => {
      const store = new RecordStore<Thing>(dir);
      store.save({ id: 'abc', value: Buffer.alloc(0), count: 0 });
      for (let i = 0; i < 500; i++) writeFileSync(join(dir, 'abc', String(i)), '');
      const removed = store.remove('abc');
      assert.equal(store.get('abc'), undefined);
      // Killed now, the next run finds a leftover and no record.
      assert.deepEqual(
        new RecordStore<Thing>(dir).load().map((x) => x.id),
        ['abc'],
      );
      await removed;
      assert.deepEqual(readdirSync(dir), []);
    }));

  test('finds by a unique prefix only', () =>
    withDir(async (dir) => {
      const store = new RecordStore<Thing>(dir);
      for (const id of ['abc', 'abd']) store.save({ id, value: Buffer.alloc(0), count: 0 });
      assert.equal(store.find('ab'), undefined);
      assert.equal(store.find('abd')?.id, 'abd');
      assert.equal(store.find(''), undefined);
      await store.remove('abd');
      assert.equal(store.find('ab')?.id, 'abc');
    }));
});

test('KeyedLock runs in order per key, and goes on after a failure', async () => {
  const lock = new KeyedLock();
  const seen: string[] = [];
  const step =
    (name: string, fails = false) =>
    async () => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push(name);
      if (fails) throw new Error(name);
    };
  const first = lock.run('a', step('a1', true));
  const second = lock.run('a', step('a2'));
  await Promise.all([assert.rejects(first, /a1/), second, lock.run('b', step('b1'))]);
  assert.deepEqual(
    seen.filter((s) => s.startsWith('a')),
    ['a1', 'a2'],
  );
});

test('parseProcStat() is not fooled by names', () => {
  const rest = Array.from({ length: 30 }, (_, i) => String(i)).join(' ');
  assert.deepEqual(parseProcStat(`12 (a) Z (b)) S ${rest}`), { state: 'S', startTicks: '18' });
});
