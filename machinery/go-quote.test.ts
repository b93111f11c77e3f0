import assert from 'node:assert/strict';
import { test } from 'node:test';
import { goQuote } from './go-quote.ts';

const table: [text: string, quoted: string][] = [
  ['', '""'],
  ['a b~', '"a b~"'],
  ['"\\', '"\\"\\\\"'],
  ['\x07\b\f\n\r\t\v', '"\\a\\b\\f\\n\\r\\t\\v"'],
  ['\0\x1b\x7f', '"\\x00\\x1b\\x7f"'],
  ['größe 日本 😀 e\u0301', '"größe 日本 😀 e\u0301"'],
  ['\u0085\u00a0\u200b\u2028\ufeff', '"\\u0085\\u00a0\\u200b\\u2028\\ufeff"'],
  ['\u{e0001}\u{10ffff}', '"\\U000e0001\\U0010ffff"'],
  ['\ud800', '"\ufffd"'],
];
for (const [text, quoted] of table) test(quoted, () => assert.equal(goQuote(text), quoted));
