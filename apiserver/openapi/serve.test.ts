import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import type { FrontRequest } from '../http/front.ts';
import { requestInfoOf } from '../request-info.ts';
import { createOpenApi } from './serve.ts';

const nowMs = Date.UTC(2026, 0, 1);

test('a document is kept by its hash, and is not sent to whoever has it', async () => {
  const { kinds } = (await startMemoryApi()).context;
  const respond = createOpenApi(kinds, {
    clock: new FakeClock(nowMs),
    others: () => new Map([['apis/other.io/v1', 'AB']]),
    parts: () => [],
  });
  const get = async (url: string, headers: Record<string, string> = {}) =>
    (await respond(requestInfoOf('GET', url), {
      headers: { accept: 'application/json', ...headers },
    } as unknown as FrontRequest))!;

  const { paths } = JSON.parse(String((await get('/openapi/v3')).body));
  assert.deepEqual(paths['apis/other.io/v1'], { serverRelativeURL: '/openapi/v3/apis/other.io/v1?hash=AB' });
  const url: string = paths['apis/apps/v1'].serverRelativeURL;
  const kept = await get(url);
  const hash = new URLSearchParams(url.split('?')[1]).get('hash')!;
  assert.deepEqual(
    [kept.code, kept.headers.etag, kept.headers['cache-control'], kept.headers.expires],
    [200, `"${hash}"`, 'public, immutable', 'Fri, 01 Jan 2027 00:00:00 GMT'],
  );
  assert.equal((await get('/openapi/v3/apis/apps/v1')).headers['cache-control'], undefined);
  assert.deepEqual((await get('/openapi/v3/apis/apps/v1')).body, kept.body);

  const accept = 'application/com.github.proto-openapi.spec.v3@v1.0+protobuf';
  const { code, headers, body } = await get(url, { accept });
  assert.deepEqual([code, headers.etag], [200, kept.headers.etag], 'both forms have the hash of the text');
  assert.equal(headers['content-type'], 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf');
  assert.match(String(body), /io\.k8s\.api\.apps\.v1\.DeploymentSpec/);

  const moved = await get('/openapi/v3/apis/apps/v1?hash=OLD');
  assert.deepEqual([moved.code, moved.headers.location], [301, url]);
  for (const path of ['/openapi/v2', '/openapi/v3', '/openapi/v3/apis/apps/v1']) {
    const etag = String((await get(path)).headers.etag);
    const known = await get(path, { 'if-none-match': etag });
    assert.deepEqual([known.code, String(known.body), known.headers.etag], [304, '', etag], path);
  }
});
