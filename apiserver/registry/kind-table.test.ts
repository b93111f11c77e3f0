import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigMapKind } from '../../api/core/configmap.ts';
import { EventKind } from '../../api/core/event.ts';
import { defineKind } from '../../machinery/kind.ts';
import { KindTable } from './kind-table.ts';

const version = (name: string) =>
  defineKind({
    kind: 'Widget',
    plural: 'widgets',
    scope: 'Namespaced',
    isCustom: true,
    served: [{ ...ConfigMapKind.storage, group: 'example.com', version: name }],
  });

test('kinds are found by their paths, by what objects call them, and by where they lie, as they come and go', () => {
  const table = new KindTable([ConfigMapKind, EventKind]);
  const [v1, v2] = [version('v1'), version('v2')];
  table.exchange([], [v2, v1]);
  const found = () => [
    table.find('example.com', 'v1', 'widgets')?.kind,
    table.ofKind('example.com/v1', 'Widget')?.kind,
    table.ofKind('example.com/v2', 'Widget')?.kind,
  ];
  assert.deepEqual(found(), [v1, v1, v2]);
  assert.deepEqual(table.ofResource('example.com', 'widgets'), [v2, v1]);
  assert.equal(table.kind('example.com', 'Widget'), v2);
  assert.deepEqual(
    ['v1', 'events.k8s.io/v1'].map((apiVersion) => table.ofKind(apiVersion, 'Event')?.version.group),
    ['', 'events.k8s.io'],
  );
  const next = version('v1');
  table.exchange([v2, v1], [next]);
  assert.deepEqual(found(), [next, next, undefined]);
  assert.deepEqual(table.ofResource('example.com', 'widgets'), [next]);
  table.exchange([next], []);
  assert.deepEqual([found(), table.ofResource('example.com', 'widgets')], [[undefined, undefined, undefined], []]);
});
