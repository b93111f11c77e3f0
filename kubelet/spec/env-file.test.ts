import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findInEnvFile } from './env-file.ts';

const found: [text: string, want: string | undefined][] = [
  ["   A='1'\n\t\tK='2'\nB='3'\n", '2'],
  ["# comment\n\n  # another\nA='1'\r\nK='bar' # comment", 'bar'],
  ["A='1'\n", undefined],
  ['K=\'foo#no=comment $VAR $HOME \\n "x" 中文 🌍  \'\n', 'foo#no=comment $VAR $HOME \\n "x" 中文 🌍  '],
  ["K='one\n\n  two  \n# three'\nA='1'", 'one\n\n  two  \n# three'],
  ["K=''\n", ''],
  ["K='1'\nwhat comes after does not count", '1'],
];
const refused = [
  "K ='1'",
  "K= '1'",
  "='1'\nK='2'",
  "A='1'\nnone\nK='2'",
  'K=1',
  'K="1"',
  "K='1''2'",
  "K='1'x",
  "K='1'# 2",
  "K='1\nB='2'\n",
  "K='1",
  "K='a \\'b\\' c'",
];

describe('findInEnvFile()', () => {
  for (const [text, want] of found) test(JSON.stringify(text), () => assert.equal(findInEnvFile(text, 'K'), want));
  for (const text of refused)
    test(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => findInEnvFile(text, 'K')));
  test('takes no longer than the text is', () => {
    const started = performance.now();
    assert.throws(() => findInEnvFile(`${"A='1'\n".repeat(50_000)}${' '.repeat(400_000)}x`, 'K'));
    assert.throws(() => findInEnvFile(`A='1'${' '.repeat(400_000)}x`, 'K'));
    assert.ok(performance.now() - started < 5_000);
  });
});
