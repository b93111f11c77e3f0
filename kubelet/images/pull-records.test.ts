import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { fullNameOf } from '../../machinery/image-reference.ts';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { type Access, checkVerification, PullRecords } from './pull-records.ts';

const secret = (name: string, credentialHash: string, uid = `uid-${name}`): Access => ({
  kubernetesSecrets: [{ uid, namespace: 'ns', name, credentialHash }],
});
const account = (name: string, uid = `uid-${name}`): Access => ({
  kubernetesServiceAccounts: [{ uid, namespace: 'ns', name }],
});
const anybody: Access = { nodePodsAccessible: true };
const a = secret('a', 'hash-a');
const image = 'r.example/team/app:1';

/** A kubelet's records in a folder that goes with the test. */
function folder(policy = 'NeverVerifyPreloadedImages', allowed: string[] = []) {
  const dir = mkdtempSync(join(tmpdir(), 'pull-records-'));
  const clock = new FakeClock();
  const settings = { imagePullCredentialsVerificationPolicy: policy, preloadedImagesVerificationAllowlist: allowed };
  const open = () => new PullRecords(dir, settings, { clock, log: silentLogger });
  const files = (kind: string) => readdirSync(join(dir, kind)).map((file) => join(dir, kind, file));
  return { open, clock, files, [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}

const mayUse = (records: PullRecords, ref: string, ...shown: Access[]) => records.mayUse(image, ref, async () => shown);

describe('who may use an image that is there', () => {
  const rows: [what: string, policy: string, pulledWith: Access | 'preloaded', shown: Access[], may: boolean][] = [
    ['preloaded', 'NeverVerifyPreloadedImages', 'preloaded', [], true],
    ['preloaded', 'AlwaysVerify', 'preloaded', [a], false],
    ['preloaded', 'NeverVerifyAllowlistedImages', 'preloaded', [], false],
    ['pulled without credentials', 'AlwaysVerify', anybody, [], true],
    ['pulled by a secret', 'NeverVerify', a, [], true],
    ['pulled by a secret', 'NeverVerifyPreloadedImages', a, [], false],
    ['the same secret', 'NeverVerifyPreloadedImages', a, [a], true],
    ['another secret', 'NeverVerifyPreloadedImages', a, [secret('b', 'hash-b')], false],
    ['another secret that says the same', 'AlwaysVerify', a, [secret('b', 'hash-a')], true],
    ['the secret with something new in it', 'AlwaysVerify', a, [secret('a', 'hash-new')], true],
    ['a secret of that name that was made anew', 'AlwaysVerify', a, [secret('a', 'x', 'new')], false],
    ['the same account', 'AlwaysVerify', account('b'), [account('b')], true],
    ['an account of that name that was made anew', 'AlwaysVerify', account('b'), [account('b', 'new')], false],
    ['another account, and secrets', 'AlwaysVerify', account('b'), [a, account('c')], false],
    ['credentials of the node', 'AlwaysVerify', account('b'), [anybody], false],
  ];
  for (const [what, policy, pulledWith, shown, may] of rows)
    test(`${what}, ${policy}: ${may}`, async () => {
      using dir = folder(policy);
      const records = dir.open();
      if (pulledWith !== 'preloaded') {
        records.begin(image);
        records.pulled(image, 'id', pulledWith);
      }
      assert.equal(await mayUse(records, 'id', ...shown), may);
      assert.equal(await mayUse(dir.open(), 'id', ...shown), may, 'also after a restart');
      assert.deepEqual(dir.files('pulling'), []);
    });

  test('the list is of whole names, and of all below one', async () => {
    using dir = folder('NeverVerifyAllowlistedImages', ['docker.io/library/busybox', 'r.example/team/*']);
    const may = (name: string) => dir.open().mayUse(name, 'id', async () => []);
    assert.equal(await may('busybox:1'), true);
    assert.equal(await may(image), true);
    assert.equal(await may('r.example/teammate/app:1'), false);
    assert.equal(await may('busybox2:1'), false);
  });
});

test('a record is by image and name; what was good is noted, and without credentials all may', async () => {
  using dir = folder();
  const records = dir.open();
  records.pulled(image, 'id', a);
  const [known, changed] = [secret('b', 'hash-a'), secret('b', 'hash-b')];
  assert.equal(await records.mayUse('r.example/other:1', 'id', async () => [a]), false, 'another name of the image');
  assert.equal(await mayUse(records, 'other', a), true, 'another image of that name, which came with the node');
  assert.equal(await mayUse(records, 'id', known), true);
  assert.equal(await mayUse(records, 'id', changed), true, 'it was good before it changed');
  for (let i = 0; i < 200; i++) await mayUse(records, 'id', secret(`s${i}`, 'hash-a'));
  assert.equal(await mayUse(records, 'id', secret('s5', 'hash-new')), false, 'no more than a hundred are noted');
  for (const name of ['x', 'y', 'x']) records.pulled(image, 'id', account(name));
  for (const one of [account('x'), account('y'), a]) assert.equal(await mayUse(records, 'id', one), true);
  const { kubernetesServiceAccounts } = JSON.parse(readFileSync(dir.files('pulled')[0]!, 'utf8')).credentialMapping[
    'r.example/team/app'
  ];
  assert.deepEqual(
    kubernetesServiceAccounts,
    ['y', 'x'].toSorted().map((name) => ({ uid: `uid-${name}`, namespace: 'ns', name })),
  );
  records.pulled(image, 'id', anybody);
  assert.equal(await mayUse(records, 'id'), true);
});

test('what a killed kubelet was pulling is nobody’s', async () => {
  using dir = folder();
  dir.open().begin(image);
  assert.equal(await mayUse(dir.open(), 'id', a), false);
  const records = dir.open();
  await records.recover(async () => undefined);
  await records.recover(() => Promise.reject(new Error('not a name')));
  assert.equal(dir.files('pulling').length, 1, 'the runtime may still be at it');
  await records.recover(async (name) => (name === image ? { id: 'id' } : undefined));
  assert.deepEqual(dir.files('pulling'), []);
  assert.equal(await mayUse(records, 'id', a), false);
  records.begin(image);
  records.end(image);
  assert.equal(await mayUse(records, 'id', a), false, 'nor after a pull that failed');
});

test('a pull that fails leaves no trace once none of that image is under way', async () => {
  using dir = folder();
  const records = dir.open();
  for (let i = 0; i < 2; i++) records.begin(image);
  records.end(image);
  assert.equal(await mayUse(records, 'id'), false);
  records.end(image);
  assert.equal(await mayUse(records, 'id'), true);
});

test('half a record lets nobody in, and is written anew; records go with their images', async () => {
  using dir = folder();
  const records = dir.open();
  records.pulled(image, 'id', a);
  for (const broken of ['{"imageRef', 'null', '{"credentialMapping":{"r.example/team/app":{"kubernetesSecrets":1}}}']) {
    writeFileSync(dir.files('pulled')[0]!, broken);
    assert.equal(await mayUse(records, 'id', a), false, broken);
  }
  writeFileSync(dir.files('pulled')[0]!, 'null');
  records.prune(new Set(), dir.clock.now());
  records.pulled(image, 'id', anybody);
  assert.equal(await mayUse(records, 'id'), true);
  records.prune(new Set(['id']), dir.clock.now() + 60_000);
  records.prune(new Set(), dir.clock.now() - 60_000);
  assert.equal(dir.files('pulled').length, 1);
  records.prune(new Set(), dir.clock.now() + 60_000);
  assert.deepEqual(dir.files('pulled'), []);
});

describe('checkVerification()', () => {
  const refused: [string, string[], RegExp][] = [
    ['Sometimes', [], /^imagePullCredentialsVerificationPolicy must be one of .*: "Sometimes"$/],
    ['AlwaysVerify', ['r.example/a'], /goes with imagePullCredentialsVerificationPolicy NeverVerifyAllowlistedImages$/],
    ...['', '/*', '*', ' r.example/a', 'r.example/a:1', 'r.example/a*', 'r.example/*/a', 'busybox'].map(
      (one): [string, string[], RegExp] => ['NeverVerifyAllowlistedImages', [one], /takes full names of images/],
    ),
  ];
  for (const [imagePullCredentialsVerificationPolicy, preloadedImagesVerificationAllowlist, message] of refused)
    test(`${imagePullCredentialsVerificationPolicy} ${preloadedImagesVerificationAllowlist}`, () =>
      assert.throws(
        () => checkVerification({ imagePullCredentialsVerificationPolicy, preloadedImagesVerificationAllowlist }),
        { message },
      ));
});

test('the full name of an image', () => {
  const digest = `sha256:${'a'.repeat(64)}`;
  const rows: [string, string][] = [
    ['busybox', 'docker.io/library/busybox'],
    ['docker.io/busybox:1', 'docker.io/library/busybox'],
    ['team/app:1', 'docker.io/team/app'],
    [`localhost:5000/x:1@${digest}`, 'localhost:5000/x'],
  ];
  for (const [name, want] of rows) assert.equal(fullNameOf(name), want);
});
