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
    // However lists without a bound are nested, no more of them than a request holds.
    root({ type: 'array', items: { type: 'array', items: rule(int, 'self > 1') } } as JSONSchemaProps),
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
    [root(rule(int, 'self || true')), /ERROR: <input>:1:1: expected type 'bool' but found 'int'\n \| self \|\| true/],
    [root(rule(int, 'self + 1')), /cel expression must evaluate to a bool/],
    [
      root({ type: 'array', items: rule(int, 'self == oldSelf') } as JSONSchemaProps),
      /oldSelf cannot be used on the uncorrelatable portion of the schema within s\.properties\[f\]/,
    ],
    [
      root(rule({ type: 'array', items: { type: 'string' } }, 'self.all(x, self.all(y, x != y))')),
      /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x \(try simplifying the rule/,
    ],
    [
      root(rule({ type: 'string', maxLength: 9 }, 'self.reverse() != self')),
      /found no matching overload for 'reverse'/,
    ],
    // A rule on what has no schema never runs.
    [
      root(rule({ type: 'array', items: { 'x-kubernetes-preserve-unknown-fields': true } }, 'self.size() > 1')),
      /f\]\.x-kubernetes-validations: Internal error: internal error: failed to construct type information/,
    ],
    // How many there are in what may be anything is not known.
    [
      root(rule({ 'x-kubernetes-int-or-string': true }, 'self.all(x, x == x)')),
      /rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x/,
    ],
    [
      root({
        type: 'array',
        items: rule({ type: 'string', maxLength: 5 }, '!format.uuid().validate(self).hasValue()'),
      }),
      /rule: Forbidden: estimated rule cost exceeds budget by factor of 7\.1x/,
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

  test('a message is reckoned once, however often its rule may run', () => {
    const one = { rule: 'self.size() < 9', messageExpression: "self.replace('a', 'b')" };
    const item = { type: 'string', maxLength: 20_000, 'x-kubernetes-validations': [one] };
    assert.deepEqual(errorsOf(root({ type: 'array', maxItems: 10_000, items: item } as JSONSchemaProps)), []);
  });

  test('what is wrong with the message or the option leaves the cost to be told', () => {
    const rule = 'self.all(x, self.all(y, x != y))';
    const wrong = { rule, messageExpression: 'self', optionalOldSelf: true };
    const list = { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': [wrong] };
    const fields = checkRules(root(list as JSONSchemaProps), 's').map(({ field }) => field.split('.').at(-1));
    assert.deepEqual(fields.slice(0, 3), ['rule', 'messageExpression', 'optionalOldSelf']);
  });

  test('types are named as CEL names them', () => {
    const times = { type: 'object', additionalProperties: { type: 'string', format: 'date-time' } };
    const inner = { type: 'object', properties: { namespace: { type: 'object', properties: { a: int } } } };
    assert.match(errorsOf(root(rule(times, 'self')))[0]!, /must evaluate to a bool/);
    assert.match(errorsOf(root(rule(times, 'self.x()')))[0]!, /undeclared reference to 'x'/);
    assert.match(
      errorsOf(root(rule(times, 'self.size("a") > 1')))[0]!,
      /applied to 'map\(string, timestamp\)\.\(string\)'/,
    );
    const text = errorsOf(root(rule(inner, 'self.__namespace__.size() > 1')))[0]!;
    assert.match(text, /applied to 'selfType\.__namespace__\.\(\)'/);
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
