import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { EventKind } from '../../api/core/event.ts';
import type { StatusError } from '../../machinery/errors.ts';
import { decodeStored, encodeStored, fieldsOfKinds, storedAs } from './stored-object.ts';

const key = '/registry/configmaps/ns/a';
const object = {
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name: 'a', namespace: 'ns', labels: { app: 'x' } },
  data: { k: '<&>\u2028 {"metadata":{"name":"fake"}}', n: '","metadata":{"' },
};
const value = encodeStored(object, ConfigMapKind);
const withRevision = (revision: number) => ({
  ...object,
  metadata: { ...object.metadata, resourceVersion: String(revision) },
});

describe('a stored object', () => {
  test('is served as it lies in etcd, with its version', () => {
    const stored = decodeStored(key, value, 7);
    const bytes = stored.bytes(ConfigMapKind, ConfigMapKind.storage);
    assert.deepEqual(JSON.parse(bytes.toString()), withRevision(7));
    assert.ok(bytes.toString().startsWith('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"7",'));
    assert.equal(stored.bytes(ConfigMapKind, ConfigMapKind.storage), bytes, 'the same bytes for everybody');
  });

  test('is there again after it was let go of', () => {
    const stored = decodeStored(key, value, 7);
    const before = stored.object;
    stored.restIfIdle();
    assert.equal(stored.object, before, 'it was in use');
    stored.restIfIdle();
    stored.restIfIdle();
    assert.notEqual(stored.object, before);
    assert.deepEqual(stored.object, before);
    assert.deepEqual([stored.name, stored.namespace, stored.labels], ['a', 'ns', { app: 'x' }]);
  });

  test('moves to another revision', () => {
    for (const stored of [decodeStored(key, value, 9), storedAs(key, withRevision(9), { value, revision: 9 })]) {
      const moved = stored.atRevision(10);
      assert.deepEqual(moved.object, withRevision(10));
      assert.deepEqual(JSON.parse(moved.bytes(ConfigMapKind, ConfigMapKind.storage).toString()), withRevision(10));
      assert.deepEqual(JSON.parse(stored.bytes(ConfigMapKind, ConfigMapKind.storage).toString()), withRevision(9));
    }
  });

  test('in another order of fields, as somebody else may have written it, is served as well', () => {
    const { metadata, ...rest } = object;
    for (const text of [JSON.stringify({ metadata, ...rest }), JSON.stringify(object, null, 1)]) {
      const stored = decodeStored(key, Buffer.from(text), 3);
      stored.rest();
      const bytes = stored.bytes(ConfigMapKind, ConfigMapKind.storage);
      assert.deepEqual(JSON.parse(bytes.toString()), withRevision(3));
    }
  });

  test('of a kind that is kept in another version is converted', () => {
    const event = { kind: 'Event', apiVersion: 'v1', metadata: { name: 'e', namespace: 'ns' }, message: 'm' };
    const stored = decodeStored('/registry/events/ns/e', encodeStored(event as any, EventKind), 5);
    const other = EventKind.served.find((version) => version !== EventKind.storage)!;
    const { apiVersion, note } = JSON.parse(stored.bytes(EventKind, other).toString());
    assert.deepEqual([apiVersion, note], ['events.k8s.io/v1', 'm']);
  });

  test('keeps integers that a double cannot hold', () => {
    const text = '{"kind":"X","apiVersion":"v1","metadata":{"name":"a","generation":9007199254740993}}';
    const stored = decodeStored(key, Buffer.from(text), 1);
    stored.rest();
    assert.equal(stored.object.metadata.generation as unknown, 9007199254740993n);
  });

  test('that is none is an error with the way out', () => {
    for (const text of ['{"kind":"X","apiVersion":"v1","metadata":{"name":', '[]', '{"kind":"X","metadata":[]}']) {
      assert.throws(
        () => decodeStored(key, Buffer.from(text), 1),
        (err: StatusError) => err.code === 500 && err.message.endsWith(`etcdctl del ${key} removes it`),
      );
    }
  });
});

test('fields that selectors ask for are read by kind; one that cannot be read is empty', () => {
  const fieldsOf = fieldsOfKinds([EventKind, ConfigMapKind]);
  assert.equal(fieldsOf('/registry/configmaps/'), undefined);
  const read = fieldsOf('/registry/events/')!;
  assert.equal(read({ metadata: {}, reason: 'Killing', involvedObject: { name: 'p' } })['involvedObject.name'], 'p');
  assert.equal(read({ metadata: {} })['involvedObject.name'], '');
});
