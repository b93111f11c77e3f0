// What is done step by step gives what it gave at once, and stops often enough.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { indentInSteps, indentJson } from './go-json.ts';
import { jsonPatchInSteps } from './json-patch.ts';
import { readJson, readJsonInSteps, TextError } from './json-reader.ts';
import { mergePatchInSteps } from './merge-patch.ts';
import { s } from './schema.ts';
import { finish, type Steps } from './steps.ts';
import { strategicMergeInSteps } from './strategic-merge.ts';
import { yamlInSteps } from './yaml-writer.ts';

const numbers = Array.from({ length: 20_000 }, (_, i) => i);
const objects = numbers.map((i) => ({ name: `n${i}`, value: { at: i } }));
const schema = s.object('t.T', '', {
  list: s.list(s.object('t.I', '', { name: s.string(''), value: s.any('', '') }), '', {
    patchStrategy: 'merge',
    patchMergeKey: 'name',
  }),
});

function* joined(work: Steps<Buffer[]>): Steps<string> {
  return Buffer.concat(yield* work).toString();
}

function stepsOf<T>(work: Steps<T>): { value: T; steps: number } {
  for (let steps = 1; ; steps++) {
    const { done, value } = work.next();
    if (done) return { value, steps };
  }
}

describe('work in steps', () => {
  const patch = { list: [{ name: 'n7', value: { at: -1 } }] };
  const table: [what: string, work: () => Steps<unknown>, want: unknown][] = [
    ['JSON is read', () => readJsonInSteps(JSON.stringify(objects)), { value: objects, duplicates: [] }],
    ['JSON is indented', () => joined(indentInSteps([JSON.stringify(objects)])), JSON.stringify(objects, null, 2)],
    ['YAML is written', () => yamlInSteps(numbers), numbers.map((i) => `- ${i}\n`).join('')],
    ['maps are merged', () => mergePatchInSteps({ a: 1 }, Object.fromEntries(numbers.map((i) => [`k${i}`, { i }]))),
      { a: 1, ...Object.fromEntries(numbers.map((i) => [`k${i}`, { i }])) }],
    ['lists are merged by key', () => strategicMergeInSteps({ list: objects }, { list: objects }, schema), { list: objects }],
    ['operations are carried out', () => jsonPatchInSteps({}, numbers.slice(0, 500).map((i) => ({ op: 'add', path: `/k${i}`, value: i }))),
      Object.fromEntries(numbers.slice(0, 500).map((i) => [`k${i}`, i]))],
  ]; // biome-ignore format: one table
  for (const [what, work, want] of table)
    test(what, () => {
      const { value, steps } = stepsOf(work());
      assert.deepEqual(value, want);
      assert.ok(steps >= 10, `${steps} steps`);
    });

  test('inputs stay as they are', () => {
    const before = { list: objects.slice(0, 10), map: { a: { b: 1 } } };
    const text = JSON.stringify(before);
    finish(strategicMergeInSteps(before, patch, schema));
    finish(mergePatchInSteps(before, { map: { a: { c: 1, b: null } } }));
    finish(jsonPatchInSteps(before, [{ op: 'remove', path: '/list/0' }]));
    assert.equal(JSON.stringify(before), text);
  });

  test('what cannot be read is refused in the same words', () => {
    const text = `[${'1,'.repeat(5_000)}]`;
    assert.throws(() => finish(readJsonInSteps(text)), TextError);
    assert.throws(
      () => finish(readJsonInSteps(text)),
      (err: Error) => {
        assert.throws(() => readJson(text), { message: err.message });
        return true;
      },
    );
  });

  test('a merge takes names of prototypes for names', () => {
    const merged = finish(mergePatchInSteps({}, JSON.parse('{"toString":{"a":1},"__proto__":{"b":2}}')));
    assert.equal(JSON.stringify(merged), '{"toString":{"a":1},"__proto__":{"b":2}}');
  });

  test('a patch that moves a long list again and again is refused', () => {
    const operations = Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/list/0', value: 1 }) as const);
    const long = { list: Array.from({ length: 500_000 }, () => 1) };
    assert.throws(() => finish(jsonPatchInSteps(long, operations)), /operation \d+ moves too much/);
    assert.equal((finish(jsonPatchInSteps({ list: [2] }, operations)) as { list: number[] }).list.length, 10_001);
  });

  test('JSON is indented in pieces as in one', () => {
    const text = JSON.stringify({ a: objects.slice(0, 3), b: [] });
    const at = text.indexOf(',{');
    const pieces = [text.slice(0, at), text.slice(at)];
    assert.equal(finish(joined(indentInSteps(pieces))), indentJson(text));
  });
  test('indented by one', () => assert.equal(indentJson('{"a":[1,{}]}', ' '), '{\n "a": [\n  1,\n  {}\n ]\n}'));
});
