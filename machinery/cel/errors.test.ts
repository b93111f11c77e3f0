import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from './cel.ts';
import { declFromOpenApi } from './decl-openapi.ts';
import { crdEnv } from './kubernetes-env.ts';

const env = crdEnv(
  declFromOpenApi(
    {
      type: 'object',
      properties: {
        n: { type: 'integer' },
        s: { type: 'string' },
        list: { type: 'array', items: { type: 'integer' } },
        map: { type: 'object', additionalProperties: { type: 'string' } },
        any: { 'x-kubernetes-int-or-string': true },
        'a-b.c/d__e': { type: 'integer' },
        for: { type: 'integer' },
      },
    },
    'Rule',
  )!,
);

const operand =
  "expecting {'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

/** What cel-go says: the place, the text, the line and a caret. */
const issues: [source: string, text: string][] = [
  ['foo + 1', "ERROR: <input>:1:1: undeclared reference to 'foo' (in container '')\n | foo + 1\n | ^"],
  ['foo(1)', "ERROR: <input>:1:4: undeclared reference to 'foo' (in container '')\n | foo(1)\n | ...^"],
  ['self.x == 1', "ERROR: <input>:1:5: undefined field 'x'\n | self.x == 1\n | ....^"],
  [
    'self.n == "a"',
    "ERROR: <input>:1:8: found no matching overload for '_==_' applied to '(int, string)'\n | self.n == \"a\"\n | .......^",
  ],
  [
    'self.s.startsWith(1)',
    "ERROR: <input>:1:18: found no matching overload for 'startsWith' applied to 'string.(int)'\n" +
      ' | self.s.startsWith(1)\n | .................^',
  ],
  [
    "self.s +\n  '👑' + foo",
    "ERROR: <input>:2:9: undeclared reference to 'foo' (in container '')\n |   '👑' + foo\n | ...．....^",
  ],
  ['self.n.x', "ERROR: <input>:1:7: type 'int' does not support field selection\n | self.n.x\n | ......^"],
  [
    'self.n.all(x, true)',
    "ERROR: <input>:1:5: expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)\n" +
      ' | self.n.all(x, true)\n | ....^',
  ],
  [
    "{'a': 'x', 'b': 1, 'c': false}",
    "ERROR: <input>:1:17: expected type 'string' but found 'int'\n | {'a': 'x', 'b': 1, 'c': false}\n | ................^\nERROR: <input>:1:25: expected type 'string' but found 'bool'\n | {'a': 'x', 'b': 1, 'c': false}\n | ........................^",
  ],
  ['[1, "a"]', "ERROR: <input>:1:5: expected type 'int' but found 'string'\n | [1, \"a\"]\n | ....^"],
  [
    'self.list.all(1, true)',
    'ERROR: <input>:1:15: argument must be a simple name\n | self.list.all(1, true)\n | ..............^',
  ],
  ['has(self)', 'ERROR: <input>:1:5: invalid argument to has() macro\n | has(self)\n | ....^'],
  ['1 +', `ERROR: <input>:1:4: Syntax error: mismatched input '<EOF>' ${operand}\n | 1 +\n | ...^`],
  ['a b', "ERROR: <input>:1:3: Syntax error: extraneous input 'b' expecting <EOF>\n | a b\n | ..^"],
  ['a $ b', "ERROR: <input>:1:3: Syntax error: token recognition error at: '$'\n | a $ b\n | ..^"],
  ['a = b', "ERROR: <input>:1:3: Syntax error: token recognition error at: '= '\n | a = b\n | ..^"],
  ['a |', "ERROR: <input>:1:3: Syntax error: token recognition error at: '|'\n | a |\n | ..^"],
  ['while == 1', 'ERROR: <input>:1:1: reserved identifier: while\n | while == 1\n | ^'],
  ['9223372036854775808', 'ERROR: <input>:1:1: invalid int literal\n | 9223372036854775808\n | ^'],
  [
    "duration('1x') == self.s",
    "ERROR: <input>:1:10: invalid duration argument\n | duration('1x') == self.s\n | .........^",
  ],
  ["self.s.matches('(')", "ERROR: <input>:1:16: invalid matches argument\n | self.s.matches('(')\n | ...............^"],
  [
    "self.s.findAll(')', 1)",
    "ERROR: <input>:1:16: invalid findAll argument\n | self.s.findAll(')', 1)\n | ...............^",
  ],
  ['self.`a-b`', "ERROR: <input>:1:6: unsupported syntax: '`'\n | self.`a-b`\n | .....^"],
  ['Foo{a: 1}', "ERROR: <input>:1:4: undeclared reference to 'Foo' (in container '')\n | Foo{a: 1}\n | ...^"],
  ['cel.bind(x, 1, x)', "ERROR: <input>:1:1: undeclared reference to 'cel' (in container '')"],
];

describe('issues of an expression', () => {
  for (const [source, text] of issues) {
    test(source, () => {
      const compiled = compile(source, env);
      assert.ok(!compiled.ok);
      assert.equal(String(compiled.issues).slice(0, text.length), text);
    });
  }

  test('each is told, in their order', () => {
    const compiled = compile('foo || bar', env);
    assert.ok(!compiled.ok);
    assert.deepEqual(
      compiled.issues.list.map(({ at }) => at),
      [0, 7],
    );
  });
});

const self = { n: 0, s: 'x', list: [1], map: { a: 'b' }, any: 'text', 'a-b.c/d__e': 1, for: 2 };
const failures: [source: string, message: string][] = [
  ['1 / self.n == 1', 'division by zero'],
  ['1 % self.n == 1', 'modulus by zero'],
  ['9223372036854775807 + self.list[0] > 0', 'integer overflow'],
  ['-9223372036854775808 - self.list[0] < 0', 'integer overflow'],
  ['uint(self.n) - 1u > 0u', 'unsigned integer overflow'],
  ["self.map['x'] == ''", 'no such key: x'],
  ["self.map.x == ''", 'no such key: x'],
  ['self.list[1] == 1', 'index out of bounds: 1'],
  ['self.any + 1 == 2', 'no such overload'],
  ['self.any < 1', 'no such overload'],
  ['dyn(self.n).startsWith(self.s)', 'no such overload: startsWith(int, string)'],
  ['int(self.s) == 1', "type conversion error from 'string' to 'int'"],
  ["duration(self.s) == duration('1s')", "type conversion error from 'string' to 'google.protobuf.Duration'"],
  ["self.s.substring(3) == ''", 'index out of range: 3'],
  ["self.s.matches(self.s + '(')", 'error parsing regexp: missing closing ): `x(`'],
  ['[self.n].min() == 0 && self.list.filter(x, x > 1).min() == 0', 'min called on empty list'],
  ['optional.none().value() == 1', 'optional.none() dereference'],
];

describe('errors of values', () => {
  for (const [source, message] of failures) {
    test(source, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
      const result = compiled.program.evaluate({ self, oldSelf: self });
      assert.ok(!result.ok, 'it has no value');
      assert.equal(result.message, message);
      assert.equal(result.isOverCost, false);
    });
  }

  const absorbed = [
    '1 / self.n == 1 || true',
    'true || 1 / self.n == 1',
    '!(1 / self.n == 1 && false)',
    'self.list.exists(x, x == 1 || 1 / self.n == 1)',
    '[0, 1].exists(x, 1 / x == 1)',
    '![0, 1].all(x, 1 / x == 2)',
  ];
  for (const source of absorbed) {
    test(`${source}: the other side decides`, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok);
      const result = compiled.program.evaluate({ self });
      assert.ok(result.ok && result.value === true);
    });
  }
});

test('fields whose names are no identifiers have others', () => {
  const compiled = compile('self.a__dash__b__dot__c__slash__d__underscores__e + self.__for__ == 3', env);
  assert.ok(compiled.ok);
  const result = compiled.program.evaluate({ self });
  assert.ok(result.ok && result.value === true);
});

test('data that is not what the schema says is an error of the rule that looks at it', () => {
  const compiled = compile('self.n == 1', env);
  assert.ok(compiled.ok);
  for (const n of ['1', null, 1.5, {}, undefined]) {
    assert.equal(compiled.program.evaluate({ self: { n } }).ok, false);
  }
});

test('of very many issues the first are told, and how many more there are', () => {
  const compiled = compile(`[${new Array(5_000).fill('nobody').join(',')}]`, env);
  assert.ok(!compiled.ok);
  const lines = String(compiled.issues).split('\n');
  assert.match(lines.at(-1)!, /^\d+ more errors were truncated$/);
  assert.ok(String(compiled.issues).length < 300_000);
});
