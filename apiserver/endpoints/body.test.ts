// From bytes to a draft: what is read, what is only warned of, what is refused.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import type { StatusError } from '../../machinery/errors.ts';
import { parseBody } from './body.ts';
import { decodeObject } from './decode-object.ts';
import type { FieldValidation } from './options.ts';

const schema = ConfigMapKind.storage.schema;

function decode(text: string, contentType = 'application/json', validation: FieldValidation = 'Warn') {
  const body = parseBody({ body: Buffer.from(text), contentType }, { kind: 'ConfigMap', schema });
  return decodeObject({ kind: ConfigMapKind, version: ConfigMapKind.storage }, body, validation);
}

describe('bodies', () => {
  test('JSON and YAML give the same object', () => {
    const want = { name: 'a' };
    assert.deepEqual(decode('{"metadata":{"name":"a"}}').draft.metadata, want);
    assert.deepEqual(decode('metadata:\n  name: a\n', 'application/yaml').draft.metadata, want);
    for (const parameters of ['; charset=utf-8', ';', ' ; a="b;\\"c" ; '])
      assert.deepEqual(decode('{"metadata":{"name":"a"}}', `application/json${parameters}`).draft.metadata, want);
  });

  test('unknown and repeated fields: warned of, refused or not looked at', () => {
    const text = '{"metadata":{"name":"a"},"dta":{},"data":{"k":"1","k":"2"}}';
    assert.deepEqual(decode(text).warnings, ['unknown field "dta"', 'duplicate field "data.k"']);
    assert.deepEqual(decode(text, undefined, 'Ignore').warnings, []);
    assert.throws(() => decode(text, undefined, 'Strict'), {
      code: 400,
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "dta", duplicate field "data.k"',
    });
  });

  const refused: [text: string, contentType: string, code: number, message: RegExp][] = [
    ['', 'application/json', 400, /json parse error: unexpected end of JSON input \(<empty>\)$/],
    ['{', 'application/json', 400, /the object provided is unrecognized \(must be of type ConfigMap\)/],
    ['[]', 'application/json', 400, /cannot unmarshal array into Go value/],
    ['"x"', 'application/json', 400, /cannot unmarshal string into Go value/],
    ['{"kind":"Secret"}', 'application/json', 400, /no kind "Secret" is registered/],
    ['{"apiVersion":"v2"}', 'application/json', 400, /\(v2\) does not match the expected API version \(v1\)/],
    ['{"data":{"k":1}}', 'application/json', 400, /data/],
    ['{"data":[]}', 'application/json', 400, /data/],
    ['a: [', 'application/yaml', 400, /must be of type ConfigMap\): yaml: did not find expected.* \(613a205b\)$/],
    [
      '{"kind":{"toString":"x"}}',
      'application/json',
      400,
      /cannot unmarshal object into Go struct field .kind of type string/,
    ],
    [
      '{"apiVersion":[1]}',
      'application/json',
      400,
      /cannot unmarshal array into Go struct field .apiVersion of type string/,
    ],
    ['kind: 1', 'application/yaml', 400, /cannot unmarshal number into Go struct field .kind of type string/],
    ['{}', 'constructor', 415, /accepted media types/],
    ['{}', 'application/json;x', 415, /accepted media types/],
    ['{}', 'application/json;a=b;A=c', 415, /accepted media types/],
    ['{}', 'application/json;charset="utf', 415, /accepted media types/],
    ['{}', 'text/plain', 415, /accepted media types include: application\/json/],
  ];
  for (const [text, contentType, code, message] of refused) {
    test(`${contentType} ${JSON.stringify(text)} is refused`, () => {
      assert.throws(
        () => decode(text, contentType),
        (err: StatusError) => err.code === code && message.test(err.message),
      );
    });
  }

  const badBytes: [hex: string, problem: string][] = [
    ['80', 'invalid leading UTF-8 octet'],
    ['ff', 'invalid leading UTF-8 octet'],
    ['e282', 'incomplete UTF-8 octet sequence'],
    ['e2822e2e', 'invalid trailing UTF-8 octet'],
    ['c0af', 'invalid length of a UTF-8 sequence'],
    ['f08282ac', 'invalid length of a UTF-8 sequence'],
    ['eda080', 'invalid Unicode character'],
    ['f5808080', 'invalid Unicode character'],
  ];
  for (const [hex, problem] of badBytes)
    test(`YAML of the bytes ${hex}: ${problem}`, () => {
      const body = Buffer.concat([Buffer.from('ä: €😀 '), Buffer.from(hex, 'hex')]);
      const read = () => parseBody({ body, contentType: 'application/yaml' }, ConfigMapKind.storage as never);
      assert.throws(read, new RegExp(`: yaml: ${problem} \\(`));
    });

  test('JSON has what stands for characters in the place of such bytes; what is shown of keys is quoted as Go does it', () => {
    const body = Buffer.concat([
      Buffer.from('{"\\u0007\\u200b":1,"data":{"k":"'),
      Buffer.from([0xff]),
      Buffer.from('"}}'),
    ]);
    const { draft, warnings } = decode(body.toString());
    assert.deepEqual([draft.data, warnings], [{ k: '\ufffd' }, ['unknown field "\\a\\u200b"']]);
  });

  test('a key named __proto__ is a key', () => {
    const { draft } = decode('{"metadata":{"name":"a"},"data":{"__proto__":"x"}}');
    assert.deepEqual(Object.entries(draft.data), [['__proto__', 'x']]);
    assert.equal(({} as Record<string, unknown>).x, undefined);
  });
});

describe('bodies that are made to keep the server busy', () => {
  const nested = (depth: number) => `{"x":${'['.repeat(depth)}${']'.repeat(depth)}}`;

  test('JSON that is nested too deeply', () => {
    assert.throws(() => decode(nested(1_000_000)), { code: 400, message: /exceeded max depth/ });
    assert.deepEqual(decode(nested(900)).warnings, ['unknown field "x"']);
    // Brackets in strings are no nesting.
    assert.equal(decode(`{"data":{"k":"${'[{'.repeat(2000)}\\""}}`).draft.data.k.length, 4001);
  });

  test('YAML with many keys, also when some are there twice', () => {
    const many = `data:\n${Array.from({ length: 20_000 }, (_, i) => `  k${i}: v`).join('\n')}\n  k7: w\n`;
    const { draft, warnings } = decode(many, 'application/yaml');
    assert.deepEqual([Object.keys(draft.data).length, draft.data.k7], [20_000, 'w']);
    assert.deepEqual(warnings, ['line 20002: key "k7" already set in map']);
    assert.throws(() => decode('data: {a: b, a: c}', 'application/yaml', 'Strict'), {
      message: /strict decoding error: yaml: unmarshal errors:\n {2}line 1: key "a" already set in map/,
    });
  });

  test('YAML whose aliases multiply', () => {
    const layers = ['a: &a0 [x,x,x,x,x,x,x,x,x]'];
    for (let i = 1; i < 9; i++) layers.push(`a${i}: &a${i} [${Array(9).fill(`*a${i - 1}`)}]`);
    assert.throws(() => decode(layers.join('\n'), 'application/yaml'), { code: 400, message: /excessive aliasing/ });
  });
});
