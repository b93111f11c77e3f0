import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { decodeMessage, readEnvelope } from '../protobuf/envelope.ts';
import { metaMessages } from '../protobuf/meta-messages.ts';
import { StoredObject } from '../storage/stored-object.ts';
import { createWatchStream } from './watch-stream.ts';

const megabyte = 1024 * 1024;

test('a client that reads nothing is cut, but not for what there was at the beginning', () => {
  let unsent = 0;
  let isClosed = false;
  const response = {
    write: (chunk: Buffer) => {
      unsent += chunk.length;
      return false;
    },
    get writableLength() {
      return unsent;
    },
  };
  const sink = createWatchStream(response as unknown as ServerResponse, {
    kind: ConfigMapKind,
    version: ConfigMapKind.storage,
    media: { form: 'object', encoding: 'json', metaVersion: 'v1' },
    include: 'Metadata',
    now: () => 0,
    close: () => (isClosed = true),
  });
  const stored = new StoredObject('k', { metadata: { name: 'a' }, data: { x: 'x'.repeat(megabyte) } }, 1);
  for (let i = 0; i < 60; i++) sink.event('ADDED', stored);
  sink.flush();
  assert.equal(isClosed, false);
  for (let i = 0; i < 31; i++) {
    sink.event('MODIFIED', stored);
    sink.flush();
  }
  assert.equal(isClosed, false);
  sink.event('MODIFIED', stored);
  sink.flush();
  assert.equal(isClosed, true);
});

test('watchers of one encoding share the bytes of an event, and an end is told in it', () => {
  const watch = (encoding: 'json' | 'protobuf') => {
    const chunks: Buffer[] = [];
    const response = { write: (chunk: Buffer) => chunks.push(chunk), writableLength: 0 };
    const sink = createWatchStream(response as unknown as ServerResponse, {
      kind: ConfigMapKind,
      version: ConfigMapKind.storage,
      media: { form: 'object', encoding, metaVersion: 'v1' },
      include: 'Metadata',
      now: () => 0,
      close: () => undefined,
    });
    return { chunks, sink };
  };
  const stored = new StoredObject('k', { metadata: { name: 'a' }, data: { x: 'y' } }, 1);
  const watchers = [watch('protobuf'), watch('protobuf'), watch('json')];
  for (const { sink } of watchers) {
    sink.event('ADDED', stored);
    sink.flush();
    sink.expired('too old');
    sink.bookmark(7, true);
  }
  const [first, second, third] = watchers.map(({ chunks }) => chunks);
  assert.equal(first![0], second![0]);
  assert.equal(first![0]!.readUInt32BE(0), first![0]!.length - 4);
  assert.deepEqual(readEnvelope(first![0]!.subarray(first![0]!.indexOf('k8s\0'))).kind, 'ConfigMap');
  const status = readEnvelope(first![1]!.subarray(first![1]!.indexOf('k8s\0')));
  const { reason, code } = decodeMessage(metaMessages['v1 Status']!, status.raw);
  assert.deepEqual([reason, code], ['Expired', 410]);
  assert.match(String(third![0]), /^{"type":"ADDED","object":{.*}}\n$/);
  const metadata = { resourceVersion: '7', annotations: { 'k8s.io/initial-events-end': 'true' } };
  assert.deepEqual(JSON.parse(String(third![2])).object, { kind: 'ConfigMap', apiVersion: 'v1', metadata });
});
