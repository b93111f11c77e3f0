// Lists as bytes: what they say, and that no list is taken for another one.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { decodeStored, encodeStored, type StoredObject } from '../storage/stored-object.ts';
import { joinList, knownList } from './list-body.ts';

const form = { kind: ConfigMapKind, version: ConfigMapKind.storage };
const bulk = 'x'.repeat(1_000);

function stored(name: string, revision: number): StoredObject {
  const object = { metadata: { name, namespace: 'ns' }, data: { bulk, größe: 'ß' } };
  return decodeStored(`/registry/configmaps/ns/${name}`, encodeStored(object as never, ConfigMapKind), revision);
}

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
      assert.deepEqual(JSON.parse(joinList('json', items, metadata(9), form).toString()), whatItSays(items, 9));
    });

  test('custom resources say what they are in lists, too', () => {
    const items = listOf(2);
    const custom = { ...form, kind: { ...ConfigMapKind, isCustom: true } };
    const { items: shown } = JSON.parse(joinList('json', items, metadata(9), custom).toString());
    assert.deepEqual(
      shown,
      items.map(({ object }) => object),
    );
  });

  for (const encoding of ['json', 'protobuf'] as const) {
    test(`the same list is not joined again: ${encoding}`, () => {
      const items = listOf(200);
      const body = joinList(encoding, items, metadata(9), form);
      assert.equal(knownList(encoding, [...items], metadata(9), form)!.body, body);
    });

    test(`the same items at another revision: ${encoding}`, () => {
      const items = listOf(200);
      const fresh = joinList(encoding, items, metadata(1_000_000), form);
      joinList(encoding, items, metadata(9), form);
      const { head, body } = knownList(encoding, items, metadata(1_000_000), form)!;
      assert.deepEqual(Buffer.concat([head!, body]), fresh);
      assert.equal(body.buffer, knownList(encoding, items, metadata(9), form)!.body.buffer);
    });
  }

  test('an encoding has lists of its own', () => {
    const items = listOf(200);
    joinList('json', items, metadata(9), form);
    assert.equal(knownList('protobuf', items, metadata(9), form), undefined);
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
      joinList('json', items, metadata(9), form);
      assert.equal(knownList('json', change(items), metadata(9), form), undefined);
    });

  test('a version has lists of its own', () => {
    const items = listOf(200);
    joinList('json', items, metadata(9), form);
    assert.equal(knownList('json', items, metadata(9), { ...form, version: { ...form.version } }), undefined);
  });
});
