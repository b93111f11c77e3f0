import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
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
