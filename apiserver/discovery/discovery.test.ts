import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import type { FrontRequest } from '../http/front.ts';
import { createDiscovery } from './discovery.ts';

test('a path with a slash at its end is the same document', async () => {
  const { kinds } = (await startMemoryApi()).context;
  const respond = createDiscovery(kinds, { serverAddress: '127.0.0.1:6443' });
  const request = { headers: {} } as FrontRequest;
  for (const path of ['/api', '/apis', '/api/v1', '/apis/apps', '/apis/apps/v1']) {
    const plain = respond(path, request)?.body;
    assert.ok(plain, path);
    assert.equal(respond(`${path}/`, request)?.body, plain, path);
  }
});
