// What objects of a custom resource are refused for: by their schema, by its lists, by its rules in CEL.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { hasFormat } from '../../api/apiextensions/customresourcedefinition/formats.ts';
import type { JSONSchemaProps } from '../../api/apiextensions/customresourcedefinition/json-schema.ts';
import { createValidator } from './validation.ts';

/** The errors of a spec of one field `f`. */
function refusals(f: JSONSchemaProps, value: unknown, old?: unknown): string[] {
  const validator = createValidator({ type: 'object', properties: { f } });
  const object = (v: unknown) => ({ metadata: { name: 'x' }, f: v });
  const errors = validator(object(value), old === undefined ? undefined : object(old));
  return errors.map((error) => `${error.isWarning ? 'warning: ' : ''}${error.field}: ${error.detail}`);
}

const int: JSONSchemaProps = { type: 'integer' };
const text: JSONSchemaProps = { type: 'string' };
const inBody = (value: unknown, rest: string) => [`f: Invalid value: ${JSON.stringify(value)}: f in body ${rest}`];

const outOfRange = (type: string) => `<nil>: Invalid value: "": Checked value must be of type ${type} in f`;

const cases: [schema: JSONSchemaProps, value: unknown, want: string[]][] = [
  [int, 1, []],
  [int, 1.5, [...inBody('number', 'must be of type integer: "number"'), outOfRange('integer (default format)')]],
  [{ type: 'number' }, 1, []],
  [{ type: 'boolean' }, 'true', inBody('string', 'must be of type boolean: "string"')],
  [{ type: 'object' }, [], inBody('array', 'must be of type object: "array"')],
  [int, null, inBody('null', 'must be of type integer: "null"')],
  [{ ...int, nullable: true }, null, []],
  [{ ...int, maximum: 3, exclusiveMaximum: true }, 3, inBody(3, 'should be less than 3')],
  [{ ...int, minimum: 3, exclusiveMinimum: true }, 3, inBody(3, 'should be greater than 3')],
  [{ ...int, minimum: 3 }, 2, inBody(2, 'should be greater than or equal to 3')],
  [{ ...int, multipleOf: 5 }, 7, inBody(7, 'should be a multiple of 5')],
  [{ ...text, minLength: 2 }, 'a', inBody('a', 'should be at least 2 chars long')],
  [{ ...text, minLength: 1, maxLength: 1 }, '\u{1f600}', []],
  [{ ...text, pattern: '^[a-z]+$' }, 'A', inBody('A', "should match '^[a-z]+$'")],
  [{ ...text, format: 'date-time' }, 'soon', inBody('soon', 'must be of type date-time: "soon"')],
  [{ ...text, format: 'nobody-knows' }, 'x', []],
  [{ type: 'array', items: int, maxItems: 1 }, [1, 2], ['f: Too many: 2: must have at most 1 items']],
  [{ type: 'array', items: int, minItems: 1 }, [], inBody(0, 'should have at least 1 items')],
  [
    { type: 'array', items: int },
    [1, 'x'],
    ['f[1]: Invalid value: "string": f[1] in body must be of type integer: "string"'],
  ],
  [
    { type: 'object', additionalProperties: int },
    { a: 'x' },
    ['f.a: Invalid value: "string": f.a in body must be of type integer: "string"'],
  ],
  [{ type: 'object', maxProperties: 1 }, { a: 1, b: 2 }, ['f: Too many: 2: must have at most 1 items']],
  [
    { type: 'object', properties: { constructor: int }, required: ['constructor'] },
    {},
    ['f.constructor: Required value'],
  ],
  [
    { anyOf: [{ type: 'integer' }, { type: 'string', maxLength: 1 }] },
    'ab',
    [
      '<nil>: Invalid value: "": "f" must validate at least one schema (anyOf)',
      'f: Too long: may not be more than 1 bytes',
    ],
  ],
  [
    { ...int, oneOf: [{ minimum: 1 }, { minimum: 2 }] },
    5,
    ['<nil>: Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
  ],
  [{ ...int, not: { minimum: 1 } }, 5, ['<nil>: Invalid value: "": "f" must not validate the schema (not)']],
  [
    { ...text, allOf: [{ minLength: 3 }, { pattern: '^z' }] },
    'a',
    [
      ...inBody('a', 'should be at least 3 chars long'),
      ...inBody('a', "should match '^z'"),
      '<nil>: Invalid value: "": "f" must validate all the schemas (allOf). None validated',
    ],
  ],
  [{ ...text, minLength: 1, pattern: 'z' }, '', inBody('', 'should be at least 1 chars long')],
  [
    { ...int, enum: [1] },
    'x',
    [...inBody('string', 'must be of type integer: "string"'), 'f: Unsupported value: "x": supported values: "1"'],
  ],
  [
    { ...int, format: 'int32' },
    1.5,
    [...inBody('float64', 'must be of type int32: "float64"'), outOfRange('integer with format int32')],
  ],
  [{ ...int, format: 'int32' }, true, inBody('', 'must be of type int32: ""')],
  [{ ...int, format: 'int32' }, 2 ** 31, [outOfRange('integer with format int32')]],
  [int, 2 ** 63, [...inBody('number', 'must be of type integer: "number"'), outOfRange('integer (default format)')]],
  [{ type: 'number', format: 'float' }, 1e39, [outOfRange('number with format float')]],
  [
    { type: 'number', multipleOf: 0.5 },
    1,
    ['f: Invalid value: 0: factor MultipleOf declared for f must be positive: 0'],
  ],
  [{ type: 'number', maximum: 1.5 }, 2, inBody(2, 'should be less than or equal to 1')],
  [{ type: 'object', minProperties: 1 }, {}, inBody(0, 'should have at least 1 properties')],
  [{ type: 'array', items: text, 'x-kubernetes-list-type': 'set' }, ['a', 'a', 'a'], ['f[1]: Duplicate value: "a"']],
  [
    { type: 'array', items: int, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] },
    [1],
    ['f[0]: Invalid value: 1: must be an object for an array of list-type map'],
  ],
];

describe('values by their schema', () => {
  for (const [schema, value, want] of cases) {
    test(`${JSON.stringify(value)} of ${JSON.stringify(schema)}`, () =>
      assert.deepEqual(refusals(schema, value), want));
  }

  test('an expression that could keep a backtracking engine busy for ever is a matter of moments', () => {
    const started = performance.now();
    assert.equal(refusals({ ...text, pattern: '^(a+)+$' }, `${'a'.repeat(50_000)}!`).length, 1);
    assert.ok(performance.now() - started < 5_000);
  });

  test('what did not change may stay, whatever the schema says now; items are told by their keys', () => {
    const part: JSONSchemaProps = { type: 'object', properties: { k: text, n: { ...int, maximum: 3 } } };
    const list: JSONSchemaProps = {
      type: 'array',
      items: part,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    };
    const old = [
      { k: 'a', n: 9 },
      { k: 'b', n: 1 },
    ];
    assert.deepEqual(
      refusals(
        list,
        [
          { k: 'b', n: 2 },
          { k: 'a', n: 9 },
        ],
        old,
      ),
      [],
    );
    assert.equal(
      refusals(
        list,
        [
          { k: 'b', n: 9 },
          { k: 'a', n: 9 },
        ],
        old,
      ).length,
      1,
    );
  });

  test('formats', () => {
    const good: [string, string, bad?: string][] = [
      ['ipv4', '010.0.0.1', '::1'],
      ['ipv6', '::ffff:1.2.3.4', '1.2.3.4'],
      ['email', '"x y"@z.org', 'a'],
      ['email', 'Ann <a@b.c>', 'a@b c'],
      ['duration', '3 weeks', '1 fortnight'],
      ['uuid4', '6ba7b810-9dad-41d1-80b4-00c04fd430c8', '6ba7b810-9dad-41d1-00b4-00c04fd430c8'],
      ['mac', '00:00:00:00:fe:80:00:00:00:00:00:00:02:00:5e:10:00:00:00:01', '00:00-00:00:fe:80'],
      ['creditcard', '4111-1111-1111-1111', '4111-1111-1111-1112'],
      ['isbn', '978-0321751041', '978-0321751042'],
      ['ssn', '111-11-1111', '111111111'],
      ['rgbcolor', 'rgb(255,1,1)', 'rgb(256,1,1)'],
      ['date-time', '2020-01-01T00:00:00Z', '2020-02-30T00:00:00Z'],
      ['hostname', 'a', 'a.b'],
      ['uri', 'mailto:x', 'a b'],
      ['cidr', 'fd00::/8'],
      ['duration', '1h30m'],
      ['uuid', '01234567-89ab-cdef-0123-456789abcdef'],
      ['email', 'a@b.c'],
      ['date', '2026-02-28'],
      ['byte', 'YWI=', ''],
      ['hostname', 'a.example.com'],
      ['k8s-short-name', 'a-b'],
    ];
    for (const [format, value, bad = '%'] of good) {
      assert.ok(hasFormat(format, value), format);
      assert.ok(!hasFormat(format, bad), format);
    }
  });
});

const rule = (schema: JSONSchemaProps, ...rules: object[]): JSONSchemaProps =>
  ({ ...schema, 'x-kubernetes-validations': rules }) as JSONSchemaProps;

const ruled: [name: string, schema: JSONSchemaProps, value: unknown, want: string[], old?: unknown][] = [
  ['holds', rule(int, { rule: 'self > 1' }), 2, []],
  ['reads integers that no double can hold', rule(int, { rule: 'self == 9223372036854775807' }), 2n ** 63n - 1n, []],
  ['fails without a message', rule(int, { rule: 'self > 1' }), 1, ['f: Invalid value: 1: failed rule: self > 1']],
  ['has a message', rule(int, { rule: 'self > 1', message: ' too small ' }), 1, ['f: Invalid value: 1: too small']],
  [
    'computes its message',
    rule(int, { rule: 'self > 1', messageExpression: '"not " + string(self)', message: 'm' }),
    1,
    ['f: Invalid value: 1: not 1'],
  ],
  [
    'names its reason and field',
    rule(
      { type: 'object', properties: { a: int } },
      { rule: 'has(self.a)', message: 'give a', reason: 'FieldValueRequired', fieldPath: '.a' },
    ),
    {},
    ['f.a: Required value: give a'],
  ],
  [
    'compares with the old value',
    rule(int, { rule: 'self >= oldSelf', message: 'may not shrink' }),
    1,
    ['f: Invalid value: 1: may not shrink'],
    2,
  ],
  ['has nothing to compare with', rule(int, { rule: 'self >= oldSelf' }), 1, []],
  [
    'has an optional old value',
    rule(int, { rule: 'oldSelf.hasValue() || self == 1', optionalOldSelf: true, message: 'begin with 1' }),
    2,
    ['f: Invalid value: 2: begin with 1'],
  ],
  [
    'lets stand what was wrong before',
    rule(int, { rule: 'self > 1' }),
    1,
    ['warning: f: Invalid value: 1: failed rule: self > 1'],
    1,
  ],
  [
    'lets stand what is in a list that is as it was',
    { type: 'array', items: rule(int, { rule: 'self > 1' }) },
    [1],
    ['warning: f[0]: Invalid value: 1: failed rule: self > 1'],
    [1],
  ],
  [
    'is in the values of a map',
    { type: 'object', additionalProperties: rule(text, { rule: 'false', reason: 'FieldValueDuplicate' }) },
    { 'a.b': 'x' },
    ['f[a.b]: Duplicate value: "x"'],
  ],
  [
    'is about an object, which is not shown, and a field in quotes',
    rule(
      { type: 'object', properties: { 'a.b': int } },
      { rule: 'false', reason: 'FieldValueDuplicate', fieldPath: "['a.b']" },
    ),
    {},
    ['f.a.b: Duplicate value'],
  ],
  ['has nothing to say of null', rule({ ...int, nullable: true }, { rule: 'false' }), null, []],
  [
    'meets what is not there',
    rule({ type: 'object', properties: { a: int } }, { rule: 'self.a > 1' }),
    {},
    ['f: Invalid value: "object": no such key: a evaluating rule: self.a > 1'],
  ],
  [
    'is in the items of a list',
    { type: 'array', maxItems: 9, items: rule(int, { rule: 'self > 1', message: 'small' }) },
    [2, 1],
    ['f[1]: Invalid value: 1: small'],
  ],
  [
    'is not run on what has other errors',
    rule({ ...int, enum: [1] as unknown[] }, { rule: 'self > 1' }),
    'x',
    [
      'f: Invalid value: "string": f in body must be of type integer: "string"',
      'f: Unsupported value: "x": supported values: "1"',
      '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    ],
  ],
];

describe('a rule', () => {
  for (const [name, schema, value, want, old] of ruled) {
    test(name, () => assert.deepEqual(refusals(schema, value, old), want));
  }

  test('that costs too much is broken off', () => {
    const list: JSONSchemaProps = rule(
      { type: 'array', items: int },
      { rule: 'self.all(a, self.all(b, self.all(c, a + b + c >= 0)))' },
    );
    const started = performance.now();
    const [error] = refusals(
      list,
      Array.from({ length: 2_000 }, (_, i) => i),
    );
    assert.match(error!, /no further validation rules will be run due to call cost exceeds limit/);
    assert.ok(performance.now() - started < 5_000);
  });
});

test('what a scale is made of fits into one; of a write to the status, only the status is looked at', () => {
  const scale = {
    specReplicasPath: '.spec.replicas',
    statusReplicasPath: '.status.replicas',
    labelSelectorPath: '.status.sel',
  };
  const validator = createValidator(
    { type: 'object', properties: { status: { type: 'object', maxProperties: 1 }, spec: int } },
    scale,
  );
  const object = { metadata: { name: 'x' }, spec: { replicas: -1 }, status: { replicas: 2 ** 31, sel: [1] } };
  const ofStatus = [
    '.status.replicas: Invalid value: 2147483648: should be less than or equal to 2147483647',
    '.status.sel: Invalid value: "": .status.sel accessor error: [1] is of the type []interface {}, expected string',
  ];
  const told = (part?: 'status') =>
    validator(object, undefined, part).map(({ field, detail }) => `${field}: ${detail}`);
  assert.deepEqual(told().slice(2), [
    '.spec.replicas: Invalid value: -1: should be a non-negative integer',
    ...ofStatus,
  ]);
  assert.deepEqual(told('status'), ['status: Too many: 2: must have at most 1 items', ...ofStatus]);
});
