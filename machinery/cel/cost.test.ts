import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compile } from './cel.ts';
import { declFromOpenApi, type OpenApiSchema } from './decl-openapi.ts';
import { crdEnv, policyEnv } from './kubernetes-env.ts';
import { authorizerValue } from './lib/authorizer.ts';
import { perCallCostLimit } from './limits.ts';

const string: OpenApiSchema = { type: 'string' };
const integer: OpenApiSchema = { type: 'integer' };
const object = (properties: Record<string, OpenApiSchema>): OpenApiSchema => ({ type: 'object', properties });
const array = (items: OpenApiSchema, more: OpenApiSchema = {}): OpenApiSchema => ({ type: 'array', items, ...more });
const mapOf = (additionalProperties: OpenApiSchema): OpenApiSchema => ({ type: 'object', additionalProperties });
const keyed = { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': ['k'] };
const pair = object({ k: string, v: string, v2: string });

interface Group {
  schema: Record<string, OpenApiSchema>;
  self: Record<string, unknown>;
  costs: Record<string, number>;
}

// What kube-apiserver charges for rules that hold: its own suite has these figures (celcoststability_test.go).
const groups: Record<string, Group> = {
  numbers: {
    schema: { a: integer, b: integer, d: { type: 'number' }, e: { type: 'number' } },
    self: { a: 5, b: 5, d: 10, e: 10.5 },
    costs: {
      'self.a == self.b': 5,
      'self.a == self.b && self.a == 5 && self.b == 5': 11,
      'type(self.a) == int': 4,
      'self.a + 1 == 5 + 1': 5,
      'double(self.a) < self.d': 6,
      'double(5) < 10.0': 1,
      'type(self.d) == double': 4,
      'self.d == 10.0': 3,
    },
  },
  strings: {
    schema: { s: string, u: { type: 'string', enum: ['Pending', 'Bound'] }, b: { type: 'string', format: 'byte' } },
    self: { s: 'Rook takes 👑', u: 'Pending', b: 'QUI=' },
    costs: {
      "self.s.startsWith('Rook')": 4,
      "!self.s.startsWith('knight')": 5,
      "self.s.matches('^[^0-9]*$')": 8,
      'size(self.s) == 12': 4,
      "self.s.charAt(3) == 'k'": 4,
      "self.s.indexOf('o') == 1": 4,
      "self.s.replace(' ', 'x') == 'Rookxtakesx👑'": 7,
      "self.s.split(' ') == ['Rook', 'takes', '👑']": 6,
      "self.s.substring(5) == 'takes 👑'": 5,
      "self.s.substring(4, 10).trim() == 'takes'": 6,
      "self.s.upperAscii() == 'ROOK TAKES 👑'": 6,
      "self.u in ['Pending', 'Available']": 2,
      "self.b == b'AB'": 3,
      'size(self.b) == 2': 4,
    },
  },
  times: {
    schema: { d: { type: 'string', format: 'duration' }, t: { type: 'string', format: 'date-time' } },
    self: { d: '1h2m3s4ms', t: '2011-08-18T19:03:37.010000000+01:00' },
    costs: {
      "self.d == duration('1h2m') + duration('3s4ms')": 4,
      'self.d.getHours() == 1': 4,
      "self.t == timestamp('2011-08-18T00:00:00.000+01:00') + duration('19h3m37s10ms')": 4,
      "self.t.getDate('01:00') == 18": 4,
      'type(self.t) == google.protobuf.Timestamp': 4,
    },
  },
  lists: {
    schema: { l: array(integer), n: array(integer), s: array(string, { 'x-kubernetes-list-type': 'set' }) },
    self: { l: [1, 2, 3], n: [1, 1, 2, 2, 3, 3, 4, 5], s: ['a', 'b', 'c'] },
    costs: {
      '1 in self.l': 5,
      'self.l[0] in self.l': 8,
      'self.l + self.l == [1, 2, 3, 1, 2, 3]': 6,
      'self.l + [4, 5] == [1, 2, 3, 4, 5]': 4,
      "self.s == ['c', 'b', 'a']": 3,
      "self.s + ['c', 'd'] == ['a', 'b', 'c', 'd']": 4,
      'self.n.all(e, e > 0)': 43,
      'self.n.exists(e, e > 2)': 36,
      'self.n.exists_one(e, e > 4)': 22,
      '!self.n.all(e, e < 2)': 21,
      '!self.n.exists(e, e < 0)': 52,
      '!self.n.exists_one(e, e == 2)': 25,
      'size(self.n.filter(e, e%2 == 0)) == 3': 68,
      'self.n.map(e, e * 20).filter(e, e > 50).exists(e, e == 60)': 194,
    },
  },
  'map lists': {
    schema: { objs: array(array(pair, keyed)), list: array(pair, keyed) },
    self: {
      objs: [
        [
          { k: 'a', v: '1' },
          { k: 'b', v: '2' },
        ],
        [
          { k: 'b', v: '2' },
          { k: 'a', v: '1' },
        ],
        [
          { k: 'b', v: '3' },
          { k: 'a', v: '1' },
        ],
        [{ k: 'c', v: '4' }],
      ],
      list: [
        { k: 'a1', v: 'b1' },
        { k: 'a2', v: 'b2' },
        { k: 'a3', v: 'b3', v2: 'z' },
      ],
    },
    costs: {
      'self.objs[0] == self.objs[1]': 7,
      'self.objs[0] + self.objs[2] == self.objs[2]': 11,
      'self.objs[0] == [self.objs[0][1], self.objs[0][0]]': 22,
      'self.objs[2] + [self.objs[0][0], self.objs[0][1]] == self.objs[0]': 26,
      'size(self.objs[0] + [self.objs[3][0]]) == 3': 20,
      'has(self.list[0].v)': 3,
      "self.list.all(m, m.k.startsWith('a'))": 21,
      "self.list.all(m, !has(m.v2) || m.v2 == 'z')": 21,
      "self.list.exists_one(m, m.k == 'a3')": 15,
      "!self.list.all(m, m.k.endsWith('1'))": 18,
      "size(self.list.filter(m, m.k == 'a1')) == 1": 27,
      "self.list.map(m, m.v).exists(v, v == 'b1')": 55,
      "self.list.exists(m, has(m.v2) && m.v2 == 'z')": 21,
      "self.list.exists_one(m, has(m.v2) && m.v2 == 'z')": 12,
      "self.list.map(m, has(m.v2) && m.v2 == 'z', m.v2).size() == 1": 25,
    },
  },
  'maps and objects': {
    schema: {
      m: mapOf(integer),
      o: object({ b: integer, c: object({ d: integer }), none: string, null: { ...string, nullable: true } }),
      p: { 'x-kubernetes-int-or-string': true },
    },
    self: { m: { b: 1, d: 2 }, o: { b: 1, c: { d: 4 }, null: null }, p: '25%' },
    costs: {
      "!('a' in self.m)": 4,
      'has(self.m.b)': 2,
      'self.m.all(k, self.m[k] > 0)': 17,
      'self.m.exists_one(k, self.m[k] == 2)': 14,
      '!self.m.exists_one(k, self.m[k] > 0)': 17,
      'size(self.m.filter(k, self.m[k] > 1)) == 1': 26,
      'has(self.o.b)': 2,
      'has(self.o.c.d)': 3,
      '!has(self.o.none)': 3,
      '!has(self.o.__null__)': 3,
      'self.o.?b == optional.of(1)': 5,
      'self.o.?none == optional.none()': 4,
      'self.o.?b.orValue(3) == 1': 4,
      "type(self.p) == int ? self.p == 1 : self.p == '25%'": 7,
      "self.p != ['anything']": 3,
      "type(self.p) == string && self.p.matches(r'(\\d+(\\.\\d+)?%)')": 10,
      'type(self) == type(self)': 5,
      "optional.of('a').or(optional.of('a')).hasValue()": 2,
    },
  },
};

describe('what rules cost is what kube-apiserver charges', () => {
  for (const [name, { schema, self, costs }] of Object.entries(groups)) {
    const env = crdEnv(declFromOpenApi(object(schema), 'rule')!);
    for (const [rule, cost] of Object.entries(costs)) {
      test(`${name}: ${rule}`, () => {
        const compiled = compile(rule, env);
        assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
        assert.deepEqual(compiled.program.evaluate({ self }), { ok: true, value: true, cost });
      });
    }
  }
});

const list5 = '[1, 2, 3, 4, 5]';

describe('estimates are those of kube-apiserver', () => {
  const env = policyEnv({ hasAuthorizer: true, hasPatchTypes: true });
  const estimates: Record<string, [min: number, max: number]> = {
    [`${list5}.sum()`]: [15, 15],
    [`${list5}.indexOf(3)`]: [15, 15],
    "'01234567890123456789012345678901234567890123456789'.indexOf('123')": [5, 5],
    "url('https:://kubernetes.io/').getPort()": [4, 4],
    "url('https:://kubernetes.io/') == url('https:://kubernetes.io/')": [7, 9],
    "ip('192.168.0.1').isLoopback()": [3, 3],
    "ip('192.168.0.1') == ip('2001:db8:3333:4444:5555:6666:7777:8888')": [7, 7],
    "ip.isCanonical('2001:db8:3333:4444:5555:6666:7777:8888')": [8, 8],
    "cidr('192.168.0.0/16').containsCIDR(cidr('192.0.0.0/30'))": [7, 11],
    "cidr('192.168.0.0/16').containsIP('192.169.0.1')": [5, 8],
    "'ABCDEFGHIJ abcdefghij'.lowerAscii() == 'abcdefghij ABCDEFGHIJ'.lowerAscii()": [7, 9],
    "strings.quote('ABCDEFGHIJ abcdefghij') == strings.quote('ABCDEFGHIJ abcdefghij')": [7, 11],
    "'abc 123 def 123'.replace('123', '456')": [3, 3],
    "'abc 123 def 123'.split(' ')": [3, 3],
    "'abc 123 def 123'.findAll('123', 1)": [2, 2],
    "jsonpatch.escapeKey('abc/def~ abc/def~')": [2, 2],
    "authorizer.group('apps').resource('deployments').subresource('status').namespace('test').name('backend')": [6, 6],
    "authorizer.path('/healthz').check('get').allowed()": [350003, 350003],
    "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=example-node-name.fully.qualified.domain.name.example.com')":
      [1821, 1821],
    'quantity("200M") == quantity("0.2G") && quantity("0.2G") == quantity("200M")': [3, 6],
    'quantity("50k").add(20).sub(quantity("100k")).asInteger() > 0': [6, 6],
    'format.named("dns1123Label").value().validate("my-name")': [34, 34],
    'sets.contains([1, 2, 3, 4], [2, 3])': [29, 29],
    'sets.equivalent([1, 2, 3], [3, 2, 1])': [39, 39],
    'semver("1234.56789012345.67890123456789")': [4, 4],
    "{'a': 1, 'b': 2}.all(k, v, v > 0)": [37, 41],
    "{'a': 1, 'b': 2}.exists(k, v, v > 0)": [39, 43],
    "{'a': 1, 'b': 2}.existsOne(k, v, v > 0)": [38, 40],
    "{'a': 1, 'b': 2}.transformMap(k, v, v < 5, v + 1)": [67, 75],
    "{'a': 1, 'b': 2}.transformMapEntry(k, v, {k: v + 1})": [131, 131],
    '[1, 2].transformList(i, v, v < 5, v + 1)': [27, 53],
    // By cel-go's ext/lists.go: what is made, or compared, and 11 for the call and a new list.
    'lists.range(3)': [14, 14],
    '[1, 2, 3].slice(1, 3)': [23, 23],
    '[1, 2, 3].reverse()': [24, 24],
    '[[1], [2]].flatten()': [43, 43],
    '[[1], [2]].flatten(3)': [47, 47],
    '[1, 2, 3].distinct()': [39, 39],
    '[3, 1, 2].sort()': [39, 39],
    "['b', 'a', 'c'].sort()": [40, 40],
  };
  for (const [source, [min, max]] of Object.entries(estimates)) {
    test(source, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
      assert.deepEqual(compiled.cost, { min, max });
    });
  }

  const bounds: [what: string, self: OpenApiSchema, rule: string, max: number][] = [
    ['a bounded text', { type: 'string', maxLength: 10 }, "self.contains('abc')", 1 + 4],
    ['an enumeration', { type: 'string', enum: ['a', 'bcd'] }, "self == 'abcdef'", 1 + 1],
    ['a bounded list', array(integer, { maxItems: 10 }), 'self.all(x, x > 0)', 2 + 10 * 5],
    ['a bounded map', { ...mapOf(integer), maxProperties: 3 }, 'self.all(k, self[k] > 0)', 2 + 3 * 7],
    // As upstream has it, its keys are not.
    ['a map', { ...mapOf(integer), maxProperties: 3 }, "self.all(k, k.matches('ab'))", 2 + 3 * 5],
  ];
  for (const [what, self, rule, max] of bounds) {
    test(`${what} bounds its rule`, () => {
      const compiled = compile(rule, crdEnv(declFromOpenApi(self, 'rule')!));
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues));
      assert.equal(compiled.cost.max, max);
    });
  }

  test('a list without a bound has as many items as a request can hold', () => {
    const compiled = compile('self.all(x, self.all(y, x == y))', crdEnv(declFromOpenApi(array(string), 'rule')!));
    assert.ok(compiled.ok);
    assert.ok(compiled.cost.max > 1e12);
  });
});

test('lists that are made and compared cost by their size', () => {
  const env = policyEnv({});
  for (const [source, cost] of [
    ['lists.range(3)', 14],
    ['[1, 2, 3].slice(1, 3)', 13],
    ['[1, 2, 3].reverse()', 14],
    ['[[1], [2]].flatten(3)', 27],
    ['[1, 2, 3].distinct()', 29],
    ["['b', 'a', 'c'].sort()", 29],
  ] as const) {
    const compiled = compile(source, env);
    assert.ok(compiled.ok);
    assert.equal(compiled.program.evaluate({}).cost, cost, source);
  }
});

test('an evaluation ends at its limit', () => {
  const compiled = compile(
    'self.all(x, self.all(y, x <= y || true))',
    crdEnv(declFromOpenApi(array(integer), 'rule')!),
  );
  assert.ok(compiled.ok);
  const self = Array.from({ length: 2000 }, (_, i) => i);
  const result = compiled.program.evaluate({ self });
  assert.ok(!result.ok && result.isOverCost);
  assert.equal(result.message, 'operation cancelled: actual cost limit exceeded');
  assert.ok(result.cost >= perCallCostLimit && result.cost < perCallCostLimit * 1.01);
  const small = compiled.program.evaluate({ self: [1] }, { costLimit: 5 });
  assert.ok(!small.ok && small.isOverCost);
});

test('three authorization checks are one too many', () => {
  const env = policyEnv({ hasAuthorizer: true });
  const check = "authorizer.path('/healthz').check('get').allowed()";
  const compiled = compile(`${check} && ${check} && ${check}`, env);
  assert.ok(compiled.ok);
  const result = compiled.program.evaluate({ authorizer: authorizerValue(() => ({ isAllowed: true })) });
  assert.ok(!result.ok && result.isOverCost);
});
