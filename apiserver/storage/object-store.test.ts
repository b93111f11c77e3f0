import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import type { KubeObject } from '../../machinery/metadata.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { countRounds } from '../../test/builders/rounds.ts';
import { decodeStored, encodeStored } from './stored-object.ts';

test('many objects are brought into another form step by step, in their order and once', async () => {
  const { store } = (await startMemoryApi()).context;
  const objects = Array.from({ length: 2_100 }, (_, i) => {
    const object = { metadata: { name: `c${i}`, namespace: 'ns' }, data: { n: String(i) } };
    return decodeStored(`/registry/configmaps/ns/c${i}`, encodeStored(object as never, ConfigMapKind), i + 1);
  });
  const read: number[] = [];
  const show = (object: KubeObject) => ({ ...object, shown: true });
  const storedForm = {
    version: 'v1',
    read: (given: readonly KubeObject[]) => {
      read.push(given.length);
      return given.map(show);
    },
    write: (object: KubeObject) => object,
  };
  const kind = { ...ConfigMapKind, storedForm };
  const { value, rounds } = await countRounds(() => store.view(kind, objects));
  assert.deepEqual(
    value.map(({ object }) => object),
    objects.map(({ object }) => show(object)),
  );
  assert.deepEqual(read, [500, 500, 500, 500, 100]);
  assert.ok(rounds >= 4, `others had ${rounds} turns`);
  assert.deepEqual(await store.view(kind, objects), value);
  assert.equal(read.length, 5, 'what is there is not read again');
});
