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

test('all headers together are no more than 4 KiB', () => {
  const many: [count: number, text: string][] = [
    [1000, 'x'.repeat(1000)],
    [1000, 'unknown field "spec.x"'],
    [1000, ''],
    [20, '😀'.repeat(300)],
    [5, '"'.repeat(1000)],
  ];
  for (const [count, text] of many) {
    const headers = warningHeaders(Array.from({ length: count }, (_, i) => `${i} ${text}`));
    const total = headers.reduce((sum, header) => sum + header.length, 0);
    assert.ok(headers.length > 1 && total <= 4096 && total > 2000, `${headers.length} of ${total}`);
  }
});

test('long texts are cut where they are too many, at 256 characters', () => {
  const headers = warningHeaders(Array.from({ length: 100 }, (_, i) => `${i % 10}${i % 7}${'é'.repeat(1000)}${i}`));
  assert.equal([...Buffer.from(headers[0]!, 'latin1').toString()].length, 256 + '299 - ""'.length);
  assert.equal(warningHeaders(['x'.repeat(3000)])[0]!.length, 3000 + '299 - ""'.length);
});
