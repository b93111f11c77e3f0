// Certificates of webhooks that OpenSSL and Go judge differently.
import assert from 'node:assert/strict';
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { type Clock, realClock } from '../machinery/clock.ts';
import { KindTable } from './registry/kind-table.ts';
import { WebhookClient } from './webhook-client.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const makeKeys = () => webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
type Keys = Awaited<ReturnType<typeof makeKeys>>;

/** Neither it nor who signs it has a name. */
const issue = (
  keys: Keys,
  signer: Keys,
  extensions: ConstructorParameters<typeof Array>,
  endsMs = realClock.now() + 3_600_000,
) =>
  X509CertificateGenerator.create(
    {
      serialNumber: '01',
      notBefore: new Date(realClock.now() - 3_600_000),
      notAfter: new Date(endsMs),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey: signer.privateKey,
      extensions: extensions as never,
    },
    webcrypto,
  );

/** A webhook whose certificate an authority has signed, and its client. */
async function startWebhook(t: TestContext, authority: Keys, answer: RequestListener, clock: Clock = realClock) {
  const own = await makeKeys();
  const names = new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]);
  const cert = (await issue(own, authority, [names])).toString('pem');
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
  const server = createServer({ cert, key }, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const deps = { store: undefined as never, kinds: new KindTable([]), random: undefined as never };
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, client: new WebhookClient({ ...deps, clock }) };
}

const isAuthority = new BasicConstraintsExtension(true);

test('what may pass is asked again, five times at most', async (t) => {
  const authority = await makeKeys();
  const caBundle = Buffer.from((await issue(authority, authority, [isAuthority])).toString('pem')).toString('base64');
  for (const [codes, tries, message] of [
    [[500, 429, 200], 3, undefined],
    [[500, 500, 504, 429, 500], 5, 'an error on the server ("") has prevented the request from succeeding'],
    [[403], 1, 'the server rejected our request for an unknown reason'],
  ] as const) {
    let asked = 0;
    const waitedMs: number[] = [];
    const clock: Clock = { ...realClock, sleep: async (ms) => void waitedMs.push(ms) };
    const answer: RequestListener = (_req, res) => {
      const code = codes[asked++]!;
      res.writeHead(code).end(code === 200 ? '{"good":true}' : '');
    };
    const { url, client } = await startWebhook(t, authority, answer, clock);
    const answered = client.postPatiently({ url, caBundle }, 10, {});
    if (message === undefined) assert.deepEqual(await answered, { good: true });
    else await assert.rejects(answered, { message });
    assert.deepEqual([asked, waitedMs], [tries, [500, 750, 1125, 1687.5].slice(0, tries - 1)]);
  }
});

test('others have their turn while a long answer is read', async (t) => {
  const authority = await makeKeys();
  const caBundle = Buffer.from((await issue(authority, authority, [isAuthority])).toString('pem')).toString('base64');
  const list =
    (part: string, count: number): RequestListener =>
    (_req, res) =>
      res.end(`{"x":[${part.repeat(count)}1]}`);
  // Each look at the clock takes a millisecond, of which a turn has ten.
  let nowMs = 0;
  const clock: Clock = { ...realClock, monotonicMs: () => nowMs++ };
  const numbers = await startWebhook(t, authority, list('1,', 500_000), clock);
  await numbers.client.post({ url: numbers.url, caBundle }, 10, {});
  assert.ok(nowMs >= 500, `${nowMs} looks`);
  const objects = await startWebhook(t, authority, list('{},', 600_000), clock);
  await assert.rejects(objects.client.post({ url: objects.url, caBundle }, 10, {}), {
    message: /limit is 550000 lists and objects$/,
  });
});

test('a certificate without names is trusted if an authority of the bundle has signed it', async (t) => {
  const [authority, stranger] = await Promise.all([makeKeys(), makeKeys()]);
  const { url, client } = await startWebhook(t, authority, (_req, res) => res.end('{"good":true}'));
  const ask = async (bundle: Promise<{ toString(format: 'pem'): string }>) => {
    const caBundle = Buffer.from((await bundle).toString('pem')).toString('base64');
    return client.post({ url, caBundle }, 10, {});
  };
  assert.deepEqual(await ask(issue(authority, authority, [isAuthority])), { good: true });
  const unknown = { message: /certificate signed by unknown authority$/ };
  await assert.rejects(ask(issue(stranger, stranger, [isAuthority])), unknown, 'another one without a name');
  await assert.rejects(ask(issue(authority, authority, [])), unknown, 'no authority');
  await assert.rejects(
    ask(issue(authority, authority, [isAuthority], realClock.now() - 1)),
    unknown,
    'one of the past',
  );
});
