import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  type Attributes,
  type AuthorizationMode,
  authorizeInOrder,
  type Decision,
  type RuleList,
} from './attributes.ts';

const attributes = { user: { username: 'joe', groups: [] }, verb: 'get' } as unknown as Attributes;
const allows: Decision = { allowed: true, reason: 'may' };
const denies: Decision = { allowed: false, denied: true, reason: 'must not' };
const silent = (reason: string): Decision => ({ allowed: false, reason });
const mode = (decision: Decision | Promise<Decision>, list: RuleList = { rules: [] }): AuthorizationMode => ({
  authorize: () => decision,
  rulesFor: () => list,
});

describe('authorizers in order', () => {
  const fails: Decision = { allowed: false, reason: '', error: 'no answer' };
  const cases: [name: string, decisions: (Decision | Promise<Decision>)[], want: Decision][] = [
    ['nobody', [], silent('')],
    ['the first who allows', [silent('x'), allows, denies], allows],
    ['the first who denies', [silent('x'), denies, allows], denies],
    ['one who takes his time', [Promise.resolve(silent('x')), Promise.resolve(denies), allows], denies],
    ['nobody has an opinion: all reasons', [silent('x'), silent(''), silent('y')], silent('x\ny')],
    ['an error is told where nobody decides', [fails, silent('y')], { ...silent('y'), error: 'no answer' }],
    ['an error does not forbid', [fails, allows], allows],
  ];
  for (const [name, decisions, want] of cases) {
    test(name, async () => {
      assert.deepEqual(await authorizeInOrder(decisions.map((one) => mode(one))).authorize(attributes), want);
    });
  }

  test('their rules are one list, and why it is not whole', () => {
    const rule = (verb: string) => ({ verbs: [verb] });
    const lists: RuleList[] = [
      { rules: [rule('a')], incomplete: 'x' },
      { rules: [rule('b')] },
      { rules: [], incomplete: 'y' },
    ];
    const all = authorizeInOrder(lists.map((list) => mode(allows, list)));
    assert.deepEqual(all.rulesFor(attributes.user, 'n'), { rules: [rule('a'), rule('b')], incomplete: '[x, y]' });
    const [, whole] = lists;
    assert.deepEqual(authorizeInOrder([mode(allows, whole)]).rulesFor(attributes.user, 'n'), whole);
  });
});
