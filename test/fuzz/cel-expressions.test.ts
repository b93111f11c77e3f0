// Expressions of CEL, taken from the conformance suite and changed, and repeated until they are large, to the compiler and
// what it makes.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tests as suite } from '@bufbuild/cel-spec/testdata/conformance.js';
import { compile } from '../../machinery/cel/cel.ts';
import { decl } from '../../machinery/cel/decl-type.ts';
import { toJson } from '../../machinery/cel/json-values.ts';
import { kubernetesEnv, kubernetesLibraries } from '../../machinery/cel/kubernetes-env.ts';
import { bindingLibrary } from '../../machinery/cel/lib/bindings.ts';
import { perCallCostLimit } from '../../machinery/cel/limits.ts';
import { allCases } from '../builders/cel-conformance.ts';
import { encoderLibrary } from '../builders/cel-encoders.ts';
import { mathLibrary } from '../builders/cel-math.ts';
import { type Draw, fuzz, fuzzSeconds } from '../environment/fuzz.ts';

const env = kubernetesEnv({
  libraries: [...kubernetesLibraries, mathLibrary, encoderLibrary, bindingLibrary],
  hasUniformLiterals: false,
  variables: { x: decl.dyn(), s: decl.string(1000), l: decl.list(decl.int, 1000), m: decl.map(decl.string(), 100) },
});
const variables = {
  x: { a: [1, 'b', null, 1.5, true], b: { c: 'd' } },
  s: 'héllo 👑'.repeat(50),
  l: Array.from({ length: 500 }, (_, i) => i),
  m: { a: 'b', '👑': '' },
};
const names = ['x', 's', 'l', 'm', 'x.a', 'x.b', 'l[0]', 'm.a'];

const token = /[\w.]+|"[^"]*"|'[^']*'|\s+|[^\w\s]/g;
const expressions: string[][] = [...allCases(suite)].map(({ original }) => original.expr.match(token) ?? []);
const tokens = expressions.flat();

/** An expression with some tokens lost, added, exchanged or doubled; now and then many times over. */
function draw(from: Draw): string {
  const parts = [...from.of(expressions)];
  for (let i = from.below(4); i > 0; i--) {
    const at = from.below(parts.length + 1);
    const added = from.chance(0.5) ? from.of(tokens) : from.of(names);
    parts.splice(at, from.below(2), ...(from.chance(0.8) ? [added] : []));
  }
  const one = parts.join('');
  if (from.chance(0.98)) return one;
  const times = 1 + from.below(2_000);
  return from.of([
    () => new Array(times).fill(one).join(from.of(['+', '||', ',', '.', '?', ' in '])),
    () => `${'('.repeat(times)}${one}${')'.repeat(times)}`,
    () => `${'l.map(i, '.repeat(times % 50)}${one}${')'.repeat(times % 50)}`,
    () => `[${new Array(times).fill(one).join(',')}]`,
  ])();
}

/** Of compiling and evaluating one: far above what any takes, far below what would be no bound. */
const maxCpuMs = 5_000;

test('no expression breaks the compiler, or costs more than it may', {
  timeout: (fuzzSeconds + 60) * 1000,
}, async () => {
  let evaluated = 0;
  await fuzz(async (from) => {
    const source = draw(from);
    const before = process.cpuUsage();
    const compiled = compile(source, env);
    // What is too long as a whole has no place.
    if (!compiled.ok) assert.match(String(compiled.issues), /^ERROR: <input>:(?:\d+:\d+|-1:0): /, source);
    else {
      const result = compiled.program.evaluate(variables);
      assert.ok(result.cost <= perCallCostLimit || !result.ok, source);
      assert.ok(compiled.cost.min <= compiled.cost.max, source);
      if (result.ok) JSON.stringify(toJson(result.value));
      else assert.notEqual(result.message, '');
      evaluated++;
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < maxCpuMs, `${source.slice(0, 1000)}: took too long`);
  });
  if (process.env.K8TS_FUZZ_SEED === undefined) assert.ok(evaluated > 100, 'some expressions are good');
});
