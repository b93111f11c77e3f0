import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeKey, makeRequest, makeSelfSigned } from '../../client/certificates.ts';
import { parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { CertificateFiles } from './certificate-files.ts';
import { renewalMs } from './certificate-manager.ts';
import { firstServerPair } from './node-certificates.ts';

const dir = mkdtempSync(join(tmpdir(), 'k8ts-certificate-files-'));
after(() => rmSync(dir, { recursive: true }));
const clock = new FakeClock();

test('a request names its subject and is signed by its key', async () => {
  const names = ['node', '10.0.0.7'];
  const pem = await makeRequest(makeKey(), { commonName: 'system:node:a', organization: 'system:nodes', names });
  const { commonName, organizations, dnsNames, ipAddresses } = parseCertificateRequest(pem);
  assert.deepEqual([commonName, organizations, dnsNames], ['system:node:a', ['system:nodes'], ['node']]);
  assert.deepEqual([...ipAddresses[0]!], [10, 0, 0, 7]);
});

test('a certificate is renewed between 70 and 90 percent of its life', () => {
  const life = { cert: Buffer.of(), key: Buffer.of(), notBeforeMs: 1000, notAfterMs: 2000 };
  assert.deepEqual(
    [0, 0.5, 1].map((next) => Math.round(renewalMs(life, { next: () => next }))),
    [1700, 1800, 1900],
  );
});

test('files: a certificate with its key, whatever a killed process has left', async () => {
  const files = new CertificateFiles(dir, 'kubelet-client');
  assert.deepEqual([files.read(), files.pendingKey()], [undefined, undefined]);
  const key = makeKey();
  files.keepKey(key);
  assert.equal(files.pendingKey(), key);
  const certificate = await makeSelfSigned(key, { commonName: 'a' }, clock.now());
  await files.write(certificate, key);
  assert.equal(new X509Certificate(files.read()!.cert).subject, 'CN=a');
  assert.equal(files.pendingKey(), undefined);
  // Killed between the two: the key has its certificate, and is not used for another one.
  files.keepKey(key);
  assert.equal(files.pendingKey(), undefined);
  files.keepKey(key.slice(0, 100));
  assert.equal(files.pendingKey(), undefined);
  const next = makeKey();
  files.keepKey(next);
  assert.equal(files.pendingKey(), next);
  writeFileSync(files.path, certificate);
  assert.equal(files.read(), undefined, 'a certificate without its key');
});

test('a server that is given no certificate makes one, and keeps it until it has expired', async () => {
  const options = {
    certFile: '',
    keyFile: '',
    rotates: false,
    certDir: join(dir, 'own'),
    nodeName: 'n',
    nodeIp: '10.0.0.7',
  };
  const first = await firstServerPair(options, { clock });
  const { subject, subjectAltName, checkPrivateKey } = new X509Certificate(first!.cert);
  assert.equal(subject, `CN=n@${clock.now() / 1000}`);
  assert.equal(subjectAltName, 'DNS:n, IP Address:10.0.0.7');
  assert.ok(checkPrivateKey.call(new X509Certificate(first!.cert), createPrivateKey(first!.key)));
  assert.deepEqual((await firstServerPair(options, { clock }))!.cert, first!.cert);
  const later = new FakeClock(clock.now() + 366 * 24 * 3600 * 1000);
  const second = await firstServerPair(options, { clock: later });
  assert.notDeepEqual(second!.cert, first!.cert);
  const files = { certFile: join(dir, 'own', 'kubelet.crt'), keyFile: join(dir, 'own', 'kubelet.key') };
  assert.deepEqual((await firstServerPair({ ...options, ...files }, { clock }))!.cert, readFileSync(files.certFile));
  assert.equal(await firstServerPair({ ...options, certDir: join(dir, 'none'), rotates: true }, { clock }), undefined);
  const wrong = { ...files, keyFile: files.certFile };
  await assert.rejects(firstServerPair({ ...options, ...wrong }, { clock }), /are no certificate and its key$/);
});
