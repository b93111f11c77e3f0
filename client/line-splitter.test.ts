import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { LineSplitter } from './line-splitter.ts';

describe('LineSplitter', () => {
  const cases: [string, string[], string[], string][] = [
    ['whole lines', ['a\nb\n'], ['a', 'b'], ''],
    ['a line in pieces', ['a', 'b', 'c\nd'], ['abc'], 'd'],
    ['a line end alone', ['a', '\n', '\n'], ['a'], ''],
    ['empty lines', ['\n\na\n\n'], ['a'], ''],
    ['nothing', ['', ''], [], ''],
  ];
  for (const [name, pieces, lines, rest] of cases) {
    test(name, () => {
      const splitter = new LineSplitter(100);
      assert.deepEqual(
        pieces.flatMap((piece) => splitter.push(piece) ?? []),
        lines,
      );
      assert.equal(splitter.rest(), rest);
    });
  }

  test('any pieces give the same lines', () => {
    const random = seededRandom(7);
    const text = Array.from({ length: 3000 }, () => (random.next() < 0.1 ? '\n' : 'x')).join('');
    for (let round = 0; round < 50; round++) {
      const splitter = new LineSplitter(1000);
      const lines: string[] = [];
      for (let at = 0; at < text.length; ) {
        const size = 1 + Math.floor(random.next() * 40);
        lines.push(...(splitter.push(text.slice(at, at + size)) ?? []));
        at += size;
      }
      assert.deepEqual(
        [...lines, splitter.rest()],
        text
          .split('\n')
          .filter(Boolean)
          .concat(text.endsWith('\n') ? [''] : []),
      );
    }
  });

  // Looked at anew with every piece, this one would be compared 100,000 times over: minutes.
  test('a line of 100 MB in pieces of 1 KB', { timeout: 30_000 }, () => {
    const splitter = new LineSplitter(1 << 27);
    const piece = 'x'.repeat(1024);
    for (let i = 0; i < 100_000; i++) assert.deepEqual(splitter.push(piece), []);
    assert.equal(splitter.push('\n')?.[0]?.length, 102_400_000);
  });

  test('a line that is too long', () => {
    const splitter = new LineSplitter(10);
    assert.deepEqual(splitter.push('0123456789'), []);
    assert.equal(splitter.push('0'), null);
  });
});
