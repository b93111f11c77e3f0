import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import {
  type Authenticator,
  authenticateInOrder,
  type Credentials,
  CredentialsError,
  forOwnAudiences,
  type TokenAuthenticator,
  tokensInOrder,
} from './authenticator.ts';
import { bearerTokens } from './bearer-token.ts';
import { readTokenFile } from './token-file.ts';
import { anonymousUser } from './user.ts';

const sent = (headers: Credentials['headers'] = {}): Credentials => ({ socket: undefined, headers, path: '/api' });
const knows = (username: string): Authenticator => ({ authenticate: async () => ({ username, groups: ['g'] }) });
const silent: Authenticator = { authenticate: async () => undefined };
const refuses: Authenticator = {
  async authenticate() {
    throw new CredentialsError('no good');
  },
};
const anonymous: Authenticator = { authenticate: async () => anonymousUser };
const noTokens: TokenAuthenticator = { authenticate: async () => undefined };

describe('authenticators in order', () => {
  const cases: [name: string, order: Authenticator[], isOpen: boolean, want: string | 401][] = [
    ['the first who knows decides', [silent, knows('a'), knows('b')], true, 'a'],
    ['a refusal does not forbid another one', [refuses, knows('b')], true, 'b'],
    ['nobody knows', [silent], true, 'system:anonymous'],
    ['nobody knows, and there are no strangers', [silent], false, 401],
    ['a refused one is no stranger', [refuses, silent], true, 401],
  ];
  for (const [name, authenticators, isOpen, want] of cases) {
    test(name, async () => {
      const order = { authenticators, tokens: noTokens, audiences: [], ...(isOpen ? { anonymous } : {}) };
      const found = authenticateInOrder(order).authenticate(sent());
      if (want === 401) await assert.rejects(found, { code: 401 });
      else assert.equal((await found).username, want);
    });
  }

  test('who is known is in the group of those who are, and strangers are not', async () => {
    const order = { tokens: noTokens, audiences: [], anonymous };
    const groupsOf = async (authenticators: Authenticator[]) =>
      (await authenticateInOrder({ ...order, authenticators }).authenticate(sent())).groups;
    assert.deepEqual(await groupsOf([knows('a')]), ['g', 'system:authenticated']);
    assert.deepEqual(await groupsOf([]), ['system:unauthenticated']);
  });

  test('what breaks is no refusal', async () => {
    const broken: Authenticator = { authenticate: () => Promise.reject(new Error('bug')) };
    const order = { authenticators: [broken, knows('a')], tokens: noTokens, audiences: [] };
    await assert.rejects(authenticateInOrder(order).authenticate(sent()), /bug/);
  });
});

describe('tokens', () => {
  const own = ['api'];
  const tokens = tokensInOrder([
    noTokens,
    forOwnAudiences(own, async (token) => (token === 'good' ? { username: 'joe', groups: [] } : undefined)),
    {
      async authenticate(token) {
        if (token.startsWith('old')) throw new CredentialsError('token has expired');
        return undefined;
      },
    },
  ]);
  const { authenticate, review } = authenticateInOrder({
    authenticators: [bearerTokens(tokens, own)],
    tokens,
    audiences: own,
    anonymous,
  });
  const encoded = (token: string) =>
    `base64url.bearer.authorization.k8s.io.${Buffer.from(token).toString('base64url')}`;

  const cases: [headers: Credentials['headers'], want: string | 401][] = [
    [{ authorization: 'Bearer good' }, 'joe'],
    [{ authorization: 'bearer  good' }, 'joe'],
    [{ authorization: 'Bearer bad' }, 401],
    [{ authorization: 'Bearer old' }, 401],
    [{ authorization: 'Bearer ' }, 'system:anonymous'],
    [{ authorization: 'Basic Z29vZA==' }, 'system:anonymous'],
    [{ 'sec-websocket-protocol': `${encoded('good')}, v4.channel.k8s.io` }, 'joe'],
    [{ 'sec-websocket-protocol': `v4.channel.k8s.io, ${encoded('bad')}` }, 401],
    [{ 'sec-websocket-protocol': 'base64url.bearer.authorization.k8s.io.!' }, 401],
    [{ 'sec-websocket-protocol': 'v4.channel.k8s.io' }, 'system:anonymous'],
  ];
  for (const [headers, want] of cases) {
    test(`${JSON.stringify(headers)}: ${want}`, async () => {
      if (want === 401) await assert.rejects(authenticate(sent(headers)), { code: 401 });
      else assert.equal((await authenticate(sent(headers))).username, want);
    });
  }

  test('one of the subprotocols is not what the connection is to speak', async () => {
    const headers = { 'sec-websocket-protocol': `${encoded('good')}, v4.channel.k8s.io, v5.channel.k8s.io` };
    await authenticate(sent(headers));
    assert.equal(headers['sec-websocket-protocol'], 'v4.channel.k8s.io, v5.channel.k8s.io');
  });

  test('are reviewed with the audiences that they are for, or what is wrong with them', async () => {
    const user = { username: 'joe', groups: ['system:authenticated'] };
    assert.deepEqual(await review('good', []), { user, audiences: ['api'] });
    assert.deepEqual(await review('good', ['vault', 'api']), { user, audiences: ['api'] });
    await assert.rejects(review('good', ['vault']), { message: 'invalid bearer token' });
    await assert.rejects(review('old', []), { message: '[invalid bearer token, token has expired]' });
  });
});

describe('the file of tokens', () => {
  const read = (text: string) => {
    const dir = mkdtempSync(join(tmpdir(), 'k8ts-tokens-'));
    try {
      const file = join(dir, 'tokens.csv');
      writeFileSync(file, text);
      return Object.fromEntries(readTokenFile(file));
    } finally {
      rmSync(dir, { recursive: true });
    }
  };

  test('has a token, a name, an id and groups a line', () => {
    const text = 't1,joe,1,"dev,ops"\n\nt2,"jane ""j"" doe",2\r\nt3,x,3,dev\n';
    assert.deepEqual(read(text), {
      t1: { username: 'joe', uid: '1', groups: ['dev', 'ops'] },
      t2: { username: 'jane "j" doe', uid: '2', groups: [] },
      t3: { username: 'x', uid: '3', groups: ['dev'] },
    });
  });

  const bad: [text: string, why: RegExp][] = [
    ['t1,joe,1\nt2,jane', /line 2: must have at least 3 columns \(token, user name, user uid\), found 2$/],
    [',joe,1', /line 1: the token is empty$/],
    ['t,"joe,1', /line 1: bare or unclosed quote$/],
  ];
  for (const [text, why] of bad) test(`${JSON.stringify(text)} is refused`, () => assert.throws(() => read(text), why));
});
