// What an AuthenticationConfiguration makes of the claims of a token, and what it may not say.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type CryptoKey, generateKeyPair, SignJWT } from 'jose';
import { ConfigFileError, parseConfig } from '../../machinery/config-file.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { authenticationConfigForm, issuerOf } from './jwt-config.ts';
import { oidcUser } from './oidc.ts';
import type { OidcIssuer } from './oidc-issuer.ts';

const url = 'https://issuer.test';
const clock = new FakeClock();
let key: CryptoKey;
let issuer: OidcIssuer;

before(async () => {
  const pair = await generateKeyPair('ES256');
  key = pair.privateKey;
  issuer = { keyOf: async () => pair.publicKey } as unknown as OidcIssuer;
});

const read = (jwt: object, more: object = {}) => {
  const config = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AuthenticationConfiguration', jwt: [jwt], ...more };
  return parseConfig(JSON.stringify(config), 'a.yaml', authenticationConfigForm);
};
const given = (more: object = {}) => ({
  issuer: { url, audiences: ['k8s'] },
  claimMappings: { username: { claim: 'sub', prefix: '' } },
  ...more,
});

async function userOf(jwt: object, claims: object = {}) {
  const whole = { iss: url, aud: 'k8s', sub: 'joe', exp: Math.floor(clock.now() / 1000) + 60, ...claims };
  const token = await new SignJWT(whole).setProtectedHeader({ alg: 'ES256' }).sign(key);
  return oidcUser(token, issuerOf(read(jwt).jwt![0]!), { issuer, clock });
}

describe('an issuer of a configuration', () => {
  const mapped = (claimMappings: object) => given({ claimMappings });
  const username = { claim: 'sub', prefix: 'x:' };

  const users: [what: string, jwt: object, claims: object, want: object][] = [
    [
      'claims',
      mapped({ username, groups: { claim: 'g', prefix: 'o:' }, uid: { claim: 'id' } }),
      { g: ['a'], id: '7' },
      { username: 'x:joe', groups: ['o:a'], uid: '7' },
    ],
    [
      'expressions',
      mapped({
        username: { expression: '"x:" + claims.sub' },
        groups: { expression: 'claims.roles.split(",")' },
        uid: { expression: 'claims.?id.orValue("none")' },
        extra: [
          { key: 'example.com/tenant', valueExpression: 'claims.tenant' },
          { key: 'example.com/all', valueExpression: 'claims.list' },
          { key: 'example.com/none', valueExpression: '""' },
        ],
      }),
      { roles: 'a,b', tenant: 't', list: ['1', '2'] },
      {
        username: 'x:joe',
        groups: ['a', 'b'],
        uid: 'none',
        extra: { 'example.com/tenant': ['t'], 'example.com/all': ['1', '2'] },
      },
    ],
    [
      'one group',
      mapped({ username, groups: { expression: 'claims.g' } }),
      { g: 'a' },
      { username: 'x:joe', groups: ['a'] },
    ],
    [
      'one of several audiences',
      given({ issuer: { url, audiences: ['a', 'b'], audienceMatchPolicy: 'MatchAny' } }),
      { aud: ['b', 'c'] },
      { username: 'joe', groups: [] },
    ],
    [
      'rules that hold',
      given({
        claimValidationRules: [{ claim: 'hd', requiredValue: 'x' }, { expression: 'claims.exp - 3600 < claims.exp' }],
        userValidationRules: [{ expression: "!user.username.startsWith('system:') && user.groups.size() == 0" }],
      }),
      { hd: 'x' },
      { username: 'joe', groups: [] },
    ],
  ];
  for (const [what, jwt, claims, want] of users) {
    test(`gives a user: ${what}`, async () => assert.deepEqual(await userOf(jwt, claims), want));
  }

  const refused: [what: string, jwt: object, claims: object, why: RegExp][] = [
    ['another audience', given(), { aud: 'x' }, /unexpected "aud" claim value/],
    [
      'no such claim',
      mapped({ username: { expression: 'claims.nick' } }),
      {},
      /error evaluating username claim expression: no such key: nick/,
    ],
    [
      'a name that is none',
      mapped({ username: { expression: 'claims.exp' } }),
      {},
      /username claim expression: it must return a string/,
    ],
    [
      'groups that are none',
      mapped({ username, groups: { expression: 'claims.g' } }),
      { g: [1] },
      /groups claim expression: it must return strings/,
    ],
    [
      'a claim with another value',
      given({ claimValidationRules: [{ claim: 'hd', requiredValue: 'x' }] }),
      { hd: 'y' },
      /required claim hd value does not match\. Got = y, want = x/,
    ],
    [
      'a rule',
      given({ claimValidationRules: [{ expression: 'claims.n == 1', message: 'not one' }] }),
      { n: 2 },
      /oidc: error evaluating claim validation expression: validation expression 'claims\.n == 1' failed: not one$/,
    ],
    [
      'a rule of the user',
      given({ userValidationRules: [{ expression: "user.username != 'joe'" }] }),
      {},
      /user info validation rule: validation expression 'user\.username != 'joe'' failed$/,
    ],
  ];
  for (const [what, jwt, claims, why] of refused) {
    test(`refuses: ${what}`, () => assert.rejects(userOf(jwt, claims), why));
  }

  test('knows tokens of its own alone', async () =>
    assert.equal(await userOf(given(), { iss: 'https://else.test' }), undefined));

  const wrong: [what: string, config: () => unknown, why: RegExp][] = [
    [
      'http',
      () => read(given({ issuer: { url: 'http://x', audiences: ['a'] } })),
      /jwt\[0\]\.issuer\.url: .*URL scheme must be https/,
    ],
    ['no audience', () => read(given({ issuer: { url } })), /jwt\[0\]\.issuer\.audiences/],
    [
      'audiences without a policy',
      () => read(given({ issuer: { url, audiences: ['a', 'b'] } })),
      /audienceMatchPolicy must be MatchAny for multiple/,
    ],
    [
      'a CA that is none',
      () => read(given({ issuer: { url, audiences: ['a'], certificateAuthority: 'x' } })),
      /does not contain any valid/,
    ],
    [
      'the discovery below',
      () => read(given({ issuer: { url, discoveryURL: url, audiences: ['a'] } })),
      /discoveryURL must be different from URL/,
    ],
    [
      'no name',
      () => read({ issuer: { url, audiences: ['a'] } }),
      /claimMappings\.username: .*claim or expression is required/,
    ],
    [
      'no prefix',
      () => read(mapped({ username: { claim: 'sub' } })),
      /username\.prefix: .*prefix is required when claim is set/,
    ],
    ['both', () => read(mapped({ username: { claim: 'a', prefix: '', expression: 'claims.a' } })), /can't both be set/],
    [
      'no CEL',
      () => read(mapped({ username: { expression: 'claims.' } })),
      /username\.expression: .*compilation failed/,
    ],
    [
      'a rule that is no bool',
      () => read(given({ claimValidationRules: [{ expression: '"a"' }] })),
      /must evaluate to bool/,
    ],
    [
      'another variable',
      () => read(given({ userValidationRules: [{ expression: 'claims.a == 1' }] })),
      /undeclared reference to 'claims'/,
    ],
    [
      'mail that is not verified',
      () => read(mapped({ username: { expression: 'claims.email' } })),
      /claims\.email_verified must be used in/,
    ],
    [
      'a key of Kubernetes',
      () => read(mapped({ username, extra: [{ key: 'k8s.io/a', valueExpression: '"a"' }] })),
      /reserved for Kubernetes use/,
    ],
    [
      'a key without a domain',
      () => read(mapped({ username, extra: [{ key: 'a', valueExpression: '"a"' }] })),
      /domain-prefixed path/,
    ],
    ['two of one issuer', () => read(given(), { jwt: [given(), given()] }), /jwt\[1\]\.issuer\.url: Duplicate value/],
    [
      'conditions for nothing',
      () => read(given(), { anonymous: { enabled: false, conditions: [{ path: '/livez' }] } }),
      /enabled should be set to true/,
    ],
    ['a field that is none', () => read(given({ x: 1 })), /unknown field "jwt\[0\]\.x"/],
    [
      'a version that is none',
      () => read(given(), { apiVersion: 'apiserver.config.k8s.io/v9' }),
      /must have apiVersion/,
    ],
  ];
  for (const [what, config, why] of wrong) {
    test(`may not have: ${what}`, () => {
      assert.throws(
        config,
        (err) =>
          (err instanceof ConfigFileError && why.test(err.message) && err.message.startsWith('a.yaml: ')) ||
          assert.fail(String(err)),
      );
    });
  }

  test('may be said in the version before', () => {
    assert.equal(read(given(), { apiVersion: 'apiserver.config.k8s.io/v1beta1' }).jwt!.length, 1);
  });
});
