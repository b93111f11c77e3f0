// Lists as bytes: what they say, and that no list is taken for another one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { finish } from '../../machinery/steps.ts';
import { decodeStored, encodeStored, type StoredObject } from '../storage/stored-object.ts';
import { piecesOf, wholeOf } from './body.ts';
import { joinList, type ListEncodingName, type ListForm } from './list-body.ts';

const form = { kind: ConfigMapKind, version: ConfigMapKind.storage };
const bulk = 'x'.repeat(1_000);

function stored(name: string, revision: number): StoredObject {
  const object = { metadata: { name, namespace: 'ns' }, data: { bulk, größe: 'ß' } };
  return decodeStored(`/registry/configmaps/ns/${name}`, encodeStored(object as never, ConfigMapKind), revision);
}

const join = (encoding: ListEncodingName, items: readonly StoredObject[], revision: number, as: ListForm = form) =>
  finish(joinList(encoding, items, metadata(revision), as));
/** Whether two lists have the bytes of their items in common. */
const shares = (a: ReturnType<typeof join>, b: ReturnType<typeof join>) => piecesOf(a)[1] === piecesOf(b)[1];
const listOf = (count: number) => Array.from({ length: count }, (_, i) => stored(`c${i}`, i + 1));
const metadata = (revision: number) => ({ resourceVersion: String(revision) });
const whatItSays = (items: readonly StoredObject[], revision: number) => ({
  kind: 'ConfigMapList',
  apiVersion: 'v1',
  metadata: metadata(revision),
  items: items.map(({ object: { kind: _k, apiVersion: _a, ...rest } }) => rest),
});

describe('the bytes of a list', () => {
  for (const count of [0, 1, 2, 200])
    test(`${count} items`, () => {
      const items = listOf(count);
      assert.deepEqual(JSON.parse(wholeOf(join('json', items, 9)).toString()), whatItSays(items, 9));
    });

  test('custom resources say what they are in lists, too', () => {
    const items = listOf(2);
    const custom = { ...form, kind: { ...ConfigMapKind, isCustom: true } };
    const { items: shown } = JSON.parse(wholeOf(join('json', items, 9, custom)).toString());
    assert.deepEqual(
      shown,
      items.map(({ object }) => object),
    );
  });

  for (const encoding of ['json', 'protobuf'] as const) {
    test(`the same list is not joined again: ${encoding}`, () => {
      const items = listOf(2_000);
      const first = join(encoding, items, 9);
      assert.ok(piecesOf(first).length > 5);
      assert.deepEqual(join(encoding, [...items], 9), first);
      assert.ok(shares(join(encoding, [...items], 9), first));
    });

    test(`the same items at another revision: ${encoding}`, () => {
      const items = listOf(200);
      const fresh = join(encoding, items, 1_000_000);
      const other = join(encoding, items, 9);
      assert.ok(shares(other, fresh));
      assert.notDeepEqual(other, fresh);
    });
  }

  test('an encoding has lists of its own', () => {
    const items = listOf(200);
    assert.ok(!shares(join('protobuf', items, 9), join('json', items, 9)));
  });

  const others: [string, (items: StoredObject[]) => StoredObject[]][] = [
    ['with a changed item', (items) => items.with(100, stored('c100', 999))],
    ['without the last one', (items) => items.slice(0, -1)],
    ['with one more', (items) => [...items, stored('more', 999)]],
    ['in another order', (items) => items.toReversed()],
    ['of nothing', () => []],
  ];
  for (const [name, change] of others)
    test(`a list ${name} is another one`, () => {
      const items = listOf(200);
      assert.ok(!shares(join('json', change(items), 9), join('json', items, 9)));
    });

  test('a version has lists of its own', () => {
    const items = listOf(200);
    const other = join('json', items, 9, { ...form, version: { ...form.version } });
    assert.ok(!shares(other, join('json', items, 9)));
  });
});
