import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { s } from '../schema.ts';
import { fieldsOf } from './fields-of.ts';
import { readFieldSet } from './read-set.ts';
import { emptySet, equalSets, type FieldSet, intersect, pathsOf, subtract, unite, uniteAll } from './set.ts';

const x: FieldSet = {};
const nested: FieldSet = { 'f:a': { '.': x, 'f:b': x, 'f:c': { 'f:d': x } }, 'f:e': x };

describe('sets of paths', () => {
  const cases: [name: string, got: FieldSet, want: FieldSet][] = [
    ['a path goes alone', subtract(nested, { 'f:a': x }), { 'f:a': { 'f:b': x, 'f:c': { 'f:d': x } }, 'f:e': x }],
    ['a path below goes', subtract(nested, { 'f:a': { 'f:b': x } }), { 'f:a': { '.': x, 'f:c': { 'f:d': x } }, 'f:e': x }],
    ['a node goes with its last path', subtract({ 'f:a': { 'f:b': x } }, { 'f:a': { 'f:b': x } }), {}],
    ['a path stays when all below it goes', subtract({ 'f:a': { '.': x, 'f:b': x } }, { 'f:a': { 'f:b': x } }), { 'f:a': x }],
    ['what is in both', intersect(nested, { 'f:a': { 'f:c': { 'f:d': x } }, 'f:z': x }), { 'f:a': { 'f:c': { 'f:d': x } } }],
    ['a path is no part of what is below it', intersect(nested, { 'f:a': { 'f:x': x } }), {}],
    ['what is in either', unite({ 'f:a': { 'f:b': x } }, { 'f:a': x, 'f:c': x }), { 'f:a': { '.': x, 'f:b': x }, 'f:c': x }],
  ]; // biome-ignore format: a table
  for (const [name, got, want] of cases) test(name, () => assert.deepEqual(got, want));

  test('many are united as one after the other', () => {
    const elements = ['f:b', 'f:a', 'k:{"port":80}', 'k:{"port":9}', 'v:"z"', 'i:0'];
    const part = (n: number, depth: number): FieldSet => {
      const below = elements.filter((_, i) => depth > 0 && (n >> i) & 1);
      const isPath = depth < 3 && n % 3 === 0 && below.length > 0;
      const nodes = below.map((element, i) => [element, part(n * 7 + i * 5, depth - 1)] as const);
      return Object.fromEntries([...(isPath ? [['.', x] as const] : []), ...nodes]);
    };
    const sets = Array.from({ length: 64 }, (_, n) => part(n, 3));
    for (let count = 0; count <= sets.length; count++) {
      const some = sets.slice(0, count);
      const united = uniteAll(some);
      assert.equal(JSON.stringify(united), JSON.stringify(some.reduce(unite, emptySet)));
    }
  });

  test('are themselves where nothing changes', () => {
    assert.equal(subtract(nested, { 'f:z': x, 'f:a': { 'f:z': x } }), nested);
    assert.equal(unite(nested, { 'f:a': { '.': x, 'f:c': { 'f:d': x } } }), nested);
    assert.equal(intersect(nested, emptySet) === nested, false);
  });

  test('are equal by their paths', () => {
    assert.ok(equalSets(nested, structuredClone(nested)));
    assert.equal(equalSets(nested, subtract(nested, { 'f:a': x })), false);
    assert.equal(equalSets({ 'f:a': x }, nested), false);
  });

  test('keep the published order: names, then keys and values by what they hold', () => {
    const added = { 'v:10': x, 'v:9': x, 'k:{"port":443}': x, 'k:{"port":80}': x, 'f:b': x, 'f:a': x };
    const keys = Object.keys(unite({ 'f:c': x }, added));
    assert.deepEqual(keys, ['f:a', 'f:b', 'f:c', 'k:{"port":80}', 'k:{"port":443}', 'v:9', 'v:10']);
  });

  test('are shown as paths, those of a level first', () => {
    const set = { 'f:s': { 'k:{"name":"c","p":1}': { '.': x, 'f:i': x }, 'v:"q"': x, 'i:0': x }, 'f:t': x };
    assert.deepEqual(pathsOf(set), ['.t', '.s[name="c",p=1]', '.s[="q"]', '.s[0]', '.s[name="c",p=1].i']);
  });
});

describe('readFieldSet()', () => {
  const cases: [given: unknown, want: FieldSet | undefined][] = [
    [undefined, {}],
    [{}, {}],
    [
      { 'f:b': {}, 'f:a': { '.': {} } },
      { 'f:a': x, 'f:b': x },
    ],
    [{ 'k:{"b":1,"a":"<"}': {} }, { 'k:{"a":"\\u003c","b":1}': x }],
    [{ 'f:a': { 'f:b': { '.': {}, 'f:c': {} } } }, { 'f:a': { 'f:b': { '.': x, 'f:c': x } } }],
    [{ 'q:later': {}, 'f:a': {} }, { 'f:a': x }],
    [{ 'f:__proto__': {} }, { 'f:__proto__': x }],
    ['abc', undefined],
    [{ 'f:a': 5 }, undefined],
    [{ 'f:a': [] }, undefined],
    [{ a: {} }, undefined],
    [{ '': {} }, undefined],
    [{ 'k:{': {} }, undefined],
    [{ 'k:5': {} }, undefined],
    [{ 'i:x': {} }, undefined],
  ];
  for (const [given, want] of cases)
    test(JSON.stringify(given) ?? 'nothing', () => assert.deepEqual(readFieldSet(given), want));
});

test('items that have no place in their list cost no error each', () => {
  const schema = s.list(s.object('', '', { name: s.string('') }), '', { listType: 'map', listMapKeys: ['name'] });
  const start = process.cpuUsage();
  assert.deepEqual(
    fieldsOf(
      Array.from({ length: 300_000 }, () => ({})),
      schema,
    ),
    {},
  );
  const { user } = process.cpuUsage(start);
  assert.ok(user < 1_500_000, `${user} us`);
});
