import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { expand, expandAll } from './expansion.ts';

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

test('what becomes longer than a process can take is refused', () => {
  const long = () => 'x'.repeat(1 << 20);
  assert.throws(() => expand('$(A)'.repeat(600), long), { message: 'argument list too long' });
  assert.throws(() => expandAll(Array(600).fill('$(A)'), long), { message: 'argument list too long' });
});
