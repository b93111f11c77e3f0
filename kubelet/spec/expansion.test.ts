import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expand } from './expansion.ts';

const variables: Record<string, string> = { A: 'a', B: '$(A)', EMPTY: '' };
const cases: [string, string][] = [
  ['plain', 'plain'],
  ['$(A)', 'a'],
  ['x$(A)y$(A)', 'xaya'],
  ['$(B)', '$(A)'],
  ['$(EMPTY)', ''],
  ['$(UNKNOWN)', '$(UNKNOWN)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$a'],
  ['$A $ $', '$A $ $'],
  ['$(A', '$(A'],
];

describe('expand', () => {
  for (const [text, want] of cases)
    test(text, () =>
      assert.equal(
        expand(text, (name) => variables[name]),
        want,
      ),
    );
});
