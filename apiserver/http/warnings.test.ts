import assert from 'node:assert/strict';
import { validateHeaderValue } from 'node:http';
import { test } from 'node:test';
import { warningHeaders } from './warnings.ts';

test('a text comes once, quoted', () => {
  assert.deepEqual(warningHeaders(['unknown field "a\\b"', 'x', 'x']), [
    String.raw`299 - "unknown field \"a\\b\""`,
    '299 - "x"',
  ]);
  assert.deepEqual(warningHeaders([]), []);
});

test('any text makes a header, in UTF-8', () => {
  for (const text of ['größe 日本', 'a\r\nb\u0000\u007f\u0085', '\ud800']) {
    const [header = ''] = warningHeaders([text]);
    validateHeaderValue('warning', header);
    const shown = Buffer.from(text)
      .toString()
      .replace(/\p{Cc}/gu, ' ');
    assert.equal(Buffer.from(header, 'latin1').toString(), `299 - "${shown}"`);
  }
});

test('many long texts are cut', () => {
  const headers = warningHeaders(Array.from({ length: 1000 }, (_, i) => `${i} ${'x'.repeat(1000)}`));
  assert.deepEqual([headers.length, headers[0]!.length], [16, 256 + '299 - ""'.length]);
});
