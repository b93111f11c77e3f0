import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { bootstrapUser } from './bootstrap-token.ts';

const secrets = '/api/v1/namespaces/kube-system/secrets';
const good = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
};
const token = 'abcdef.0123456789abcdef';

async function userOf(data: Record<string, string>, asked = token, secret: object = {}) {
  const api = await startMemoryApi();
  await api.send('POST', '/api/v1/namespaces', { body: { metadata: { name: 'kube-system' } } });
  const metadata = { name: 'bootstrap-token-abcdef' };
  const body = { metadata, type: 'bootstrap.kubernetes.io/token', stringData: data, ...secret };
  await api.send('POST', secrets, { body });
  await api.context.store.cache.waitConsistent();
  return bootstrapUser(asked, api.context);
}

describe('bootstrap tokens', () => {
  test('are of the bootstrappers, and of the groups of the Secret', async () => {
    const user = await userOf({ ...good, 'auth-extra-groups': 'system:bootstrappers:x,system:bootstrappers:a:b' });
    const groups = ['system:bootstrappers', 'system:bootstrappers:a:b', 'system:bootstrappers:x'];
    assert.deepEqual(user, { username: 'system:bootstrap:abcdef', groups });
  });

  const expires = (text: string) => ({ ...good, expiration: text });
  const cases: [name: string, data: Record<string, string>, isGood: boolean, asked?: string, secret?: object][] = [
    ['without more groups', good, true],
    ['that expire one day', expires('2100-01-01T00:00:00Z'), true],
    ['that have expired', expires('1970-01-01T00:00:00Z'), false],
    ['whose end cannot be read', expires('soon'), false],
    ['not meant for authentication', { ...good, 'usage-bootstrap-authentication': 'false' }, false],
    ['with another secret', good, false, 'abcdef.0123456789abcde0'],
    ['of another form', good, false, 'ABCDEF.0123456789abcdef'],
    ['of another id', { ...good, 'token-id': 'fedcba' }, false],
    ['of nobody', good, false, 'aaaaaa.0123456789abcdef'],
    ['in a Secret of another type', good, false, token, { type: 'Opaque' }],
    ['with the group of the administrators', { ...good, 'auth-extra-groups': 'system:masters' }, false],
  ];
  for (const [name, data, isGood, asked, secret] of cases) {
    test(`${name}: ${isGood ? 'good' : 'no good'}`, async () => {
      assert.equal((await userOf(data, asked, secret)) !== undefined, isGood);
    });
  }
});
