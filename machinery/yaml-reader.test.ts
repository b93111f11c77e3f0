import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stringify } from 'yaml';
import { seededRandom } from '../test/builders/seeded-random.ts';
import { TextError } from './json-reader.ts';
import type { Random } from './random.ts';
import { readYaml } from './yaml-reader.ts';

const message = (text: string): string => {
  try {
    readYaml(text);
  } catch (err) {
    if (err instanceof TextError) return err.message;
    throw err;
  }
  return 'accepted';
};

describe('readYaml', () => {
  const values: [text: string, value: unknown][] = [
    ['', null],
    ['# nothing\n---\n# at all\n', null],
    ['%YAML 1.1\n---\na: 1\n...\nb: 2', { a: 1 }],
    ['a: 1\n---\nb: 2', { a: 1 }],
    ['a: b c\n  d\n\n  e', { a: 'b c d\ne' }],
    ['a:\n- 1\n- - 2\n  - 3\n-\n- b: 1\n  c: 2\nd:', { a: [1, [2, 3], null, { b: 1, c: 2 }], d: null }],
    ['{a: [1, b: c, "d":e], f, ? g : h}', { a: [1, { b: 'c' }, { d: 'e' }], f: null, g: 'h' }],
    ['a: |\n  x\n   y\n\nb: >-\n  x\n  y\n\n  z\nc: |+2\n    x\n\n', { a: 'x\n y\n', b: 'x y\nz', c: '  x\n\n' }],
    ['a: "x\\x41\\u00e9\\U0001F600\\\n   y\n   z"\nb: \'it\'\'s\'', { a: 'xAé😀y z', b: "it's" }],
    ['a: &x {b: 1}\nc: *x\n? d\n: - e', { a: { b: 1 }, c: { b: 1 }, d: ['e'] }],
    ['a: &x\n  b: 1\n  c: 2\nd:\n  <<: *x\n  b: 3', { a: { b: 1, c: 2 }, d: { b: 3, c: 2 } }],
    ['[y, No, on, TRUE, ~, null, 0o17, 017, 0x1F, 0b11, 1_000, +1, -2, 1e3, .5, 08]',
      [true, false, true, true, null, null, 15, 15, 31, 3, 1000, 1, -2, 1000, 0.5, 8]],
    ['[2026-01-01, 12:30:45, 1.2.3, "1", \'true\', - 1x, 1.5GiB]'.replace('- 1x', '-1x'),
      ['2026-01-01', '12:30:45', '1.2.3', '1', 'true', '-1x', '1.5GiB']],
    ['[!!str 1, !!int "2", !!binary aGk=, !local 3, 9223372036854775807]', ['1', 2, 'hi', '3', 9223372036854775807n]],
    ['1: a\ntrue: b\n__proto__: c', JSON.parse('{"1":"a","true":"b","__proto__":"c"}')],
    ['{\n\t"a":\n\t\t[1,\n\t\t2]\n}', { a: [1, 2] }],
    ['a:\n  b:\n  []\n  c: {}', { a: { b: [], c: {} } }],
    ['http://a:80/b?c#d', 'http://a:80/b?c#d'],
    ['a: b\r\nc: d\r\n', { a: 'b', c: 'd' }],
  ]; // biome-ignore format: one table
  for (const [text, value] of values)
    test(`reads ${JSON.stringify(text)}`, () => assert.deepEqual(readYaml(text).value, value));

  // Wording of libyaml.
  const refused: [text: string, message: string | RegExp][] = [
    ['a: b: c', 'yaml: mapping values are not allowed in this context'],
    ['a: - b', 'yaml: block sequence entries are not allowed in this context'],
    ['a: 1\n  b: 2', 'yaml: line 2: mapping values are not allowed in this context'],
    ['a:\n  b: 1\n c: 2', 'yaml: line 3: did not find expected key'],
    ['a:\n\tb: 1', 'yaml: line 2: found character that cannot start any token'],
    ['a: [1, 2', "yaml: did not find expected ',' or ']'"],
    ['{a: 1', "yaml: did not find expected ',' or '}'"],
    ['a: "b', 'yaml: found unexpected end of stream'],
    ['a: @b', 'yaml: found character that cannot start any token'],
    ['a: *b', "yaml: unknown anchor 'b' referenced"],
    ['a: &b [*b]', "yaml: anchor 'b' value contains itself"],
    ['a: "\\q"', 'yaml: found unknown escape character'],
    ['a: 1\nb\n', "yaml: line 3: could not find expected ':'"],
    ['? a: 1\n: b', 'yaml: invalid map key'],
    ['{[a]: 1}', 'yaml: invalid map key'],
    ['? ? ? a', 'yaml: invalid map key'],
    ['a: !!int b', 'cannot decode !!str `b` as a !!int'],
    ['a: \x01', 'yaml: control characters are not allowed'],
    ['a: &x 1\nb: {<<: *x}', 'yaml: line 2: map merge requires map or sequence of maps as the value'],
    ['&a\n&b\n&c d', 'yaml: line 2: did not find expected node content'],
  ];
  for (const [text, want] of refused) test(`refuses ${JSON.stringify(text)}`, () => assert.equal(message(text), want));

  test('tells keys that come twice by their lines', () => {
    const { value, duplicates } = readYaml('a: 1\nb: {c: 1, c: 2}\na: 3\n');
    assert.deepEqual(value, { a: 3, b: { c: 2 } });
    assert.deepEqual(duplicates, [
      'yaml: unmarshal errors:\n  line 2: key "c" already set in map\n  line 3: key "a" already set in map',
    ]);
  });

  test('aliases of aliases are refused before they are large', () => {
    const laughs = Array.from({ length: 12 }, (_, i) =>
      i === 0
        ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]'
        : `a${i}: &a${i} [${Array(9)
            .fill(`*a${i - 1}`)
            .join(',')}]`,
    );
    assert.equal(message(laughs.join('\n')), 'yaml: document contains excessive aliasing');
    const big = `a: &a "${'x'.repeat(1_000_000)}"\nb: [${Array(100_000).fill('*a').join(',')}]`;
    assert.equal(message(big), 'yaml: document contains excessive aliasing');
    const deep = ['a0: &a0 {}', ...Array.from({ length: 2000 }, (_, i) => `a${i + 1}: &a${i + 1} [*a${i}]`)];
    assert.match(message(deep.join('\n')), /excessive aliasing|max depth/);
  });

  test('what the library writes is read back', () => {
    const random = seededRandom(20);
    for (let i = 0; i < 2000; i++) {
      const value = { r: randomValue(random, 0) };
      const text = stringify(value, randomStyle(random));
      assert.deepEqual(readYaml(text).value, value, text);
    }
  });

  // Bodies of 3 MiB that other readers take quadratic or exponential time for, or memory without bound.
  const size = 3_000_000;
  const hostile: [name: string, text: string][] = [
    ['explicit keys in each other', '? '.repeat(size / 2)],
    ['sequences in each other', '- '.repeat(size / 2)],
    ['a staircase', Array.from({ length: 2400 }, (_, i) => `${' '.repeat(i)}a:\n`).join('')],
    ['braces', '{'.repeat(size)],
    ['brackets', '['.repeat(size)],
    ['pairs in each other', 'a: '.repeat(size / 3)],
    ['flow pairs in each other', '[a: '.repeat(size / 4)],
    ['a plain scalar of many lines', `a: ${'b\n '.repeat(size / 3)}`],
    ['a plain scalar with empty lines', `a: b${'\n'.repeat(size)} c`],
    ['a long line', `a: ${'b '.repeat(size / 2)}`],
    ['anchors', Array.from({ length: size / 10 }, (_, i) => `- &a${i} b`).join('\n')],
    ['anchors in their own lines', '&a\n'.repeat(size / 3)],
    ['anchors on one line', '&a '.repeat(size / 3)],
    ['tags', '!a '.repeat(size / 3)],
    ['aliases', `- &a b\n${'- *a\n'.repeat(size / 5)}`],
    ['merges', `a: &a {b: c}\nd: {${'<<: *a, '.repeat(size / 8)}}`],
    ['tabs', '\t'.repeat(size)],
    ['tabs after a key', `a:${'\t'.repeat(size)}b`],
    ['comments', '#\n'.repeat(size / 2)],
    ['one comment', `a: b ${'#'.repeat(size)}`],
    ['a block scalar', `a: |\n${' b\n'.repeat(size / 3)}`],
    ['a folded block scalar', `a: >\n${' b\n'.repeat(size / 3)}`],
    ['a block scalar of empty lines', `a: |\n${'\n'.repeat(size)}`],
    ['a block scalar of blanks', `a: |\n${`${' '.repeat(1000)}\n`.repeat(size / 1001)}`],
    ['an open quote', `a: "${'b'.repeat(size)}`],
    ['open quotes', `a: ${'"'.repeat(size)}`],
    ['single quotes', `a: ${"'".repeat(size)}`],
    ['quoted line breaks', `a: "${'\n'.repeat(size)}"`],
    ['escapes', `a: "${'\\n'.repeat(size / 2)}"`],
    ['keys', Array.from({ length: 200_000 }, (_, i) => `k${i}: v`).join('\n')],
    ['the same key', 'a: b\n'.repeat(size / 5)],
    ['documents', '---\n'.repeat(size / 4)],
    ['directives', '%\n'.repeat(size / 2)],
    ['commas', `[${','.repeat(size)}]`],
    ['empty lists', `[${'[],'.repeat(size / 3)}]`],
    ['dashes', '-'.repeat(size)],
    ['colons', ':'.repeat(size)],
    ['colons with blanks', ': '.repeat(size / 2)],
    ['question marks', '?'.repeat(size)],
    ['digits', `a: ${'9'.repeat(size)}`],
    ['hexadecimal digits', `a: 0x${'f'.repeat(size)}`],
    ['underscores', `a: 1${'_'.repeat(size)}`],
    ['carriage returns', '\r'.repeat(size)],
  ];
  for (const [name, text] of hostile)
    test(`linear time: ${name}`, () => {
      const start = process.cpuUsage();
      message(text);
      const { user } = process.cpuUsage(start);
      // Generous: a busy machine, code that runs for the first time. What is not linear takes minutes.
      assert.ok(user < 3_000_000, `${user} us`);
    });
});

const texts = [
  'a', 'b c', '', 'true', '~', '1', '0x10', '- x', 'a: b', '#c', 'a #b', 'x\ny', 'x\n\n y\n', '  lead', 'trail ', '"q"', "it's",
  '*a', '&b', '!t', '{', '[', 'é😀', 'words that are long enough to be folded by a writer because they exceed the eighty columns',
  'tab\tx', '\n\n', 'a:b', '?', '-', 'null', '1.5', '@x', '%x', '`', '|', '>', '\\n', 'x: \n y', 'on', '012', '1e3', '=',
]; // biome-ignore format: one table

function randomValue(random: Random, depth: number): unknown {
  const pick = (n: number) => Math.floor(random.next() * n);
  const many = <T>(make: () => T) => Array.from({ length: pick(4) }, make);
  const shape = pick(depth > 4 ? 4 : 7);
  if (shape < 3) return texts[pick(texts.length)];
  if (shape === 3) return [true, false, null, 1, -2, 1.5, 12345678][pick(7)];
  if (shape < 5) return many(() => randomValue(random, depth + 1));
  return Object.fromEntries(many(() => [texts[pick(texts.length)], randomValue(random, depth + 1)]));
}

function randomStyle(random: Random) {
  const of = <T>(...all: T[]) => all[Math.floor(random.next() * all.length)]!;
  return {
    version: '1.1',
    defaultStringType: of('PLAIN', 'QUOTE_DOUBLE', 'QUOTE_SINGLE', 'BLOCK_LITERAL'),
    collectionStyle: of('any', 'block', 'flow'),
    indent: 2,
    indentSeq: of(true, false),
    lineWidth: 0,
    aliasDuplicateObjects: false,
  } as const;
}
