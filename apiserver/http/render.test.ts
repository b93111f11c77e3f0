import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { countRounds } from '../../test/builders/rounds.ts';
import { slowClock } from '../../test/builders/slow-clock.ts';
import type { Answer } from '../endpoints/exchange.ts';
import { decodeMessage, readEnvelope } from '../protobuf/envelope.ts';
import { metaMessages } from '../protobuf/meta-messages.ts';
import { decodeStored, encodeStored, type StoredObject } from '../storage/stored-object.ts';
import { wholeOf } from './body.ts';
import { negotiate } from './negotiate.ts';
import { encode, renderAnswer } from './render.ts';

test('YAML means the same to readers of YAML 1.1, and has no aliases', () => {
  const shared = { a: 'yes' };
  const { body } = encode({ one: shared, two: shared, mode: '0644', off: 'off' }, 200, { encoding: 'yaml' });
  assert.equal(body.toString(), 'one:\n  a: "yes"\ntwo:\n  a: "yes"\nmode: "0644"\n"off": "off"\n');
});

test('JSON for people is indented, whatever it holds', () => {
  const value = { a: [], b: {}, c: [1, { d: 'x:{[,"\\' }], e: 2n ** 60n };
  const { body } = encode(value, 200, { encoding: 'json', pretty: true });
  const want = JSON.stringify({ ...value, e: 'E' }, null, 2).replace('"E"', String(2n ** 60n));
  assert.equal(body.toString(), want);
});

describe('lists in every form', () => {
  const count = 3_000;
  const items = Array.from({ length: count }, (_, i) => {
    const object = { metadata: { name: `c${i}`, namespace: 'ns' }, data: { k: 'a<b>: ß\n', n: String(i) } };
    return decodeStored(`/registry/configmaps/ns/c${i}`, encodeStored(object as never, ConfigMapKind), i + 1);
  });
  const render = async (accept: string, list: StoredObject[], pretty = false) => {
    const media = { ...negotiate(accept), ...(pretty ? { pretty } : {}) };
    const context = { kind: ConfigMapKind, version: ConfigMapKind.storage, media, include: 'Metadata' as const, clock: slowClock() }; // biome-ignore format: one
    const answer: Answer = { type: 'list', list: { items: list, revision: 9 } };
    const { value, rounds } = await countRounds(() => renderAnswer(answer, context));
    return { body: wholeOf(value.body), rounds };
  };
  const as = (form: string) => `application/json;as=${form};g=meta.k8s.io;v=v1`;
  const names = (list: any) => list.map((item: any) => (item.object ?? item).metadata.name);
  const whole = (list: any) =>
    list.map(({ object: { kind, apiVersion, ...rest } }: any) => ({ kind, apiVersion, ...rest }));
  const table: [what: string, accept: string, read: (text: string) => any, field: string, kind: string][] = [
    ['Table', as('Table'), JSON.parse, 'rows', 'Table'],
    ['PartialObjectMetadataList', as('PartialObjectMetadataList'), JSON.parse, 'items', 'PartialObjectMetadataList'],
    ['YAML', 'application/yaml', parse, 'items', 'ConfigMapList'],
    ['YAML of metadata', as('PartialObjectMetadataList').replace('json', 'yaml'), parse, 'items', 'PartialObjectMetadataList'],
    ['JSON', 'application/json', JSON.parse, 'items', 'ConfigMapList'],
  ]; // biome-ignore format: one table
  for (const [what, accept, read, field, kind] of table)
    test(what, async () => {
      for (const list of [[], items.slice(0, 1), items]) {
        const { body, rounds } = await render(accept, list);
        const value = read(body.toString());
        assert.equal(value.kind, kind);
        assert.equal(value.metadata.resourceVersion, '9');
        assert.deepEqual(
          names(value[field]),
          list.map(({ name }) => name),
        );
        if (what === 'YAML') assert.deepEqual(value[field], whole(list.map((stored) => ({ object: stored.object }))));
        if (list.length === count) assert.ok(rounds >= 50, `others had ${rounds} turns`);
        if (!accept.includes('json')) continue;
        const indented = (await render(accept, list, true)).body.toString();
        assert.equal(
          indented,
          JSON.stringify(value, null, 2).replace(/[<>]/g, (c) => (c === '<' ? '\\u003c' : '\\u003e')),
        );
      }
    });

  test('metadata in protobuf', async () => {
    for (const list of [[], items]) {
      const { body, rounds } = await render(
        as('PartialObjectMetadataList').replace('json', 'vnd.kubernetes.protobuf'),
        list,
      );
      const { raw, ...type } = readEnvelope(body);
      assert.deepEqual(type, { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1' });
      const schema = metaMessages['meta.k8s.io/v1 PartialObjectMetadataList']!;
      const { metadata, items: read = [] } = decodeMessage(schema, raw) as any;
      assert.equal(metadata.resourceVersion, '9');
      assert.deepEqual(
        names(read),
        list.map(({ name }) => name),
      );
      if (list.length > 0) assert.ok(rounds >= 50, `others had ${rounds} turns`);
    }
  });

  test('who looks once leaves nothing behind', async () => {
    const [first] = [items[0]!];
    first.rest();
    assert.notEqual(first.glimpse, first.glimpse);
    assert.equal(first.object, first.glimpse);
  });
});
