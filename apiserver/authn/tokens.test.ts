import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { type MemoryApi, startMemoryApi } from '../../test/builders/memory-api.ts';
import { type BoundObject, ServiceAccountTokens } from './tokens.ts';

const issuer = 'https://issuer';
const keyPair = () =>
  generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });

async function start() {
  const api = await startMemoryApi();
  const tokens = new ServiceAccountTokens({ issuer, audiences: [issuer], ...keyPair() }, api.clock);
  const account = await api.send('GET', '/api/v1/namespaces/default/serviceaccounts/default');
  const issue = async (options: { audiences?: string[]; bound?: BoundObject } = {}) => {
    const serviceAccount = { name: 'default', uid: account.metadata.uid };
    const request = { namespace: 'default', serviceAccount, audiences: [issuer], expirationSeconds: 600, ...options };
    return (await tokens.issue(request)).token;
  };
  return { api, tokens, issue };
}

/** The name of the user a token stands for, here and now. */
async function userOf(api: MemoryApi, tokens: ServiceAccountTokens, token: string): Promise<string | undefined> {
  await api.context.store.cache.waitConsistent();
  return (await tokens.authenticate(token, api.context))?.user.username;
}

const user = 'system:serviceaccount:default:default';

describe('service account tokens', () => {
  test('say who, for whom, how long', async () => {
    const { api, issue } = await start();
    const claims = decodeJwt(await issue());
    assert.deepEqual([claims.iss, claims.sub, claims.aud], [issuer, user, [issuer]]);
    assert.deepEqual([claims.iat, claims.exp], [api.clock.now() / 1000, api.clock.now() / 1000 + 600]);
  });

  test('name the key that proves them, as it is published', async () => {
    const { tokens, issue } = await start();
    assert.equal(decodeProtectedHeader(await issue()).kid, (await tokens.publicJwk()).kid);
  });

  test('stand for their service account until they expire', async () => {
    const { api, tokens, issue } = await start();
    const token = await issue();
    const found = await tokens.authenticate(token, api.context);
    assert.deepEqual(found?.user.groups, [
      'system:serviceaccounts',
      'system:serviceaccounts:default',
      'system:authenticated',
    ]);
    await api.clock.advance(599_000);
    assert.equal(await userOf(api, tokens, token), user);
    await api.clock.advance(1_000);
    assert.equal(await userOf(api, tokens, token), undefined);
  });

  test('prove nothing when forged, for another audience, or of another issuer', async () => {
    const { api, tokens, issue } = await start();
    const token = await issue();
    const [head, claims, signature] = token.split('.') as [string, string, string];
    const forged = Buffer.from(JSON.stringify({ ...decodeJwt(token), sub: 'x' })).toString('base64url');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    const others = new ServiceAccountTokens({ issuer, audiences: [issuer], ...keyPair() }, api.clock);
    for (const bad of [
      `${head}.${forged}.${signature}`,
      unsigned,
      `${token}x`,
      'x',
      await issue({ audiences: ['y'] }),
    ]) {
      assert.equal(await userOf(api, tokens, bad), undefined);
    }
    assert.equal(await userOf(api, others, token), undefined);
  });

  test('for many audiences are held against many in linear time', async () => {
    const { api, tokens, issue } = await start();
    const many = (name: string, count: number) => Array.from({ length: count }, (_, i) => `${name}${i}`);
    const token = await issue({ audiences: many('a', 20_000) });
    const begin = process.cpuUsage();
    const found = await tokens.authenticate(token, api.context, [...many('b', 60_000), 'a7']);
    const { user: used } = process.cpuUsage(begin);
    assert.deepEqual(found?.audiences, ['a7']);
    assert.ok(used < 1_500_000, `${used / 1000} ms`);
  });

  test('end with what they are bound to', async () => {
    const { api, tokens, issue } = await start();
    const pods = '/api/v1/namespaces/default/pods';
    const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const { metadata } = await api.send('POST', pods, { body });
    const token = await issue({ bound: { kind: 'Pod', name: 'p', uid: metadata.uid } });
    await api.context.store.cache.waitConsistent();
    const found = await tokens.authenticate(token, api.context);
    assert.deepEqual(found?.user.extra?.['authentication.kubernetes.io/pod-name'], ['p']);
    await api.send('DELETE', `${pods}/p`);
    // A pod of the same name is another pod.
    await api.send('POST', pods, { body });
    assert.equal(await userOf(api, tokens, token), undefined);
  });

  test('end with the node they are bound to, and with what has long been going away', async () => {
    const { api, tokens, issue } = await start();
    const { metadata } = await api.send('POST', '/api/v1/nodes', { body: { metadata: { name: 'n' } } });
    const onNode = await issue({ bound: { kind: 'Node', name: 'n', uid: metadata.uid } });
    assert.equal(await userOf(api, tokens, onNode), user);
    await api.send('DELETE', '/api/v1/nodes/n');
    assert.equal(await userOf(api, tokens, onNode), undefined);
    const account = '/api/v1/namespaces/default/serviceaccounts/default';
    const contentType = 'application/merge-patch+json';
    await api.send('PATCH', account, { body: { metadata: { finalizers: ['a.b/c'] } }, contentType });
    const token = await issue();
    await api.send('DELETE', account);
    await api.clock.advance(60_000);
    assert.equal(await userOf(api, tokens, token), user);
    await api.clock.advance(1_000);
    assert.equal(await userOf(api, tokens, token), undefined);
  });

  test('end with their service account, though it is made again', async () => {
    const { api, tokens, issue } = await start();
    const token = await issue();
    assert.equal(await userOf(api, tokens, token), user);
    await api.send('DELETE', '/api/v1/namespaces/default/serviceaccounts/default');
    await api.send('POST', '/api/v1/namespaces/default/serviceaccounts', { body: { metadata: { name: 'default' } } });
    assert.equal(await userOf(api, tokens, token), undefined);
  });
});
