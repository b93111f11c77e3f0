import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { PolicyRule } from './attributes.ts';
import { findUncovered, findUncoveredInSteps, TooManyRightsError } from './rule-cover.ts';

const many = (count: number, start = 'n') => Array.from({ length: count }, (_, i) => `${start}${i}`);
const pods = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const log = { ...pods, resources: ['pods/log'] };

describe('what is covered', () => {
  const cases: [what: string, wanted: PolicyRule, owned: PolicyRule, isCovered: boolean][] = [
    ['the same', pods, pods, true],
    ['another verb', { ...pods, verbs: ['list'] }, pods, false],
    ['another group', { ...pods, apiGroups: ['a'] }, pods, false],
    ['another resource', { ...pods, resources: ['nodes'] }, pods, false],
    ['one of all', pods, { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, true],
    ['all of one', { ...pods, resources: ['*'] }, pods, false],
    ['one name of all', { ...pods, resourceNames: ['a'] }, pods, true],
    ['all of one name', pods, { ...pods, resourceNames: ['a'] }, false],
    ['one of two names', { ...pods, resourceNames: ['a'] }, { ...pods, resourceNames: ['b', 'a'] }, true],
    ['a subresource of the resource', log, pods, false],
    ['a subresource of all', log, { ...pods, resources: ['*'] }, true],
    ['the subresource of all', log, { ...pods, resources: ['*/log'] }, true],
    ['a path below', { verbs: ['get'], nonResourceURLs: ['/a/b'] }, { verbs: ['*'], nonResourceURLs: ['/a/*'] }, true],
    ['a path above', { verbs: ['get'], nonResourceURLs: ['/a/*'] }, { verbs: ['*'], nonResourceURLs: ['/a/b'] }, false],
    ['a path by a resource', { verbs: ['get'], nonResourceURLs: ['/a'] }, pods, false],
  ];
  for (const [what, wanted, owned, isCovered] of cases)
    test(what, () => assert.deepEqual(findUncovered([wanted], [owned]), isCovered ? [] : [wanted]));
});

test('20,000 rules are held against 20,000 others, step by step', () => {
  const rules = (start: string) => many(20_000, start).map((resource) => ({ ...pods, resources: [resource] }));
  const start = process.cpuUsage();
  assert.deepEqual(findUncovered(rules('a'), [...rules('b'), ...rules('a')]), []);
  const { user } = process.cpuUsage(start);
  assert.ok(user < 2_000_000, `${user} us`);
  let steps = 0;
  for (const _ of findUncoveredInSteps(rules('a'), rules('a'))) steps++;
  assert.equal(steps, 20_000);
});

test('names are found in a list of 50,000', () => {
  const rule = { ...pods, resourceNames: many(50_000) };
  const start = process.cpuUsage();
  assert.deepEqual(findUncovered([rule], [rule]), []);
  const { user } = process.cpuUsage(start);
  assert.ok(user < 2_000_000, `${user} us`);
});

test('of billions of rights nobody says whether they are covered', () => {
  const rule = { verbs: many(300), apiGroups: many(300), resources: many(300), resourceNames: many(300) };
  assert.throws(() => findUncovered([rule], [{ ...rule, resourceNames: [] }]), TooManyRightsError);
});
