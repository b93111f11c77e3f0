import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Secret } from '../../api/core/secret.ts';
import { applyDefaultTag } from '../../machinery/image-reference.ts';
import type { Image } from '../../proto/cri.gen.ts';
import { findCredentials, fromSecret, matchesImage } from './credentials.ts';
import { chooseImages } from './image-gc.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const good: [string, string][] = [
  ['nginx', 'nginx:latest'],
  ['nginx:1.7.9', 'nginx:1.7.9'],
  ['registry.k8s.io/a/b:1', 'registry.k8s.io/a/b:1'],
  ['localhost:5000/x', 'localhost:5000/x:latest'],
  [`x@${digest}`, `x@${digest}`],
];
const bad: [string, string][] = [
  ['BAD//Name:1', 'invalid reference format: repository name (/Name) must be lowercase'],
  ['Nginx', 'invalid reference format: repository name (Nginx) must be lowercase'],
  ['a b', 'invalid reference format'],
  ['x:', 'invalid reference format'],
];

describe('applyDefaultTag', () => {
  for (const [name, want] of good) test(name, () => assert.equal(applyDefaultTag(name), want));
  for (const [name, why] of bad) {
    const message = `couldn't parse image name "${name}": ${why}`;
    test(name, () => assert.throws(() => applyDefaultTag(name), { message }));
  }
});

const secretOf = (auths: object): Secret => ({
  metadata: {},
  data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
});
const auth = Buffer.from('user:pass:word').toString('base64');

test('credentials go by registry, the most specific first', () => {
  const secret = secretOf({
    'https://index.docker.io/v1/': { username: 'hub', password: 'h' },
    'r.example.com': { auth },
    'r.example.com/team': { username: 'team', password: 't' },
    '*.wild.example': { username: 'w', password: 'w' },
  });
  const users = (image: string) => findCredentials(image, [fromSecret(secret)]).map((c) => c.auth.username);
  assert.deepEqual(users('nginx'), ['hub']);
  assert.deepEqual(users('r.example.com/team/app:1'), ['team', 'user']);
  assert.deepEqual(users('r.example.com/other/app:1'), ['user']);
  assert.deepEqual(users('a.wild.example/app'), ['w']);
  assert.deepEqual(users('elsewhere.example/app'), []);
  assert.equal(findCredentials('r.example.com/x', [fromSecret(secret)])[0]?.auth.password, 'pass:word');
});

test('a secret that is not in its form has no credentials', () => {
  const broken = { metadata: {}, data: { '.dockerconfigjson': 'bm90IGpzb24=' } };
  const entries = [null, { auth: 5 }, { username: ['x'] }, 'text'].map((entry) => secretOf({ 'docker.io': entry }));
  const auths = [['docker.io'], 'text', 7].map((wrong) => secretOf(wrong as object));
  for (const secret of [broken, ...entries.slice(1), ...auths])
    assert.deepEqual(findCredentials('nginx', [fromSecret(secret)]), []);
  // One that says nothing is one without a name.
  assert.equal(findCredentials('nginx', [fromSecret(entries[0]!)])[0]?.auth.username, '');
});

test('a pattern is of the parts of a host’s name, its port, and a beginning of the path', () => {
  const rows: [pattern: string, fits: string[], others: string[]][] = [
    ['123.dkr.example.com', ['123.dkr.example.com/a:1'], ['dkr.example.com/a', '123.dkr.example.com:5000/a']],
    [
      '*.example.com',
      ['a.example.com/x'],
      ['example.com/x', 'a.b.example.com/x', 'a.example.com:1/x', 'a.example_com/x'],
    ],
    ['*.*.example.com', ['a.b.example.com/x'], ['a.example.com/x']],
    ['a*b*c*d.io', ['abcd.io/x', 'a1b2c3d.io/x'], ['acbd.io/x', 'abc.io/x', 'abcd.d.io/x']],
    ['ab*ba.io', ['abba.io/x'], ['aba.io/x']],
    // Backtracking would take longer than anybody waits.
    [`${'*'.repeat(1000)}x.io`, ['x.io/y'], [`${'a'.repeat(200)}.io/y`]],
    ['app*.k8s.io', ['app1.k8s.io/x', 'app.k8s.io/x'], ['my-app.k8s.io/x']],
    ['k8s.*', ['k8s.gcr/x'], ['k8s.gcr.io/x']],
    [
      'r.example:8080/team',
      ['r.example:8080/team/a', 'r.example:8080/teammate/a'],
      ['r.example/team/a', 'r.example:8080/a'],
    ],
    ['docker.io', ['nginx', 'team/app:2'], ['r.example/nginx']],
    ['docker.io/library', ['nginx'], ['team/app']],
  ];
  for (const [pattern, fits, others] of rows) {
    for (const image of fits) assert.equal(matchesImage(pattern, image), true, `${pattern} ${image}`);
    for (const image of others) assert.equal(matchesImage(pattern, image), false, `${pattern} ${image}`);
  }
});

test('the longest unused images go first, until enough is free', () => {
  const image = (id: string, size: number, pinned = false) => ({ id, size: String(size), pinned }) as Image;
  const unused = [
    { image: image('new', 100), lastUsedMs: 0, seenMs: 1_000_000 },
    { image: image('just used', 100), lastUsedMs: 1_000_000, seenMs: 0 },
    { image: image('later', 100), lastUsedMs: 1, seenMs: 2 },
    { image: image('old', 100), lastUsedMs: 1, seenMs: 1 },
    { image: image('pinned', 100, true), lastUsedMs: 0, seenMs: 0 },
  ];
  assert.deepEqual(
    chooseImages(unused, { toFreeBytes: 150, nowMs: 1_000_001, minAgeMs: 120_000 }).map((i) => i.id),
    ['old', 'later'],
  );
  assert.deepEqual(
    chooseImages(unused, { toFreeBytes: 1_000, nowMs: 1_000_001, minAgeMs: 120_000 }).map((i) => i.id),
    ['old', 'later', 'just used'],
  );
});
