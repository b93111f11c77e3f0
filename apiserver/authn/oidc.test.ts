import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { type CryptoKey, createLocalJWKSet, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { FlagError, parseFlags } from '../../machinery/flags.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { oidcUser } from './oidc.ts';
import { oidcFlags, readOidcOptions } from './oidc-flags.ts';
import type { OidcIssuer } from './oidc-issuer.ts';

const url = 'https://issuer.test';
const given = ['--oidc-issuer-url', url, '--oidc-client-id', 'k8s'];
const clock = new FakeClock();
const nowSeconds = Math.floor(clock.now() / 1000);
let ours: CryptoKey;
let others: CryptoKey;
let issuer: OidcIssuer;

before(async () => {
  const pair = await generateKeyPair('RS256');
  ours = pair.privateKey;
  others = (await generateKeyPair('RS256')).privateKey;
  issuer = { keyOf: async () => pair.publicKey, renew: async () => undefined } as unknown as OidcIssuer;
});

async function userOf(claims: object, flags: string[] = [], key = ours) {
  const whole = { iss: url, aud: 'k8s', sub: 'joe', exp: nowSeconds + 60, ...claims };
  const token = await new SignJWT(whole).setProtectedHeader({ alg: 'RS256' }).sign(key);
  return oidcUser(token, readOidcOptions(parseFlags(oidcFlags, [...given, ...flags]))!, { issuer, clock });
}

describe('ID tokens', () => {
  const names: [flags: string[], claims: object, want: string][] = [
    [[], {}, `${url}#joe`],
    [['--oidc-username-prefix', '-'], {}, 'joe'],
    [['--oidc-username-prefix', 'oidc:'], {}, 'oidc:joe'],
    [['--oidc-username-claim', 'email'], { email: 'j@x.io' }, 'j@x.io'],
    [['--oidc-username-claim', 'email'], { email: 'j@x.io', email_verified: true }, 'j@x.io'],
    [['--oidc-required-claim', 'hd=x.io'], { hd: 'x.io' }, `${url}#joe`],
    [[], { aud: ['other', 'k8s'] }, `${url}#joe`],
  ];
  for (const [flags, claims, want] of names) {
    test(`${JSON.stringify(claims)} with ${flags.join(' ') || 'nothing'}: ${want}`, async () => {
      assert.equal((await userOf(claims, flags))?.username, want);
    });
  }

  test('of issuers whose keys have no names are tried with each', async () => {
    const pairs = await Promise.all([1, 2].map(() => generateKeyPair('RS256', { extractable: true })));
    const keys = [
      { kty: 'RSA', n: 'AAAA', e: 'AQAB' },
      ...(await Promise.all(pairs.map((p) => exportJWK(p.publicKey)))),
    ];
    const token = (key: CryptoKey) =>
      new SignJWT({ iss: url, aud: 'k8s', sub: 'joe', exp: nowSeconds + 60 })
        .setProtectedHeader({ alg: 'RS256' })
        .sign(key);
    const nameless = { keyOf: createLocalJWKSet({ keys }), renew: async () => undefined } as unknown as OidcIssuer;
    const options = readOidcOptions(parseFlags(oidcFlags, given))!;
    const ask = async (key: CryptoKey) => oidcUser(await token(key), options, { issuer: nameless, clock });
    for (const { privateKey } of pairs) assert.equal((await ask(privateKey))?.username, `${url}#joe`);
    await assert.rejects(ask(others), /signature verification failed/);
  });

  for (const kid of [undefined, 'the-key']) {
    test(`of an issuer whose next key is called ${kid} too are known once its keys are fetched anew`, async () => {
      const [first, next] = await Promise.all([1, 2].map(() => generateKeyPair('RS256', { extractable: true })));
      const setOf = async ({ publicKey }: typeof first & {}) =>
        createLocalJWKSet({ keys: [{ ...(await exportJWK(publicKey)), ...(kid ? { kid } : {}) }] });
      let keys = await setOf(first!);
      let fetched = 0;
      const rotating = {
        keyOf: (...asked: Parameters<typeof keys>) => keys(...asked),
        renew: async () => {
          fetched++;
          keys = await setOf(next!);
        },
      } as unknown as OidcIssuer;
      const options = readOidcOptions(parseFlags(oidcFlags, given))!;
      const ask = async (key: CryptoKey) => {
        const token = new SignJWT({ iss: url, aud: 'k8s', sub: 'joe', exp: nowSeconds + 60 })
          .setProtectedHeader({ alg: 'RS256', ...(kid ? { kid } : {}) })
          .sign(key);
        return (await oidcUser(await token, options, { issuer: rotating, clock }))?.username;
      };
      assert.deepEqual([await ask(first!.privateKey), fetched], [`${url}#joe`, 0]);
      assert.deepEqual([await ask(next!.privateKey), fetched], [`${url}#joe`, 1]);
      await assert.rejects(ask(first!.privateKey), /signature verification failed/);
    });
  }

  test('groups are a string or a list, with their prefix', async () => {
    const flags = ['--oidc-groups-claim', 'g', '--oidc-groups-prefix', 'o:'];
    assert.deepEqual((await userOf({ g: ['a', 'b'] }, flags))?.groups, ['o:a', 'o:b']);
    assert.deepEqual((await userOf({ g: 'a' }, flags))?.groups, ['o:a']);
    assert.deepEqual((await userOf({}, flags))?.groups, []);
    assert.deepEqual((await userOf({ g: ['a'] }))?.groups, []);
  });

  const refused: [claims: object, flags: string[], why: RegExp][] = [
    [{ exp: nowSeconds - 1 }, [], /^Error: oidc: verify token: "exp" claim timestamp check failed/],
    [{ exp: undefined }, [], /^Error: oidc: verify token: missing required "exp" claim/],
    [{ aud: 'other' }, [], /^Error: oidc: verify token: unexpected "aud" claim value/],
    [{}, ['--oidc-signing-algs', 'ES256'], /^Error: oidc: verify token: "alg"/],
    [{}, ['--oidc-username-claim', 'name'], /^Error: oidc: parse username claims "name": claim not present$/],
    [{ email: 'x', email_verified: false }, ['--oidc-username-claim', 'email'], /^Error: oidc: email not verified$/],
    [{ hd: { toString: 1 } }, ['--oidc-required-claim', 'hd=x'], /does not match. Got = \{"toString":1\}, want = x/],
    [{ hd: 'y' }, ['--oidc-required-claim', 'hd=x'], /^Error: oidc: required claim hd value does not match/],
    [{ g: [1] }, ['--oidc-groups-claim', 'g'], /^Error: oidc: parse groups claim "g"/],
  ];
  for (const [claims, flags, why] of refused) {
    test(`${JSON.stringify(claims)} with ${flags.join(' ') || 'nothing'} is refused`, async () => {
      await assert.rejects(userOf(claims, flags), why);
    });
  }

  test('of another key are refused, of another issuer they are for somebody else', async () => {
    await assert.rejects(userOf({}, [], others), /^Error: oidc: verify token: signature verification failed/);
    assert.equal(await userOf({ iss: 'https://else.test' }), undefined);
    assert.equal(
      await oidcUser('no.jwt', readOidcOptions(parseFlags(oidcFlags, given))!, { issuer, clock }),
      undefined,
    );
  });
});

describe('the flags of an issuer', () => {
  const bad: [argv: string[], why: RegExp][] = [
    [['--oidc-issuer-url', url], /must be specified together/],
    [['--oidc-client-id', 'k8s'], /must be specified together/],
    [[...given, '--oidc-issuer-url', 'http://x'], /must be an https:\/\/ address/],
    [[...given, '--oidc-signing-algs', 'none'], /unsupported signing algorithm "none"/],
    [[...given, '--oidc-required-claim', 'x'], /must be formatted as key=value/],
  ];
  for (const [argv, why] of bad) {
    test(argv.join(' '), () => {
      assert.throws(
        () => readOidcOptions(parseFlags(oidcFlags, argv)),
        (err) => err instanceof FlagError && why.test(err.message),
      );
    });
  }

  test('none: no issuer', () => assert.equal(readOidcOptions(parseFlags(oidcFlags, [])), undefined));
});
