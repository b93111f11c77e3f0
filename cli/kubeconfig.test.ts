import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { parse } from 'yaml';
import { readIfExists } from './host/files.ts';
import {
  type Entries,
  kubeconfigPath,
  mergeEntries,
  mergeIntoFile,
  removeEntries,
  removeFromFile,
} from './kubeconfig.ts';
import { UserError } from './user-error.ts';

const entries: Entries = {
  name: 'k8ts-a',
  cluster: { server: 'https://127.0.0.1:6443', 'certificate-authority-data': 'Y2E=' },
  user: { 'client-certificate-data': 'Y3J0', 'client-key-data': 'a2V5' },
};

const others = `# mine
apiVersion: v1
kind: Config
preferences: {colors: true}
clusters:
- cluster: {server: "https://other"}
  name: other
contexts:
- context: {cluster: other, user: me}
  name: other
users:
- name: me
  user: {token: t}
current-context: other
`;

describe('mergeEntries', () => {
  test('makes a whole file out of nothing', () => {
    assert.deepEqual(parse(mergeEntries('', entries)), {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'k8ts-a', cluster: entries.cluster }],
      users: [{ name: 'k8ts-a', user: entries.user }],
      contexts: [{ name: 'k8ts-a', context: { cluster: 'k8ts-a', user: 'k8ts-a' } }],
      'current-context': 'k8ts-a',
    });
  });

  test('keeps what it does not know, comments included', () => {
    const merged = mergeEntries(others, entries);
    assert.match(merged, /^# mine/);
    const config = parse(merged);
    assert.deepEqual(config.preferences, { colors: true });
    assert.deepEqual(
      config.clusters.map((c: { name: string }) => c.name),
      ['other', 'k8ts-a'],
    );
    assert.equal(config['current-context'], 'k8ts-a');
  });

  test('replaces its own entries', () => {
    const again = { ...entries, cluster: { server: 'https://127.0.0.1:7443' } };
    const config = parse(mergeEntries(mergeEntries(others, entries), again));
    assert.deepEqual(
      config.clusters.map((c: { cluster: { server: string } }) => c.cluster.server),
      ['https://other', 'https://127.0.0.1:7443'],
    );
  });

  test('takes the null lists that kubectl writes', () => {
    const config = parse(mergeEntries('apiVersion: v1\nkind: Config\nclusters: null\nusers: null\n', entries));
    assert.equal(config.clusters.length, 1);
  });
});

describe('removeEntries', () => {
  test('undoes mergeEntries but for the current context', () => {
    const rest = parse(removeEntries(mergeEntries(others, entries), 'k8ts-a')!);
    assert.deepEqual(rest, { ...parse(others), 'current-context': '' });
  });
  test('leaves another current context alone', () => {
    const text = mergeEntries(others, entries).replace('current-context: k8ts-a', 'current-context: other');
    assert.equal(parse(removeEntries(text, 'k8ts-a')!)['current-context'], 'other');
  });
  test('says when there was nothing to remove', () => assert.equal(removeEntries(others, 'k8ts-a'), undefined));
});

describe('kubeconfigPath', () => {
  test('prefers the flag, then KUBECONFIG, then the home folder', () => {
    assert.equal(kubeconfigPath('/f', { KUBECONFIG: '/k', HOME: '/h' }), '/f');
    assert.equal(kubeconfigPath(undefined, { KUBECONFIG: '/k', HOME: '/h' }), '/k');
    assert.equal(kubeconfigPath(undefined, { HOME: '/h' }), '/h/.kube/config');
  });
  test('takes the first of a list that exists, else the last', () => {
    assert.equal(kubeconfigPath(undefined, { KUBECONFIG: '/none:/etc/hostname:/etc/hosts' }), '/etc/hostname');
    assert.equal(kubeconfigPath(undefined, { KUBECONFIG: '/none::/none-either' }), '/none-either');
  });
});

describe('files', () => {
  let dir = '';
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'k8ts-kubeconfig-'));
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('a new file is readable by its owner only, and its lock is gone afterwards', () => {
    const file = join(dir, 'deep', 'config');
    mergeIntoFile(file, entries);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.ok(!existsSync(`${file}.lock`));
    assert.ok(removeFromFile(file, 'k8ts-a'));
    assert.ok(!removeFromFile(file, 'k8ts-a'));
  });

  test('a file locked by kubectl is left alone', () => {
    const file = join(dir, 'config');
    writeFileSync(`${file}.lock`, '');
    assert.throws(() => mergeIntoFile(file, entries), /locked by another program/);
  });

  test('a link, the file’s mode and its owner stay', () => {
    const [file, link] = [join(dir, 'dotfiles'), join(dir, 'config')];
    const uid = process.getuid!() === 0 ? 54_321 : process.getuid!();
    writeFileSync(file, others);
    chmodSync(file, 0o640);
    if (uid === 54_321) chownSync(file, uid, uid);
    symlinkSync('dotfiles', link);
    mergeIntoFile(link, entries);
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.deepEqual([statSync(file).mode & 0o777, statSync(file).uid], [0o640, uid]);
    assert.match(readIfExists(file)!, /name: k8ts-a/);
    assert.ok(removeFromFile(link, 'k8ts-a'));
    assert.ok(lstatSync(link).isSymbolicLink());
    assert.doesNotMatch(readIfExists(file)!, /k8ts-a/);
  });

  for (const [what, plant] of [
    ['a folder in its place', (file: string) => mkdirSync(file)],
    ['a file in the place of its folder', (file: string) => writeFileSync(join(file, '..'), '')],
    ['a link that leads to itself', (file: string) => symlinkSync('config', file)],
  ] as const) {
    test(`${what} is told, with the way out`, () => {
      const file = join(dir, what === 'a file in the place of its folder' ? 'file/config' : 'config');
      plant(file);
      assert.throws(
        () => mergeIntoFile(file, entries),
        (err) => err instanceof UserError && err.message.startsWith(file) && /--kubeconfig/.test(err.hint ?? ''),
      );
      assert.equal(removeFromFile(file, 'k8ts-a'), false);
    });
  }

  test('a damaged file is reported, not overwritten', () => {
    const file = join(dir, 'config');
    writeFileSync(file, 'a: [');
    assert.throws(() => mergeIntoFile(file, entries), /is no kubeconfig/);
    assert.equal(readIfExists(file), 'a: [');
  });
});
