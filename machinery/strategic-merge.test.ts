import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { s } from './schema.ts';
import { finish } from './steps.ts';
import { PatchError, strategicMergeInSteps } from './strategic-merge.ts';

const applyStrategicMerge = (...given: Parameters<typeof strategicMergeInSteps>) =>
  finish(strategicMergeInSteps(...given));

const env = s.object('t.Env', '', { name: s.string(''), value: s.string('') });
const container = s.object('t.Container', '', {
  name: s.string(''),
  image: s.string(''),
  env: s.list(env, '', { patchStrategy: 'merge', patchMergeKey: 'name' }),
  args: s.list(s.string(''), ''),
});
const schema = s.object('t.Spec', '', {
  containers: s.list(container, '', { patchStrategy: 'merge', patchMergeKey: 'name' }),
  finalizers: s.list(s.string(''), '', { patchStrategy: 'merge' }),
  strategy: s.field(s.object('t.Strategy', '', { type: s.string(''), rolling: s.any('', '') }), '', {
    patchStrategy: 'retainKeys',
  }),
  labels: s.map(s.string(''), ''),
  whole: s.field(s.object('t.Whole', '', { a: s.string(''), b: s.string('') }), '', { patchStrategy: 'replace' }),
});
const two = {
  containers: [
    { name: 'a', image: 'a', args: ['1'] },
    { name: 'b', image: 'b' },
  ],
};

describe('strategic merge', () => {
  const cases: [name: string, original: object, patch: object, want: object][] = [
    [
      'merges list items by key',
      two,
      { containers: [{ name: 'b', image: 'c' }] },
      { containers: [two.containers[0], { name: 'b', image: 'c' }] },
    ],
    [
      'adds an item',
      { containers: [] },
      { containers: [{ name: 'n', image: 'x' }] },
      { containers: [{ name: 'n', image: 'x' }] },
    ],
    [
      'deletes an item',
      two,
      { containers: [{ name: 'a', $patch: 'delete' }] },
      { containers: [{ name: 'b', image: 'b' }] },
    ],
    ['replaces a list', two, { containers: [{ $patch: 'replace' }, { name: 'z' }] }, { containers: [{ name: 'z' }] }],
    [
      'replaces an atomic list',
      two,
      { containers: [{ name: 'a', args: ['2'] }] },
      { containers: [{ name: 'a', image: 'a', args: ['2'] }, two.containers[1]] },
    ],
    [
      'orders by $setElementOrder and keeps the server’s own items in place',
      { containers: [{ name: 'a' }, { name: 'x' }, { name: 'b' }] },
      { '$setElementOrder/containers': [{ name: 'b' }, { name: 'a' }], containers: [] },
      { containers: [{ name: 'x' }, { name: 'b' }, { name: 'a' }] },
    ],
    ['null removes a field', { labels: { a: '1', b: '2' } }, { labels: { a: null } }, { labels: { b: '2' } }],
    ['null of something absent is nothing', {}, { labels: { a: null, b: '1' } }, { labels: { b: '1' } }],
    ['unites primitive lists', { finalizers: ['a'] }, { finalizers: ['b', 'a'] }, { finalizers: ['b', 'a'] }],
    [
      'takes values off a primitive list',
      { finalizers: ['a', 'b'] },
      { '$deleteFromPrimitiveList/finalizers': ['a'] },
      { finalizers: ['b'] },
    ],
    [
      'keeps only retained keys',
      { strategy: { type: 'R', rolling: {} } },
      { strategy: { $retainKeys: ['type'], type: 'X' } },
      { strategy: { type: 'X' } },
    ],
    ['replaces an object', { whole: { a: '1', b: '2' } }, { whole: { a: '3' } }, { whole: { a: '3' } }],
    [
      '$patch: replace on a map',
      { labels: { a: '1' } },
      { labels: { $patch: 'replace', c: '3' } },
      { labels: { c: '3' } },
    ],
    ['$patch: delete on a map', { labels: { a: '1' } }, { labels: { $patch: 'delete' } }, { labels: {} }],
  ];
  for (const [name, original, patch, want] of cases) {
    test(name, () => {
      const before = structuredClone(original);
      assert.deepEqual(applyStrategicMerge(original, patch, schema), want);
      assert.deepEqual(original, before, 'the original stays as it is');
    });
  }

  test('a deleted item goes with its doubles, and may be set anew', () => {
    const original = { containers: [{ name: 'a', image: '1' }, { name: 'b' }, { name: 'a', image: '2' }] };
    const gone = { name: 'a', $patch: 'delete' };
    assert.deepEqual(applyStrategicMerge(original, { containers: [gone] }, schema), { containers: [{ name: 'b' }] });
    const anew = { containers: [gone, { name: 'a', image: '3' }] };
    assert.deepEqual(applyStrategicMerge(original, anew, schema), {
      containers: [{ name: 'a', image: '3' }, { name: 'b' }],
    });
  });

  test('long lists take no long time', () => {
    const finalizers = Array.from({ length: 50_000 }, (_, i) => `f${i}`);
    const containers = finalizers.map((name) => ({ name }));
    const patch = { finalizers: [...finalizers].reverse(), containers: [...containers].reverse() };
    assert.deepEqual(applyStrategicMerge({ finalizers, containers }, patch, schema), patch);
  });

  // Wording and codes of upstream's patch handler.
  const malformed: [patch: object, code: number, message: string][] = [
    [{ '$setElementOrder/containers': 'a' }, 400, 'invalid patch format of setElementOrder list'],
    [{ '$setElementOrder/containers': { a: 1 } }, 400, 'invalid patch format of setElementOrder list'],
    [{ '$deleteFromPrimitiveList/finalizers': 'a' }, 400, 'invalid patch format of primitive list'],
    [{ strategy: { $retainKeys: 'type' } }, 400, 'invalid patch format of retainKeys'],
    [{ strategy: { $retainKeys: null } }, 400, 'invalid patch format of retainKeys'],
    [{ strategy: { $retainKeys: ['a'], type: 'X' } }, 422, "patch content doesn't match retainKeys list"],
    [
      { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ name: 'a', image: 'x' }] },
      500,
      "The order in patch list:\n[map[image:x name:a]]\n doesn't match $setElementOrder list:\n[map[name:b]]\n",
    ],
    [{ labels: { $patch: 'x' } }, 500, 'unknown patch type: x in map: map[$patch:x]'],
    [
      { labels: { $patch: { toString: 1 } } },
      500,
      'unknown patch type: map[toString:1] in map: map[$patch:map[toString:1]]',
    ],
  ];
  for (const [patch, code, message] of malformed)
    test(`refuses ${JSON.stringify(patch)}`, () => {
      const original = { labels: { a: '1' }, strategy: { type: 'R' } };
      assert.throws(() => applyStrategicMerge(original, patch, schema), { code, message });
    });

  test('refuses an item without its merge key', () => {
    assert.throws(
      () => applyStrategicMerge(two, { containers: [{ image: 'x' }] }, schema),
      (err: Error) =>
        err instanceof PatchError && err.message === 'map: map[image:x] does not contain declared merge key: name',
    );
  });
});
