// Which certificate requests are approved and signed, for how long, and when they are cleaned up.
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import type { CertificateSigningRequest } from '../../api/certificates/certificatesigningrequest/schema.ts';
import { parseCertificateRequest } from '../../machinery/certificate-request.ts';
import { makeCa, makeCertificateRequest, type RequestPlan, toField } from '../../test/builders/certificate-request.ts';
import { recognize } from './approving.ts';
import { endOf } from './cleaner.ts';
import { issueFor } from './sign.ts';
import { signerNames, signerRules } from './signers.ts';
import { chooseLifetime, isDue } from './signing.ts';

const nowMs = Date.parse('2026-01-01T00:00:00Z');
const nodeName: RequestPlan['name'] = [{ O: ['system:nodes'] }, { CN: ['system:node:n1'] }];
const dns = [{ type: 'dns' as const, value: 'n1' }];
const clientUsages = ['digital signature', 'client auth'];
const serverUsages = ['digital signature', 'server auth', 'key encipherment'];

const request = (spec: object, status: object = {}): CertificateSigningRequest =>
  ({ metadata: { name: 'r', creationTimestamp: '2026-01-01T00:00:00Z' }, spec, status }) as CertificateSigningRequest;

describe('signers take', () => {
  const { client, kubeletClient, kubeletServing, legacy } = signerNames;
  const table: [string, string, RequestPlan, string[], string | undefined][] = [
    ['a client', client, { name: [{ CN: ['jane'] }] }, clientUsages, undefined],
    [
      'a client that would serve',
      client,
      { name: [{ CN: ['jane'] }] },
      serverUsages,
      'invalid usage for client certificate: server auth',
    ],
    [
      'a client that is none',
      client,
      { name: [{ CN: ['jane'] }] },
      ['digital signature'],
      'missing required usage for client certificate: client auth',
    ],
    ['a kubelet', kubeletClient, { name: nodeName }, clientUsages, undefined],
    ['a kubelet with RSA', kubeletClient, { name: nodeName }, [...clientUsages, 'key encipherment'], undefined],
    [
      'a kubelet with names',
      kubeletClient,
      { name: nodeName, alternativeNames: dns },
      clientUsages,
      'DNS subjectAltNames are not allowed',
    ],
    [
      'somebody in the group of nodes',
      kubeletClient,
      { name: [{ O: ['system:nodes'] }, { CN: ['jane'] }] },
      clientUsages,
      'subject common name does not begin with system:node: ',
    ],
    [
      'a node of another group',
      kubeletClient,
      { name: [{ O: ['system:masters'] }, { CN: ['system:node:n1'] }] },
      clientUsages,
      'subject organization is not system:nodes',
    ],
    ['a kubelet that serves', kubeletServing, { name: nodeName, alternativeNames: dns }, serverUsages, undefined],
    [
      'a server without names',
      kubeletServing,
      { name: nodeName },
      serverUsages,
      'at least one DNS or IP subjectAltName is required',
    ],
    [
      'a server with client usages',
      kubeletServing,
      { name: nodeName, alternativeNames: dns },
      clientUsages,
      'usages did not match [digital signature server auth]',
    ],
    ['anything of old', legacy, { name: [{ CN: ['x'] }] }, ['any'], undefined],
  ];
  for (const [what, signer, plan, usages, problem] of table) {
    test(what, async () => {
      const { pem } = await makeCertificateRequest(plan);
      assert.equal(signerRules[signer]!(parseCertificateRequest(pem), usages), problem);
    });
  }
});

test('only requests that are approved, not failed and not issued are due', () => {
  const of = (status: object, signerName: string = signerNames.client) => isDue(request({ signerName }, status));
  const approved = { type: 'Approved' };
  assert.equal(of({ conditions: [approved] }), true);
  assert.equal(of({}), false);
  assert.equal(of({ conditions: [approved, { type: 'Failed' }] }), false);
  assert.equal(of({ conditions: [approved], certificate: 'eA==' }), false);
  assert.equal(of({ conditions: [approved] }, 'example.com/other'), false);
});

test('a life is as long as was asked for, within bounds', () => {
  const yearMs = 365 * 24 * 3600 * 1000;
  assert.equal(chooseLifetime(undefined, yearMs), yearMs);
  assert.equal(chooseLifetime(3600, yearMs), 3600 * 1000);
  assert.equal(chooseLifetime(1, yearMs), 600 * 1000);
  assert.equal(chooseLifetime(2 ** 31 - 1, yearMs), yearMs);
});

describe('an issued certificate', () => {
  test('has what was asked for, and ends in time', async () => {
    const authority = await makeCa(nowMs);
    const alternativeNames = [...dns, { type: 'ip' as const, value: '10.0.0.7' }];
    const { pem } = await makeCertificateRequest({ name: nodeName, alternativeNames });
    const wish = { requestPem: pem, usages: serverUsages, lifetimeMs: 3600 * 1000 };
    const certificate = new X509Certificate(await issueFor(wish, authority, nowMs));
    assert.equal(certificate.verify(new X509Certificate(authority.certificatePem).publicKey), true);
    assert.equal(certificate.subject, 'O=system:nodes\nCN=system:node:n1');
    assert.equal(certificate.subjectAltName, 'DNS:n1, IP Address:10.0.0.7');
    assert.deepEqual(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
    assert.equal(certificate.ca, false);
    assert.deepEqual(
      [certificate.validFrom, certificate.validTo].map((text) => new Date(text).toISOString()),
      ['2025-12-31T23:55:00.000Z', '2026-01-01T01:00:00.000Z'],
    );
  });

  test('ends with the authority, whose key may be RSA in another form', async () => {
    const authority = await makeCa(nowMs);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const keyPem = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
    const { pem } = await makeCertificateRequest({ name: [{ CN: ['x'] }], algorithm: 'rsa' });
    const wish = { requestPem: pem, usages: ['client auth'], lifetimeMs: 100 * 365 * 24 * 3600 * 1000 };
    const certificate = new X509Certificate(await issueFor(wish, { ...authority, keyPem }, nowMs));
    assert.equal(certificate.validTo, new X509Certificate(authority.certificatePem).validTo);
  });

  test('is not made by an authority that is over', async () => {
    const authority = await makeCa(nowMs);
    const { pem } = await makeCertificateRequest({ name: [{ CN: ['x'] }] });
    const wish = { requestPem: pem, usages: ['client auth'], lifetimeMs: 1000 };
    const later = nowMs + 20 * 365 * 24 * 3600 * 1000;
    await assert.rejects(issueFor(wish, authority, later), /the signer has expired/);
  });
});

describe('approved without anybody looking', () => {
  const ways = async (plan: RequestPlan, username: string, more: object = {}, status: object = {}) => {
    const { pem } = await makeCertificateRequest(plan);
    const spec = {
      request: toField(pem),
      signerName: signerNames.kubeletClient,
      usages: clientUsages,
      username,
      ...more,
    };
    return recognize(request(spec, status)).map(({ subresource }) => subresource);
  };
  test('nodes, for themselves and for others', async () => {
    assert.deepEqual(await ways({ name: nodeName }, 'system:node:n1'), ['selfnodeclient', 'nodeclient']);
    assert.deepEqual(await ways({ name: nodeName }, 'system:bootstrap:x'), ['nodeclient']);
  });
  test('nothing else, and nothing twice', async () => {
    assert.deepEqual(await ways({ name: [{ CN: ['jane'] }] }, 'jane'), []);
    assert.deepEqual(await ways({ name: nodeName }, 'system:node:n1', { signerName: signerNames.client }), []);
    assert.deepEqual(await ways({ name: nodeName }, 'system:node:n1', {}, { conditions: [{ type: 'Denied' }] }), []);
  });
});

test('requests go an hour after a decision, or after a day without one', async () => {
  const at = (status: object) => (endOf(request({}, status)) - nowMs) / 3600_000;
  assert.equal(at({}), 24);
  const conditions = [{ type: 'Approved', lastUpdateTime: '2026-01-01T02:00:00Z' }];
  assert.equal(at({ conditions, certificate: toField('no certificate') }), 3);
  assert.equal(at({ conditions: [{ type: 'Failed' }] }), 1);
  assert.equal(at({ conditions }), Number.POSITIVE_INFINITY, 'it waits for its signer');
  const { pem } = await makeCertificateRequest({ name: [{ CN: ['x'] }] });
  const wish = { requestPem: pem, usages: ['client auth'], lifetimeMs: 1800 * 1000 };
  assert.equal(at({ conditions, certificate: toField(await issueFor(wish, await makeCa(nowMs), nowMs)) }), 0.5);
});
