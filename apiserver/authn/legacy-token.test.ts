import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { startMemoryApi } from '../../test/builders/memory-api.ts';
import { ServiceAccountTokens } from './tokens.ts';

const legacyIssuer = 'kubernetes/serviceaccount';
const own = 'https://issuer';
const core = '/api/v1/namespaces/default';
const subject = 'system:serviceaccount:default:default';

/** A Secret that holds a token of the account `default`, as the controller of tokens fills it. */
async function start(claims: object = {}) {
  const api = await startMemoryApi();
  const pair = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const tokens = new ServiceAccountTokens({ issuer: own, audiences: [own], ...pair }, api.clock);
  const { uid } = (await api.send('GET', `${core}/serviceaccounts/default`)).metadata;
  const whole = {
    iss: legacyIssuer,
    sub: subject,
    [`${legacyIssuer}/namespace`]: 'default',
    [`${legacyIssuer}/secret.name`]: 's',
    [`${legacyIssuer}/service-account.name`]: 'default',
    [`${legacyIssuer}/service-account.uid`]: uid,
    ...claims,
  };
  const token = await new SignJWT(whole).setProtectedHeader({ alg: 'ES256' }).sign(createPrivateKey(pair.privateKey));
  const annotations = { 'kubernetes.io/service-account.name': 'default', 'kubernetes.io/service-account.uid': uid };
  const type = 'kubernetes.io/service-account-token';
  const body = { metadata: { name: 's', annotations }, type, stringData: { token } };
  await api.send('POST', `${core}/secrets`, { body });
  const find = async (audiences = [own]) => {
    await api.context.store.cache.waitConsistent();
    return tokens.authenticate(token, api.context, audiences);
  };
  return { api, uid, find, tokens };
}

describe('the token of a Secret', () => {
  test('is its account’s, for the server itself', async () => {
    const { uid, find } = await start();
    const groups = ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'];
    assert.deepEqual(await find(), { user: { username: subject, uid, groups }, audiences: [own] });
    assert.equal(await find(['vault']), undefined);
  });

  test('is told of when it is used', async () => {
    const { find, tokens } = await start();
    const used: unknown[] = [];
    tokens.onLegacyUse = ({ metadata }) => used.push(metadata.name);
    await find(['vault']);
    await find();
    assert.deepEqual(used, ['s']);
  });

  const bad: [name: string, claims: object][] = [
    ['of another Secret', { [`${legacyIssuer}/secret.name`]: 'other' }],
    ['of another account of the same name', { [`${legacyIssuer}/service-account.uid`]: 'u' }],
    ['of nobody', { [`${legacyIssuer}/service-account.name`]: undefined }],
    ['that says two things', { sub: 'system:serviceaccount:default:admin' }],
    ['of another issuer', { iss: 'kubernetes/other' }],
  ];
  for (const [name, claims] of bad) {
    test(`${name} is no good`, async () => assert.equal(await (await start(claims)).find(), undefined));
  }

  const ends: [name: string, method: string, path: string, body?: object][] = [
    ['its Secret is gone', 'DELETE', 'secrets/s'],
    ['its account is gone', 'DELETE', 'serviceaccounts/default'],
    ['its Secret holds another one', 'PATCH', 'secrets/s', { data: { token: 'eA==' } }],
    [
      'it has been called invalid',
      'PATCH',
      'secrets/s',
      { metadata: { labels: { 'kubernetes.io/legacy-token-invalid-since': 'x' } } },
    ],
  ];
  for (const [name, method, path, body] of ends) {
    test(`is no good once ${name}`, async () => {
      const { api, find } = await start();
      assert.ok(await find());
      const contentType = 'application/merge-patch+json';
      await api.send(method, `${core}/${path}`, body ? { body, contentType } : {});
      assert.equal(await find(), undefined);
    });
  }
});
