import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FrontRequest } from './http/front.ts';
import { createPathHandler, type PathDeps } from './paths.ts';
import { requestInfoOf } from './request-info.ts';

test("the token issuer's documents say what they are and how long they keep", async () => {
  const tokens = { algorithm: 'RS256', publicJwk: async () => ({ kid: 'k' }) };
  const deps = { tokens, issuer: 'https://issuer' } as unknown as PathDeps;
  const types = {
    '/.well-known/openid-configuration': 'application/json',
    '/openid/v1/jwks': 'application/jwk-set+json',
  };
  for (const [path, type] of Object.entries(types)) {
    const response = await createPathHandler(deps)(requestInfoOf('GET', path), { headers: {} } as FrontRequest);
    assert.deepEqual(response?.headers, { 'content-type': type, 'cache-control': 'public, max-age=3600' });
  }
});
