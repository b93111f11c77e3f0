// Requests of other software are read, and what is no request, or is not signed by its key, is told.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { makeCertificateRequest, type RequestPlan } from '../test/builders/certificate-request.ts';
import { CertificateRequestError, parseCertificateRequest } from './certificate-request.ts';
import { childrenOf, oidOf, readDer } from './der.ts';
import { readPem } from './pem.ts';

const name: RequestPlan['name'] = [{ O: ['system:nodes'] }, { O: ['others'] }, { CN: ['system:node:ä'] }];
const alternativeNames = [
  { type: 'dns' as const, value: 'n.example' },
  { type: 'ip' as const, value: '10.0.0.1' },
  { type: 'ip' as const, value: '2001:db8::1' },
  { type: 'email' as const, value: 'a@b.example' },
  { type: 'url' as const, value: 'spiffe://a/b' },
];

describe('a certificate request', () => {
  for (const algorithm of ['ecdsa', 'rsa', 'ed25519'] as const) {
    test(`signed with ${algorithm}`, async () => {
      const { pem, keys } = await makeCertificateRequest({ name, alternativeNames, algorithm });
      const request = parseCertificateRequest(`some text\n${pem}`);
      assert.equal(request.commonName, 'system:node:ä');
      assert.deepEqual(request.organizations, ['system:nodes', 'others']);
      assert.deepEqual(request.dnsNames, ['n.example']);
      assert.deepEqual(request.emailAddresses, ['a@b.example']);
      assert.deepEqual(request.uris, ['spiffe://a/b']);
      assert.deepEqual(
        request.ipAddresses.map((bytes) => bytes.length),
        [4, 16],
      );
      const spki = await crypto.subtle.exportKey('spki', keys.publicKey);
      assert.deepEqual(Buffer.from(request.publicKeyDer), Buffer.from(spki));
    });
  }

  test('without names beside the subject', async () => {
    const { pem } = await makeCertificateRequest({ name: [{ CN: ['x'] }] });
    const { commonName, dnsNames, alternativeNamesDer } = parseCertificateRequest(pem);
    assert.deepEqual([commonName, dnsNames, alternativeNamesDer], ['x', [], undefined]);
  });

  test('a changed byte is found', async () => {
    const { pem } = await makeCertificateRequest({ name });
    const bytes = readPem(pem)[0]!.bytes;
    const at = Buffer.from(bytes).indexOf('others');
    bytes[at] = 'O'.charCodeAt(0);
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString('base64')}\n-----END CERTIFICATE REQUEST-----`;
    assert.throws(
      () => parseCertificateRequest(changed),
      new CertificateRequestError('x509: ECDSA verification failure'),
    );
  });

  test('cut anywhere, it is refused', async () => {
    const { pem } = await makeCertificateRequest({ name, alternativeNames });
    const { bytes } = readPem(pem)[0]!;
    for (let length = 0; length < bytes.length; length += 7) {
      const cut = Buffer.from(bytes.subarray(0, length)).toString('base64');
      const text = `-----BEGIN CERTIFICATE REQUEST-----\n${cut}\n-----END CERTIFICATE REQUEST-----`;
      assert.throws(() => parseCertificateRequest(text), CertificateRequestError, `${length} bytes`);
    }
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['another block', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'],
    ['an open block', '-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n'],
    ['no base64', '-----BEGIN CERTIFICATE REQUEST-----\n!!\n-----END CERTIFICATE REQUEST-----\n'],
  ] as const) {
    test(`${what} is none`, () => {
      const error = new CertificateRequestError('PEM block type must be CERTIFICATE REQUEST');
      assert.throws(() => parseCertificateRequest(text), error);
    });
  }
});

describe('DER', () => {
  for (const [what, hex] of [
    ['nothing', ''],
    ['a length without bytes', '3005'],
    ['an indefinite length', '30800000'],
    ['a length of five bytes', '30850000000001'],
    ['something after it', '300000'],
  ] as const) {
    test(`${what} is refused`, () => assert.throws(() => readDer(Buffer.from(hex, 'hex')), /asn1/));
  }

  test('object identifiers', () => {
    const oids = childrenOf(readDer(Buffer.from('300d06062a864886f70d0603550403', 'hex')));
    assert.deepEqual(oids.map(oidOf), ['1.2.840.113549', '2.5.4.3']);
  });
});
