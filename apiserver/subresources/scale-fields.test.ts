// The managers of a scale and those of its parent. Upstream: scalehandler_test.go.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ManagedFieldsEntry } from '../../machinery/metadata.ts';
import { parentEntries, scaleEntries } from './scale-fields.ts';

const fieldsOf = (names: string) => Object.fromEntries(names.split(' ').map((name) => [`f:${name}`, {}]));
/** `manager Apply v1 scale: replicas selector`, the subresource left out where there is none. */
function entry(text: string): ManagedFieldsEntry {
  const [who, names] = text.split(': ');
  const [manager, operation, version, subresource] = who!.split(' ');
  const apiVersion = version === 'scale/v1' ? 'autoscaling/v1' : `g/${version}`;
  const fieldsV1 = { 'f:spec': fieldsOf(names!) };
  const fields = { apiVersion, fieldsType: 'FieldsV1', fieldsV1, ...(subresource ? { subresource } : {}) };
  return { manager, operation, ...fields } as ManagedFieldsEntry;
}

const paths: Record<string, any> = { 'g/v1': { 'f:spec': { 'f:replicas': {} } }, 'g/v2': { 'f:spec': { 'f:size': {} } }, 'g/v3': null }; // biome-ignore format: one
const pathOf = (apiVersion: string) => paths[apiVersion];

test('of a scale those are the managers who have the replicas, each in its own version', () => {
  const parent = ['a Apply v1: selector', 'b Apply v1: replicas', 'c Apply v2: replicas', 'd Apply v2: size', 'e Apply v9: replicas'];
  const want = ['b Apply scale/v1: replicas', 'd Apply scale/v1: replicas'];
  assert.deepEqual(scaleEntries(pathOf, parent.map(entry), 'autoscaling/v1'), want.map(entry));
}); // biome-ignore format: a table

describe('the managers of the parent', () => {
  const cases: [name: string, parent: string[], scale: string[], want: string[]][] = [
    ['another one takes the replicas', ['t Apply v1: replicas selector'], ['s Update scale/v1 scale: replicas'], ['t Apply v1: selector', 's Update v1 scale: replicas']],
    ['the same one takes them through the scale', ['t Apply v1: replicas selector'], ['t Apply scale/v1 scale: replicas'], ['t Apply v1: selector', 't Apply v1 scale: replicas']],
    ['they are shared', ['t Apply v1: replicas selector'], ['t Apply scale/v1: replicas', 't Apply scale/v1 scale: replicas'], ['t Apply v1: replicas selector', 't Apply v1 scale: replicas']],
    ['all that somebody had is taken', ['t Apply v1: replicas'], ['s Update scale/v1 scale: replicas'], ['s Update v1 scale: replicas']],
    ['the scale has them no more', ['t Apply v1: selector'], ['s Update scale/v1 scale: other'], ['t Apply v1: selector']],
    ['a version that is not served goes', ['o Apply v9: selector', 't Apply v1: selector'], [], ['t Apply v1: selector']],
    ['each version has them elsewhere', ['o Apply v2: selector size', 't Apply v1: replicas selector'], ['s Update scale/v1 scale: replicas'], ['o Apply v2: selector', 't Apply v1: selector', 's Update v1 scale: replicas']],
    ['a version has no scale', ['o Apply v3: replicas'], ['s Update scale/v1 scale: replicas'], ['o Apply v3: replicas', 's Update v1 scale: replicas']],
  ]; // biome-ignore format: a table
  for (const [name, parent, scale, want] of cases)
    test(name, () => {
      const entries = { parent: parent.map(entry), scale: scale.map(entry) };
      assert.deepEqual(parentEntries(pathOf, entries, 'g/v1'), want.map(entry));
    });
});
