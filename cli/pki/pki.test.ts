import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { realClock } from '../../machinery/clock.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { layoutOf } from '../layout.ts';
import { ensurePki } from './ensure.ts';
import { type CertificatePlan, pkiFiles, planPki } from './plan.ts';

const root = mkdtempSync(join(tmpdir(), 'k8ts-pki-'));
const layout = layoutOf({ name: 'a', slot: 3, egress: true }, { state: root, run: root });
const plan = planPki(layout);
const files = pkiFiles(layout);
const readCertificate = (file: string) => new X509Certificate(readFileSync(`${file}.crt`));

before(() => ensurePki(plan, realClock));
after(() => rmSync(root, { recursive: true }));

describe('subjects', () => {
  const subjects = [
    { file: files.admin, subject: 'O=system:masters\nCN=kubernetes-admin' },
    { file: files.kubeletClient, subject: 'O=system:masters\nCN=kube-apiserver-kubelet-client' },
    { file: files.controllers, subject: 'CN=system:kube-controller-manager' },
    { file: files.scheduler, subject: 'CN=system:kube-scheduler' },
    {
      file: join(layout.nodes[0]!.credentialsDir, 'pki/kubelet-client'),
      subject: 'O=system:nodes\nCN=system:node:a-control-plane',
    },
    { file: join(layout.nodes[0]!.credentialsDir, 'pki/proxy'), subject: 'CN=system:kube-proxy' },
  ];
  for (const { file, subject } of subjects) {
    test(subject.replace('\n', ', '), () => assert.equal(readCertificate(file).subject, subject));
  }
});

test('what cannot be written is one error, whichever comes first, and nothing goes on behind it', async () => {
  const inTheWay = join(root, 'file');
  writeFileSync(inTheWay, '');
  const unwritten: string[] = [];
  const note = (err: unknown) => unwritten.push(String(err));
  process.on('unhandledRejection', note);
  try {
    const certificates = { ...plan, serviceAccountKey: join(root, 'sa-new') };
    const authorities = [{ file: join(inTheWay, 'ca'), commonName: 'x' }];
    await assert.rejects(ensurePki({ ...certificates, authorities }, realClock), /ENOTDIR|not a directory/i);
    assert.ok(readFileSync(join(root, 'sa-new.pub')), 'it was waited for');
    const key = { ...plan, serviceAccountKey: join(inTheWay, 'sa') };
    await assert.rejects(ensurePki(key, realClock), /ENOTDIR|not a directory/i);
    await new Promise(setImmediate);
    assert.deepEqual(unwritten, []);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('the API server is known by all its names', () => {
  const certificate = readCertificate(files.apiserver);
  for (const host of ['kubernetes', 'kubernetes.default.svc.cluster.local', 'localhost', 'a-control-plane']) {
    assert.equal(certificate.checkHost(host), host);
  }
  for (const address of ['127.0.0.1', '10.99.0.1', '10.89.3.1']) assert.equal(certificate.checkIP(address), address);
});

test('every certificate is issued by its authority, and every key is for its owner only', () => {
  for (const certificate of plan.certificates) {
    const authority = readCertificate(certificate.authority);
    assert.ok(readCertificate(certificate.file).verify(authority.publicKey), certificate.file);
    assert.equal(statSync(`${certificate.file}.key`).mode & 0o777, 0o600);
  }
  assert.equal(statSync(`${files.serviceAccount}.key`).mode & 0o777, 0o600);
});

test('a second run makes nothing', async () => assert.deepEqual(await ensurePki(plan, realClock), []));

describe('makes again', () => {
  const admin = plan.certificates.find((certificate) => certificate.file === files.admin)!;
  const withOnly = (certificate: CertificatePlan) => ({ ...plan, certificates: [certificate] });

  test('what is missing', async () => {
    rmSync(`${admin.file}.crt`);
    assert.deepEqual(await ensurePki(plan, realClock), [admin.file]);
  });
  test('what a full disk has left empty', async () => {
    writeFileSync(`${admin.file}.key`, '');
    assert.deepEqual(await ensurePki(plan, realClock), [admin.file]);
  });
  test('a pair that does not match', async () => {
    writeFileSync(`${admin.file}.key`, readFileSync(`${files.scheduler}.key`));
    assert.deepEqual(await ensurePki(plan, realClock), [admin.file]);
  });
  test('what has other names now', async () => {
    const apiserver = plan.certificates.find((certificate) => certificate.file === files.apiserver)!;
    const renamed = withOnly({ ...apiserver, dnsNames: ['elsewhere'] });
    assert.deepEqual(await ensurePki(renamed, realClock), [apiserver.file]);
  });
  test('what expires within a month, but not its authority', async () => {
    const later = new FakeClock(realClock.now() + 340 * 24 * 3600 * 1000);
    const made = await ensurePki(withOnly(admin), later);
    assert.deepEqual(made, [admin.file]);
    assert.deepEqual(await ensurePki(withOnly(admin), realClock), [admin.file], 'it is not valid yet by this clock');
  });
  test('everything below an authority that was lost', async () => {
    rmSync(`${files.etcdCa}.key`);
    const made = await ensurePki(plan, realClock);
    assert.ok(made.includes(files.etcdCa) && made.includes(files.etcdServer) && made.includes(files.etcdClient));
    assert.ok(!made.includes(files.admin));
  });
  test('everything that a clock far ahead has made, once that is put right', async () => {
    const hour = 3600 * 1000;
    await ensurePki(plan, realClock);
    assert.deepEqual(await ensurePki(plan, new FakeClock(realClock.now() - 12 * hour)), []);
    const made = await ensurePki(plan, new FakeClock(realClock.now() - 400 * 24 * hour));
    assert.deepEqual(made.sort(), [...plan.authorities, ...plan.certificates].map(({ file }) => file).sort());
  });
});
