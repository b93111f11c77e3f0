// What the comparisons of whole objects and of events let pass, and what not.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compareEvents } from './compare-events.ts';
import { compareObjects, compareSets } from './compare-objects.ts';

const masks = { namespace: 'here', node: 'my-node' };
const compare = (recorded: unknown, actual: unknown) =>
  compareObjects('X', recorded, actual, { scenario: 'any', masks });

describe('compareObjects()', () => {
  const cases = [
    { name: 'what is left out', recorded: { a: 1 }, actual: { a: 1, uid: 'u', kind: 'K' }, want: [] },
    { name: 'masks', recorded: { a: '<any>', b: ['<ns>/node-1'] }, actual: { a: 5, b: ['here/my-node'] }, want: [] },
    { name: 'null is nothing', recorded: { a: null }, actual: {}, want: [] },
    { name: 'a value', recorded: { a: { b: 1 } }, actual: { a: { b: 2 } }, want: ['X.a.b: recorded 1, is 2'] },
    { name: 'a field more', recorded: {}, actual: { a: 0 }, want: ['X.a: recorded undefined, is 0'] },
    { name: 'a field less', recorded: { a: '<any>' }, actual: {}, want: ['X.a: recorded "<any>", is undefined'] },
    { name: 'a longer list', recorded: { a: [1] }, actual: { a: [1, 2] }, want: ['X.a: recorded [1], is [1,2]'] },
  ];
  for (const { name, recorded, actual, want } of cases)
    test(name, () => assert.deepEqual(compare(recorded, actual), want));
});

test('compareSets() finds partners in any order, one each', () => {
  const differences = (a: unknown[], b: unknown[]) => compareSets(a, b, compare);
  assert.deepEqual(differences(['<any>', 'b'], ['b', 'c']), ['X: recorded "b", is "c"']);
  assert.deepEqual(differences([{ a: 1 }, { a: 2 }], [{ a: 2 }, { a: 1 }]), []);
  assert.deepEqual(differences(['a', 'a'], ['a']), ['recorded 2, are 1']);
});

describe('compareEvents()', () => {
  const recorded = { on: 'Job/j', type: 'Normal', reason: 'SuccessfulCreate', by: 'core:job-controller', count: 1 };
  const created = { ...recorded, message: 'Created pod: j-<any>' };
  const event = (message: string, count = 1) => ({
    involvedObject: { kind: 'Job', name: 'j' },
    type: 'Normal',
    reason: 'SuccessfulCreate',
    message,
    count,
    source: { component: 'job-controller' },
  });
  const cases = [
    { name: 'one for each', recorded: [created, created], seen: ['Created pod: j-a', 'Created pod: j-b'], want: [] },
    {
      name: 'one too many',
      recorded: [created],
      seen: ['Created pod: j-a', 'Created pod: j-b'],
      want: ['not recorded: Job/j  Normal SuccessfulCreate 1: Created pod: j-b'],
    },
    {
      name: 'one too few',
      recorded: [created, created],
      seen: ['Created pod: j-a'],
      want: ['missing: Job/j  Normal SuccessfulCreate 1: Created pod: j-<any>'],
    },
  ];
  test('of pods of one name, one each or one that was counted', () => {
    const told = { ...created, message: 'Container started', by: 'kubelet' };
    const source = { component: 'kubelet', host: masks.node };
    const seen = (count: number) => ({ ...event(told.message, count), source, reportingInstance: masks.node });
    const differences = (...counts: number[]) => compareEvents('any', [told, told], counts.map(seen), masks).length;
    assert.deepEqual([differences(1, 1), differences(2), differences(1)], [0, 0, 2]);
  });
  for (const { name, recorded, seen, want } of cases) {
    test(name, () => {
      const events = seen.map((message) => event(message));
      assert.deepEqual(compareEvents('any', recorded, events, masks), want);
    });
  }
});
