// What JSON patches do beyond what their library is tested for.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyJsonPatch } from './json-patch.ts';

const many = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

test('operations take time by what they change, not by what there is', () => {
  const document = { data: Object.fromEntries(many(30_000, (i) => [`k${i}`, 'v'])) };
  const moves = many(5_000, (i) => ({ op: 'move', from: `/data/k${i}`, path: `/data/m${i}` }) as const);
  const copies = many(5_000, (i) => ({ op: 'copy', from: `/data/m${i}`, path: `/data/c${i}` }) as const);
  const start = process.cpuUsage();
  const { data } = applyJsonPatch(document, [...moves, ...copies]) as typeof document;
  const { user } = process.cpuUsage(start);
  assert.equal(Object.keys(data).length, 35_000);
  assert.deepEqual([data.k0, data.m0, data.c4999], [undefined, 'v', 'v']);
  assert.ok(user < 5_000_000, `${user} us`);
});

test('what holds an integer of 64 bits can be moved, and beside it everything', () => {
  const document = { a: { exact: 9007199254740993n }, b: 'x' };
  const operations = [
    { op: 'move', from: '/a', path: '/c' },
    { op: 'copy', from: '/b', path: '/d' },
  ] as const;
  assert.deepEqual(applyJsonPatch(document, operations), { c: document.a, b: 'x', d: 'x' });
});

for (const op of ['move', 'copy'] as const)
  test(`a ${op} of what is not there fails`, () => {
    for (const from of ['/none', '/a/none', '/none/b', '/a/0/b'])
      assert.throws(() => applyJsonPatch({ a: { b: 1 } }, [{ op, from, path: '/x' }]), TypeError);
    assert.throws(() => applyJsonPatch({ a: 1 }, [{ op, path: '/x' } as never]));
  });
