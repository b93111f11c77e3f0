// Image names and what they stand for.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { formatReference, parseImageId, parseReference } from './image-reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('parseReference()', () => {
  const good: [string, string][] = [
    ['busybox', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['library/busybox', 'docker.io/library/busybox:latest'],
    ['someone/app', 'docker.io/someone/app:latest'],
    ['docker.io/busybox', 'docker.io/library/busybox:latest'],
    ['index.docker.io/library/busybox', 'docker.io/library/busybox:latest'],
    ['registry.k8s.io/pause:3.10', 'registry.k8s.io/pause:3.10'],
    ['127.0.0.1:5999/none/missing:1', '127.0.0.1:5999/none/missing:1'],
    ['localhost/x', 'localhost/x:latest'],
    ['localhost:5000/a/b/c', 'localhost:5000/a/b/c:latest'],
    [`busybox@${digest}`, `docker.io/library/busybox@${digest}`],
    [`ghcr.io/a/b:1@${digest}`, `ghcr.io/a/b@${digest}`],
  ];
  for (const [text, full] of good)
    test(`${text} is ${full}`, () => assert.equal(formatReference(parseReference(text)), full));

  const bad: [string, RegExp][] = [
    [
      'BAD//Name:1',
      /couldn't parse image name "BAD\/\/Name:1": invalid reference format: repository name \(\/Name\) must be lowercase/,
    ],
    ['Upper', /repository name \(Upper\) must be lowercase/],
    ['', /invalid reference format/],
    ['a b', /invalid reference format/],
    ['x:bad tag', /invalid reference format/],
    ['x@sha256:short', /invalid reference format/],
    ['host.io/-x', /invalid reference format/],
  ];
  for (const [text, why] of bad) test(`"${text}" is refused`, () => assert.throws(() => parseReference(text), why));
});

test('parseImageId() knows ids from names', () => {
  assert.equal(parseImageId(digest), 'a'.repeat(64));
  assert.equal(parseImageId('a'.repeat(64)), 'a'.repeat(64));
  assert.equal(parseImageId('busybox'), undefined);
});
