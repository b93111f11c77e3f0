import assert from 'node:assert/strict';
import 'reflect-metadata'; // @peculiar/x509 needs it before its own modules load
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { X509CertificateGenerator } from '@peculiar/x509';
import { peerNameOf } from './peer-certificate.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const uid = '1.3.6.1.4.1.57683.2';

for (const [name, uids] of [
  ['CN=jane, O=dev', []],
  [`CN=jane, ${uid}=a-1`, ['a-1']],
  [`${uid}=a, CN=jane, ${uid}=b`, ['a', 'b']],
] as const) {
  test(`the uids of ${name}`, async () => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await X509CertificateGenerator.createSelfSigned(
      { name, keys, serialNumber: '01', signingAlgorithm: algorithm },
      webcrypto,
    );
    const raw = Buffer.from(certificate.rawData);
    const socket = { getPeerCertificate: () => ({ subject: { CN: 'jane' }, raw }) };
    assert.deepEqual(peerNameOf(socket)?.uids, uids);
    // What is broken off names nobody more.
    assert.deepEqual(peerNameOf({ getPeerCertificate: () => ({ subject: {}, raw: raw.subarray(0, 90) }) })?.uids, []);
  });
}
