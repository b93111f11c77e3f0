import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FieldError } from '../../../machinery/field-error.ts';
import { checkRules } from './compiled-rules.ts';
import type { JSONSchemaProps } from './json-schema.ts';

const rule = (schema: object, ...rules: string[]): JSONSchemaProps =>
  ({ ...schema, 'x-kubernetes-validations': rules.map((text) => ({ rule: text })) }) as JSONSchemaProps;
const int = { type: 'integer' };
const root = (f: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', properties: { f } });
const errorsOf = (schema: JSONSchemaProps) => checkRules(schema, 's').map((error) => `${error.field}: ${error.detail}`);

describe('the rules of a definition', () => {
  const good: JSONSchemaProps[] = [
    root(rule(int, 'self > 1', 'self >= oldSelf')),
    rule({ type: 'object', properties: { f: int } }, 'self.f > 1 && self.metadata.name != ""'),
    root(rule({ type: 'array', items: { type: 'string', maxLength: 10 }, maxItems: 10 }, 'self.all(x, x.size() > 1)')),
    root(rule({ 'x-kubernetes-int-or-string': true }, 'type(self) == int || self == "x"')),
  ];
  for (const schema of good)
    test(`pass: ${JSON.stringify(schema).slice(0, 90)}`, () => assert.deepEqual(errorsOf(schema), []));

  const bad: [JSONSchemaProps, RegExp][] = [
    [
      root(rule(int, 'self >')),
      /f\]\.x-kubernetes-validations\[0\]\.rule: Invalid value: \{"Rule":"self \\u003e".*compilation failed: ERROR: <input>:1:7: Syntax error/,
    ],
    [
      root(rule({ type: 'object', properties: { a: int } }, 'self.z == 1')),
      /compilation failed: ERROR: <input>:1:5: undefined field 'z'/,
    ],
    [root(rule(int, 'self + 1')), /cel expression must evaluate to a bool/],
    [
      root({ type: 'array', items: rule(int, 'self == oldSelf') } as JSONSchemaProps),
      /oldSelf cannot be used on the uncorrelatable portion of the schema within s\.properties\[f\]/,
    ],
    [
      root(rule({ type: 'array', items: { type: 'string' } }, 'self.all(x, self.all(y, x != y))')),
      /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x \(try simplifying the rule/,
    ],
  ];
  for (const [schema, want] of bad) {
    test(`do not pass: ${String(want).slice(0, 60)}`, () => assert.match(errorsOf(schema)[0] ?? '', want));
  }

  test('an optional old value that nobody asks for is a mistake', () => {
    // Nor does one ask that does not compile.
    for (const rule of ['self > 1', 'self > oldSelf']) {
      const one = { rule, optionalOldSelf: true };
      const error = errorsOf(root({ ...int, 'x-kubernetes-validations': [one] } as JSONSchemaProps)).at(-1);
      assert.match(error!, /\.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule$/);
    }
  });

  test('together may cost too much though each is cheap enough', () => {
    const list = { type: 'array', maxItems: 400_000, items: rule(int, 'self > 1', 'self < 9') } as JSONSchemaProps;
    const properties = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, list]));
    const errors = errorsOf({ type: 'object', properties });
    assert.match(
      errors.at(-1)!,
      /^s: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds/,
    );
  });

  test('rules above what is wrong are not looked at, of however many', () => {
    const count = 20_000;
    const properties = Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, rule(int, 'self.z')]));
    const unsound = Array.from(
      { length: count },
      (_, i) => ({ type: 'Invalid', field: `s.properties[f${i}x]` }) as FieldError,
    );
    unsound.push({ type: 'Invalid', field: 's.properties[f7].maximum', detail: '' });
    const start = process.cpuUsage();
    const errors = checkRules({ type: 'object', properties }, 's', unsound);
    assert.equal(errors.length, count - 1);
    assert.ok(!errors.some(({ field }) => field.startsWith('s.properties[f7]')));
    const { user } = process.cpuUsage(start);
    assert.ok(user < 10_000_000, `${user} us`);
  });

  test('an item of a map list can be compared', () => {
    const items = { ...rule({ type: 'object', properties: { k: { type: 'string' }, n: int } }, 'self.n >= oldSelf.n') };
    const list = {
      type: 'array',
      maxItems: 9,
      items,
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    };
    assert.deepEqual(errorsOf(root(list as JSONSchemaProps)), []);
  });
});
