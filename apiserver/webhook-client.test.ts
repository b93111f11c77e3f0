// Certificates of webhooks that OpenSSL and Go judge differently.
import assert from 'node:assert/strict';
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import {
  BasicConstraintsExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import { realClock } from '../machinery/clock.ts';
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

test('a certificate without names is trusted if an authority of the bundle has signed it', async (t) => {
  const [authority, stranger, own] = await Promise.all([makeKeys(), makeKeys(), makeKeys()]);
  const names = new SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]);
  const cert = (await issue(own, authority, [names])).toString('pem');
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', own.privateKey), 'PRIVATE KEY');
  const server = createServer({ cert, key }, (_req, res) => res.end('{"good":true}'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const client = new WebhookClient({
    store: undefined as never,
    kinds: new KindTable([]),
    clock: realClock,
    random: undefined as never,
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const ask = async (bundle: Promise<{ toString(format: 'pem'): string }>) => {
    const caBundle = Buffer.from((await bundle).toString('pem')).toString('base64');
    return client.post({ url, caBundle }, 10, {});
  };
  const isAuthority = new BasicConstraintsExtension(true);
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
