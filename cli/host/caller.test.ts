import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { type Entries, kubeconfigFiles, mergeIntoFiles, removeFromFiles } from '../kubeconfig.ts';
import { asUser, type Caller, parsePasswd, readCaller } from './caller.ts';

const needsRoot = process.getuid?.() === 0 ? false : 'needs root';
const uid = 54_321;

describe('the caller', () => {
  const line = 'jo:x:1000:1001:Jo,,,:/home/jo:/bin/bash\n';
  test('is who the line of passwd says', () =>
    assert.deepEqual(parsePasswd(line, 1000), { name: 'jo', uid: 1000, gid: 1001, home: '/home/jo' }));
  for (const [what, text] of [
    ['of another user', line.replace('1000', '1002')],
    ['without a home', line.replace('/home/jo', '')],
    ['that is empty', ''],
  ] as const)
    test(`is nobody by a line ${what}`, () => assert.equal(parsePasswd(text, 1000), undefined));

  const known = { SUDO_UID: '65534' };
  test('counts for root only', () => {
    assert.equal(readCaller(known, 1000), undefined);
    assert.equal(readCaller(known, 0)?.name, 'nobody');
    assert.deepEqual(readCaller(known, 0)?.groups, [65_534]);
  });
  for (const asked of [undefined, '', '0', 'x', '-1', '1e3', '4000000000'])
    test(`is nobody when sudo says ${asked}`, () => assert.equal(readCaller({ SUDO_UID: asked }, 0), undefined));
});

describe('kubeconfigs', () => {
  const caller: Caller = { name: 'jo', uid, gid: uid, groups: [uid], home: '/home/jo' };
  const cases = [
    { name: 'of root alone', args: [undefined, { HOME: '/root' }, undefined], expected: ['/root/.kube/config'] },
    {
      name: 'with sudo: the user’s and root’s',
      args: [undefined, { HOME: '/root' }, caller],
      expected: ['/home/jo/.kube/config of jo', '/root/.kube/config'],
    },
    {
      name: 'with sudo -E',
      args: [undefined, { HOME: '/home/jo' }, caller],
      expected: ['/home/jo/.kube/config of jo'],
    },
    {
      name: 'named by KUBECONFIG',
      args: [undefined, { HOME: '/root', KUBECONFIG: '/k' }, caller],
      expected: ['/k of jo'],
    },
    { name: 'named by a flag', args: ['/f', { HOME: '/root', KUBECONFIG: '/k' }, caller], expected: ['/f of jo'] },
  ] as const;
  for (const { name, args, expected } of cases) {
    test(name, () => {
      const files = kubeconfigFiles(args[0], args[1], args[2]);
      assert.deepEqual(
        files.map(({ path, owner }) => (owner ? `${path} of ${owner.name}` : path)),
        expected,
      );
    });
  }
});

describe('in the name of a user', { skip: needsRoot }, () => {
  let dir = '';
  let user: Caller;
  const entries: Entries = { name: 'k8ts-a', cluster: { server: 'https://127.0.0.1:6443' }, user: {} };
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-caller-'));
    chmodSync(dir, 0o711);
    user = { name: 'jo', uid, gid: uid, groups: [uid], home: join(dir, 'jo') };
    mkdirSync(user.home);
    chownSync(user.home, uid, uid);
  });
  afterEach(() => rmSync(dir, { recursive: true }));
  const filesOf = () => kubeconfigFiles(undefined, { HOME: user.home }, user);
  const ownerOf = (path: string) => [statSync(path).uid, statSync(path).gid];

  test('a kubeconfig and its folder are made theirs, and go again', () => {
    const path = mergeIntoFiles(filesOf(), entries);
    assert.equal(path, join(user.home, '.kube/config'));
    assert.deepEqual(ownerOf(path), [uid, uid]);
    assert.deepEqual(ownerOf(join(user.home, '.kube')), [uid, uid]);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    removeFromFiles(filesOf(), 'k8ts-a');
    assert.doesNotMatch(readFileSync(path, 'utf8'), /k8ts-a/);
    assert.deepEqual(ownerOf(path), [uid, uid]);
  });

  // What a user could plant, so that root's hand writes or reads elsewhere.
  const secret = () => join(dir, 'secret');
  const traps = [
    { name: 'a link to a file of root', plant: () => symlinkSync(secret(), plantIn('config')) },
    { name: 'a link in the place of the temporary file', plant: () => symlinkSync(secret(), plantIn('config.tmp')) },
    { name: 'a link in the place of the lock', plant: () => symlinkSync(join(dir, 'new'), plantIn('config.lock')) },
    { name: 'a folder that is a link to a folder of root', plant: () => symlinkSync(dir, join(user.home, '.kube')) },
  ];
  const plantIn = (name: string) => {
    mkdirSync(join(user.home, '.kube'));
    chownSync(join(user.home, '.kube'), uid, uid);
    return join(user.home, '.kube', name);
  };
  for (const { name, plant } of traps) {
    test(`${name} leads nowhere`, () => {
      writeFileSync(secret(), 'apiVersion: v1\nkind: Config\n', { mode: 0o600 });
      const before = lstatSync(dir).mtimeMs;
      plant();
      try {
        mergeIntoFiles(filesOf(), entries);
      } catch (err) {
        assert.match(String(err), /jo may not write|is locked by another program/);
      }
      assert.equal(readFileSync(secret(), 'utf8'), 'apiVersion: v1\nkind: Config\n');
      assert.deepEqual(ownerOf(secret()), [0, 0]);
      assert.equal(lstatSync(dir).mtimeMs, before, 'nothing was made beside it');
    });
  }

  test('root is root again afterwards, also when it failed', () => {
    const path = join(dir, 'x');
    assert.throws(() => asUser(user, path, () => writeFileSync(path, '')), /jo may not write .*\/x/);
    writeFileSync(path, '');
    assert.deepEqual(ownerOf(path), [0, 0]);
    assert.equal(process.geteuid?.(), 0);
    assert.equal(process.getegid?.(), 0);
  });
});
