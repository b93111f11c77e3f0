import assert from 'node:assert/strict';
import { test } from 'node:test';
import { debian12, debianMirror } from './image.ts';
import { describeTour } from './tour.ts';

test('the mirror is found in both formats of apt', () => {
  const mirror = 'http://deb.debian.org/debian';
  assert.equal(debianMirror(`deb [arch=amd64] ${mirror} bookworm main\n`), mirror);
  assert.equal(debianMirror(`Types: deb\nURIs: ${mirror}\nSuites: bookworm\n`), mirror);
  assert.equal(debianMirror('# deb http://a/debian x\ndeb http://archive.ubuntu.com/ubuntu noble main\n'), undefined);
});

describeTour('Debian 12', debian12);
