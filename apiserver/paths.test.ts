import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FrontRequest } from './http/front.ts';
import { createPathHandler, type PathDeps } from './paths.ts';
import { requestInfoOf } from './request-info.ts';

test("the token issuer's documents say what they are and how long they keep", async () => {
  const tokens = { algorithm: 'RS256', publicJwk: async () => ({ kid: 'k' }) };
  const deps = { tokens, issuer: 'https://issuer', zpages: () => undefined } as unknown as PathDeps;
  const types = {
    '/.well-known/openid-configuration': 'application/json',
    '/openid/v1/jwks': 'application/jwk-set+json',
  };
  for (const [path, type] of Object.entries(types)) {
    const response = await createPathHandler(deps)(requestInfoOf('GET', path), { headers: {} } as FrontRequest);
    assert.deepEqual(response?.headers, { 'content-type': type, 'cache-control': 'public, max-age=3600' });
  }
});

test('what the server says of itself is served beside health, and is listed', async () => {
  const asked: unknown[] = [];
  const zpages: PathDeps['zpages'] = (path, accept, paths) => {
    if (path !== '/statusz') return undefined;
    asked.push(accept, paths.includes('/flagz'), paths.includes('/statusz'));
    return { code: 200, type: 'application/yaml', text: 'kind: Statusz\n', warning: '299 - "old"' };
  };
  const handle = createPathHandler({ zpages, kinds: { groupVersions: () => [] } } as unknown as PathDeps);
  const wants = { headers: { accept: 'application/yaml' } } as unknown as FrontRequest;
  const headers = { 'content-type': 'application/yaml', warning: '299 - "old"' };
  assert.deepEqual(await handle(requestInfoOf('GET', '/statusz'), wants), {
    code: 200,
    headers,
    body: 'kind: Statusz\n',
  });
  assert.deepEqual(asked, ['application/yaml', true, false]);
  const { paths } = JSON.parse(String((await handle(requestInfoOf('GET', '/'), wants))?.body));
  assert.deepEqual(paths.slice(3, 6), ['/apis/', '/flagz', '/healthz']);
  assert.equal(paths.at(-2), '/statusz');
});
