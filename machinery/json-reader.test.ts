import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { maxComplaints, readJson, TextError, TooManyValuesError } from './json-reader.ts';

const message = (text: string): string => {
  try {
    readJson(text);
  } catch (err) {
    if (err instanceof TextError) return err.message;
    throw err;
  }
  return 'accepted';
};

describe('readJson', () => {
  const values = [
    'null', ' true ', 'false', '0', '-0', '12', '-1.5e3', '1E+2', '"a"', '""', '"\\u00e9\\n\\"\\\\\\/"', '"ä€😀"', '[]', '{}',
    '[1,[2,{"a":[]}],"x"]', '{"a":{"b":{"c":null}},"d":[{},[]]}', '\t{ "a" :\r\n [ 1 , 2 ] }\n', '"\\ud800"',
  ]; // biome-ignore format: one table
  for (const text of values)
    test(`reads ${JSON.stringify(text)} as JSON.parse does`, () => {
      const { value, duplicates } = readJson(text);
      assert.deepEqual(value, JSON.parse(text));
      assert.deepEqual(duplicates, []);
    });

  // Wording of Go's encoding/json.
  const refused: [text: string, message: string][] = [
    ['', 'unexpected end of JSON input'],
    ['  ', 'unexpected end of JSON input'],
    ['{', 'unexpected end of JSON input'],
    ['{"a"', 'unexpected end of JSON input'],
    ['{"a":', 'unexpected end of JSON input'],
    ['{"a":1', 'unexpected end of JSON input'],
    ['[1,', 'unexpected end of JSON input'],
    ['"a', 'unexpected end of JSON input'],
    ['"a\\', 'unexpected end of JSON input'],
    ['"\\u12', 'unexpected end of JSON input'],
    ['-', 'unexpected end of JSON input'],
    ['tru', 'unexpected end of JSON input'],
    ['a', "invalid character 'a' looking for beginning of value"],
    ["'", "invalid character '\\'' looking for beginning of value"],
    ['é', "invalid character 'Ã' looking for beginning of value"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{"a";1}', "invalid character ';' after object key"],
    ['{"a":1 "b":2}', `invalid character '"' after object key:value pair`],
    ['[1 2]', "invalid character '2' after array element"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['01', "invalid character '1' after top-level value"],
    ['-a', "invalid character 'a' in numeric literal"],
    ['1.a', "invalid character 'a' after decimal point in numeric literal"],
    ['1ea', "invalid character 'a' in exponent of numeric literal"],
    ['nul1', "invalid character '1' in literal null (expecting 'l')"],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u12g4"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['['.repeat(1001), 'exceeded max depth'],
    ['{"a":'.repeat(1_000_000), 'exceeded max depth'],
  ];
  for (const [text, want] of refused)
    test(`refuses ${text.slice(0, 20)}: ${want}`, () => assert.equal(message(text), want));

  test('integers of 64 bits are exact, others the nearest double', () => {
    const { value } = readJson(
      '[9007199254740991,9007199254740993,-9223372036854775808,9223372036854775808,9223372036854776000,1e18]',
    );
    assert.deepEqual(value, [9007199254740991, 9007199254740993n, -9223372036854775808n, 2 ** 63, 2 ** 63, 1e18]);
    assert.deepEqual(readJson(`[${'9'.repeat(1_000_000)}]`).value, [Infinity]);
  });

  test('keys of prototypes are keys like others', () => {
    const { value } = readJson('{"__proto__":{"x":1},"constructor":2,"toString":3}');
    assert.deepEqual(Object.keys(value as object), ['__proto__', 'constructor', 'toString']);
    assert.equal(({} as any).x, undefined);
  });

  test('tells keys that come twice, by path, once each and only so many', () => {
    const text = '{"a":1,"a":2,"b":[{"c":1},{"c":1,"c":2,"c":3}],"__proto__":1,"__proto__":2,"\\u0061":3}';
    assert.deepEqual(readJson(text).duplicates, ['a', 'b[1].c', '__proto__']);
    const many = Array.from({ length: 1000 }, (_, i) => `"k${i}":1,"k${i}":2`).join();
    assert.equal(readJson(`{${many}}`).duplicates.length, maxComplaints);
  });

  test('makes no more lists and objects than it is allowed, and any number of scalars', () => {
    const text = `{"a":[${'1,'.repeat(1_000)}{}]}`;
    assert.deepEqual(readJson(text, 3), readJson(text));
    assert.throws(() => readJson(text, 2), TooManyValuesError);
    assert.throws(() => readJson(`[${'[],'.repeat(1_000_000)}`, 1_000), /^Error: limit is 1000 lists and objects$/);
  });

  test('time grows with the length of the text alone', () => {
    const size = 3_000_000;
    const texts = [
      `{${Array.from({ length: 200_000 }, (_, i) => `"k${i}":"v"`).join()}}`,
      `[${'0,'.repeat(size / 2)}0]`,
      `"${'\\\\'.repeat(size / 2)}"`,
      `"${'\\u0041'.repeat(size / 6)}"`,
      ' '.repeat(size),
      `{${'"a":1,'.repeat(size / 6)}"a":1}`,
      '[{}'.repeat(size / 3),
    ];
    for (const text of texts) {
      const start = process.cpuUsage();
      message(text);
      const { user } = process.cpuUsage(start);
      assert.ok(user < 2_000_000, `${text.slice(0, 20)} took ${user} us`);
    }
  });
});
