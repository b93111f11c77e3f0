// Records on disk, locks, and the identity of processes.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { KeyedLock } from '../../../machinery/keyed-lock.ts';
import { parseProcStat } from '../process/identity.ts';
import { RecordStore } from './checkpoint.ts';

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

  test('finds records again, bytes included, and tells leftovers from what it cannot read', () =>
    withDir((dir) => {
      const store = new RecordStore<Thing>(dir);
      store.save({ id: 'abc', value: Buffer.from([0, 255]), count: 1 });
      store.update('abc', { count: 2 });
      mkdirSync(join(dir, 'half'));
      const broken = { cut: '{"version":1,"val', old: '{"version":0,"value":{}}', none: '{}', empty: '' };
      for (const [id, text] of Object.entries(broken)) {
        mkdirSync(join(dir, id));
        writeFileSync(join(dir, id, 'record.json'), text);
      }
      const again = new RecordStore<Thing>(dir);
      const { leftovers, unreadable } = again.load();
      assert.deepEqual(leftovers, ['half']);
      assert.deepEqual(unreadable.map((x) => x.id).sort(), Object.keys(broken).sort());
      assert.deepEqual(again.list(), [{ id: 'abc', value: Buffer.from([0, 255]), count: 2 }]);
      assert.deepEqual([again.isSetAside('cut'), again.isSetAside('half'), again.get('cut')], [true, false, undefined]);
      assert.equal(readFileSync(join(dir, 'cut/record.json'), 'utf8'), broken.cut, 'it stays as it is');
    }));

  test('does not start over records of a newer build, or over a disk that cannot be read', () =>
    withDir((dir) => {
      mkdirSync(join(dir, 'new/record.json'), { recursive: true });
      assert.throws(() => new RecordStore<Thing>(dir).load(), { code: 'EISDIR' });
      rmSync(join(dir, 'new/record.json'), { recursive: true });
      writeFileSync(join(dir, 'new/record.json'), '{"version":99,"value":{}}');
      assert.throws(() => new RecordStore<Thing>(dir).load(), /is of format 99 and this build reads up to 1/);
    }));

  test('forgets at once, and removes many files without holding up others', () =>
    withDir(async (dir) => {
      const store = new RecordStore<Thing>(dir);
      store.save({ id: 'abc', value: Buffer.alloc(0), count: 0 });
      for (let i = 0; i < 500; i++) writeFileSync(join(dir, 'abc', String(i)), '');
      const removed = store.remove('abc');
      assert.equal(store.get('abc'), undefined);
      // Killed now, the next run finds a leftover and no record.
      assert.deepEqual(new RecordStore<Thing>(dir).load().leftovers, ['abc']);
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
