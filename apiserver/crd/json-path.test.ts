import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findByPath, parseJsonPath } from './json-path.ts';

const object = {
  metadata: { name: 'w', labels: { 'app.io/name': 'x' } },
  spec: { n: 3, 'a b': true, items: [{ k: 'a', v: 1 }, { k: 'b', v: 2 }, { k: 'c' }] },
  status: {
    conditions: [
      { type: 'Ready', status: 'True' },
      { type: 'Other', status: 'False' },
    ],
  },
};

const cases: [path: string, found: unknown[]][] = [
  ['.spec.n', [3]],
  ['$.spec.n', [3]],
  ['.spec.absent', []],
  ['.spec.n.deeper', []],
  ['.metadata.labels.app\\.io/name', ['x']],
  [".metadata.labels['app\\.io/name']", ['x']],
  [".metadata.labels['app.io/name']", []],
  [".status['conditions[0].type']", ['Ready']],
  ['.spec.a b', [true]],
  ['.spec.items[0].k', ['a']],
  ['.spec.items[-1].k', ['c']],
  ['.spec.items[7].k', []],
  ['.spec.items[-2].k', ['b']],
  ['.spec.items[-4].k', []],
  ['.spec.items[0:2].k', ['a', 'b']],
  ['.spec.items[1:].k', ['b', 'c']],
  ['.spec.items[:-1].k', ['a', 'b']],
  ['.spec.items[::2].k', ['a', 'c']],
  ['.spec.items[0:4].k', []],
  ['.spec.items[0, 2].k', ['a', 'c']],
  [".spec['n','a b']", [3, true]],
  ['.spec..v', [1, 2]],
  ['..type', ['Ready', 'Other']],
  ['.spec.n..k', []],
  ['.spec.items[*].v', [1, 2]],
  ['.status.conditions[?(@.type=="Ready")].status', ['True']],
  [".status.conditions[?(@.type == 'Nobody')].status", []],
  ['.spec.items[?(@.v>1)].k', ['b']],
  ['.spec.items[?(@.v)].k', ['a', 'b']],
  ['.spec.items[?(@.k!="a")].k', ['b', 'c']],
];

for (const [path, want] of cases) {
  test(`${path} finds ${JSON.stringify(want)}`, () => assert.deepEqual(findByPath(parseJsonPath(path), object), want));
}

test('what is no path is refused', () => {
  for (const path of ['spec', '.a[', '.a[x]', '.a[?(b)]', '.a[]', '.a["b"]', '.a[1:2:-1]', `.${'a'.repeat(3_000)}`]) {
    assert.throws(() => parseJsonPath(path), Error, path);
  }
});

test('the ways to a value are not counted', () => {
  let deep: object = { k: 1 };
  for (let i = 0; i < 30; i++) deep = { a: deep };
  for (const path of [`${"['a','a']".repeat(30)}.k`, `${'..a'.repeat(10)}..k`])
    assert.deepEqual(findByPath(parseJsonPath(path), deep), [1]);
});

test('names of prototypes find nothing', () => {
  for (const path of ['.constructor', '.__proto__', '.spec.toString']) {
    assert.deepEqual(findByPath(parseJsonPath(path), object), []);
  }
});
