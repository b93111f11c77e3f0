import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { typeNameOf } from '../../machinery/kind.ts';
import { customKinds } from './custom-kind.ts';
import { Resting } from './resting.ts';

test('a value is made when it is needed, and again when it rested', () => {
  let made = 0;
  const resting = new Resting(() => ({ number: ++made }));
  assert.equal(made, 0);
  assert.deepEqual([resting.get(), resting.get()], [{ number: 1 }, { number: 1 }]);
  resting.restIfIdle();
  assert.equal(resting.get().number, 1);
  resting.restIfIdle();
  resting.restIfIdle();
  assert.equal(resting.get().number, 2);
});

test('who only reads custom resources has no schema made', () => {
  const names = { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' };
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: { type: 'object' } } } };
  const versions = [{ name: 'v1', served: true, storage: true, schema }];
  const spec = { group: 'example.com', scope: 'Namespaced', names, versions };
  const definition = { metadata: { name: 'widgets.example.com' }, spec } as unknown as CustomResourceDefinition;
  let reads = 0;
  const source = {
    get definition() {
      reads++;
      return definition;
    },
  };
  const [kind] = customKinds(definition, source, () => assert.fail('nothing to convert')).served;
  const { storage: version } = kind!;
  assert.equal(typeNameOf(version), 'com.example.v1.Widget');
  assert.equal(kind!.columns!.length, 1);
  assert.equal(reads, 0);
  assert.equal(version.schema.name, typeNameOf(version));
  assert.equal(reads, 1);
});
