import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { customKinds } from './custom-kind.ts';

const nowMs = Date.parse('2026-01-02T03:04:05Z');

/** The kind of a definition whose columns are of these types and paths. */
function kindOf(columns: [type: string, jsonPath: string][], more = {}) {
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
  const additionalPrinterColumns = columns.map(([type, jsonPath]) => ({ name: 'c', type, jsonPath }));
  const schema = { openAPIV3Schema: { type: 'object' } };
  const versions = [{ name: 'v1', served: true, storage: true, schema, additionalPrinterColumns, ...more }];
  const spec = { group: 'example.com', scope: 'Namespaced', names, versions };
  const definition = { metadata: { name: 'widgets.example.com' }, spec } as unknown as CustomResourceDefinition;
  return customKinds(definition, { definition }, () => assert.fail('nothing to convert')).served[0]!;
}

const cells: [type: string, value: unknown, cell: string | number | boolean | null][] = [
  ['string', undefined, null],
  ['string', null, '<no value>'],
  ['string', { a: [1] }, '{"a":[1]}'],
  ['integer', 1.5, 1],
  ['integer', null, null],
  ['number', '1', null],
  ['boolean', 'true', null],
  ['date', '2026-01-02T03:04:00Z', '5s'],
  ['date', '2026-01-02T05:04:00.5+02:00', '4s'],
  ['date', '', '<unknown>'],
  ['date', '2026-01-02', '<invalid>'],
  ['date', '12', '<invalid>'],
  ['date', 12, null],
];
for (const [type, value, cell] of cells) {
  test(`${JSON.stringify(value)} in a column of ${type}: ${cell}`, () => {
    const [column] = kindOf([[type, '.v']]).columns!;
    assert.equal(column!.cell({ metadata: {}, v: value } as never, { nowMs } as never), cell);
  });
}

test('paths that mean nothing are no hindrance: there are columns up to the first', () => {
  const scale = { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n', labelSelectorPath: '.status.a[x]' };
  const kind = kindOf(
    [
      ['string', '.a[0:1]'],
      ['string', '.a[x]'],
      ['string', '.b'],
    ],
    { subresources: { scale } },
  );
  assert.equal(kind.columns!.length, 1);
});
