import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { encoderLibrary } from '../../test/builders/cel-encoders.ts';
import { mathLibrary } from '../../test/builders/cel-math.ts';
import { compile } from './cel.ts';
import { decl } from './decl-type.ts';
import { kubernetesEnv, kubernetesLibraries } from './kubernetes-env.ts';
import { bindingLibrary } from './lib/bindings.ts';

const env = kubernetesEnv({
  libraries: [...kubernetesLibraries, mathLibrary, encoderLibrary, bindingLibrary],
  variables: { x: decl.dyn(), s: decl.string() },
});

const tooMuch: Record<string, string> = {
  'open parentheses': '('.repeat(50_000),
  'nested parentheses': `${'('.repeat(1000)}1${')'.repeat(1000)}`,
  'nested lists': `${'['.repeat(1000)}1${']'.repeat(1000)}`,
  'nested maps': `${'{1:'.repeat(1000)}1${'}'.repeat(1000)}`,
  'a long sum': `1${'+1'.repeat(40_000)}`,
  'a long path': `x${'.a'.repeat(40_000)}`,
  'many indexes': `x${'[0]'.repeat(30_000)}`,
  'many calls': `s${'.trim()'.repeat(14_000)}`,
  'nested calls': `${'size('.repeat(10_000)}s${')'.repeat(10_000)}`,
  'paths within paths': `${'('.repeat(200)}x${`${'.a'.repeat(200)})`.repeat(200)}`,
  'nested conditions': `${'true ? 1 : '.repeat(9_000)}1`,
  'many macros': `x${'.map(a, a)'.repeat(9_000)}`,
  'a long text': `'${'a'.repeat(100_001)}'`,
  'open text': `'${'a'.repeat(90_000)}`,
  'many minuses and nothing': '-'.repeat(90_000),
};

describe('expressions beyond the bounds are refused, and quickly', () => {
  for (const [what, source] of Object.entries(tooMuch)) {
    test(what, { timeout: 20_000 }, () => assert.equal(compile(source, env).ok, false));
  }
});

describe('levels are counted as cel-go counts them', () => {
  const chain = (more: number) => `true${' == true'.repeat(more)}`;
  const nested = (levels: number, open: string, close = ')') => `${open.repeat(levels)}x${close.repeat(levels)}`;
  const tooDeep = 'ERROR: <input>:-1:0: max recursion depth exceeded';
  const tooManyOpen = 'ERROR: <input>:-1:0: expression recursion limit exceeded: 250';
  const table: [what: string, source: (n: number) => string, most: number, problem: string][] = [
    ['operators, one after the other', chain, 250, tooDeep],
    ['fields', (n) => `x${'.a'.repeat(n)}`, 250, tooDeep],
    ['parentheses', (n) => nested(n, '('), 249, tooManyOpen],
    ['lists', (n) => nested(n, '[', ']'), 249, tooManyOpen],
    ['functions', (n) => nested(n, 'dyn('), 249, tooManyOpen],
    ['comparisons at the right of others', (n) => nested(n, 'true == ('), 124, tooManyOpen],
    ['calculations at the right of others', (n) => nested(n, 'x + ('), 124, tooManyOpen],
    ['conditions', (n) => `${'true ? 1 : '.repeat(n)}1`, 249, tooManyOpen],
    ['loops', (n) => nested(n, '[1].all(a, '), 249, tooManyOpen],
  ];
  for (const [what, source, most, problem] of table) {
    test(what, () => {
      const within = compile(source(most), env);
      assert.ok(within.ok, within.ok ? '' : String(within.issues).slice(0, 300));
      within.program.evaluate({ s: '', x: {} });
      const beyond = compile(source(most + 1), env);
      assert.equal(beyond.ok ? 'compiled' : String(beyond.issues), problem);
    });
  }

  test('and a tree that nobody writes is refused, whatever it is made of', () => {
    const refused = compile(nested(249, '!dyn(true && ', ') == true'), env);
    assert.equal(refused.ok ? 'compiled' : String(refused.issues), tooManyOpen);
  });
});

describe('expressions within the bounds compile, and quickly', () => {
  const wide: Record<string, string> = {
    'a wide disjunction': Array.from({ length: 5_000 }, (_, i) => `s == '${i}'`).join(' || '),
    'a long list': `[${Array.from({ length: 20_000 }, (_, i) => i % 10).join(',')}].size() > 1`,
    'many types to find': `[${Array.from({ length: 4_000 }, () => '[].size()').join(',')}].size() > 1`,
    'nested optionals': `x${'.?a'.repeat(200)}.hasValue()`,
    'optMap after optMap': `optional.of(1)${'.optMap(v, v + 1)'.repeat(20)}.hasValue()`,
  };
  for (const [what, source] of Object.entries(wide)) {
    test(what, { timeout: 20_000 }, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues).slice(0, 300));
    });
  }
});

const doubled = (times: number) =>
  `${Array.from({ length: times }, (_, i) => `cel.bind(a${i + 1}, a${i} + a${i}, `).join('')}a${times}`;
const bomb = (start: string, use: string, times = 60) =>
  `cel.bind(a0, ${start}, ${doubled(times)} ${use}${')'.repeat(times + 1)}`;
const range = 'lists.range(1000)';

const expensive: Record<string, string> = {
  'loops within loops': `${range}.all(a, ${range}.all(b, ${range}.all(c, a + b + c >= 0)))`,
  'a list of lists of lists': `${range}.map(a, ${range}.map(b, ${range}.map(c, c))).size() > 0`,
  'a huge range': 'lists.range(9000000000000000).size() > 0',
  'a text that doubles': bomb("'0123456789'", "== ''"),
  'a list that doubles': bomb('[1, 2, 3]', '== []'),
  'lists of lists that double, compared': `cel.bind(z, [[[1]]], ${bomb('[z, z]', '== [z]', 30)})`,
  'a text replaced over and over': `${range}.all(a, s.replace('', s).replace('', s).size() > 0)`,
  'joined texts': `${range}.map(a, s).join(s).size() > 0 && ${range}.all(a, ${range}.map(b, s).join(s) != '')`,
  'every element compared': `${range}.map(a, [a]).distinct().map(a, ${range}.map(b, [b]).distinct()).size() > 0`,
};

describe('evaluations beyond the bounds end at their limit, and quickly', () => {
  for (const [what, source] of Object.entries(expensive)) {
    test(what, { timeout: 30_000 }, () => {
      const compiled = compile(source, env);
      assert.ok(compiled.ok, compiled.ok ? '' : String(compiled.issues).slice(0, 500));
      const result = compiled.program.evaluate({ s: 'x'.repeat(1000), x: {} });
      assert.ok(
        !result.ok && result.isOverCost,
        JSON.stringify(result, (_, v) => (typeof v === 'bigint' ? 0 : v)).slice(0, 200),
      );
    });
  }
});

describe('regular expressions take linear time', () => {
  const patterns = ['(a+)+$', '(a|aa)+$', '(a|a?)+b', '([a-zA-Z]+)*$', '(.*a){10}$'];
  for (const pattern of patterns) {
    test(pattern, { timeout: 20_000 }, () => {
      const compiled = compile(`s.matches(x) || s.find(x) == '' || true`, env);
      assert.ok(compiled.ok);
      assert.ok(compiled.program.evaluate({ s: `${'a'.repeat(5_000)}!`, x: pattern }, { costLimit: 1e9 }).ok);
    });
  }

  test('what RE2 has not is no regular expression', () => {
    const compiled = compile('s.matches(x)', env);
    assert.ok(compiled.ok);
    for (const pattern of ['(?=a)', '(a)\\1', 'a{2000}']) {
      assert.equal(compiled.program.evaluate({ s: 'a', x: pattern }).ok, false);
    }
  });
});

test('names of prototypes are names like others', () => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    const compiled = compile(`has(x.${name}) || '${name}' in x`, env);
    assert.ok(compiled.ok);
    const result = compiled.program.evaluate({ x: {} });
    assert.ok(result.ok && result.value === false);
    assert.equal(compile(`${name} == 1`, env).ok, false);
    assert.equal(compile(`${name}(1)`, env).ok, false);
    assert.equal(compile(`x.${name}()`, env).ok, false);
    assert.equal(compile(`s.${name}(1)`, env).ok, false);
  }
});
