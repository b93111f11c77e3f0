// What objects and definitions that only lie there keep in memory: texts that were cut out of a request must not hold
// the whole of it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { CustomResourceDefinition } from '../../api/apiextensions/customresourcedefinition/schema.ts';
import { PodKind } from '../../api/core/pod.ts';
import { readJson } from '../../machinery/json-reader.ts';
import { customKinds } from '../crd/custom-kind.ts';
import { encodeStored, fieldsOfKinds, storedAs } from './stored-object.ts';

const requestBytes = 1024 * 1024;
const count = 32;

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Bytes of the heap that stay while `keep` is kept, for each of what `make` makes of a request of a MiB. */
function keptBytes(make: (text: string, i: number) => unknown, object: (filler: string, i: number) => object): number {
  gc();
  const before = process.memoryUsage().heapUsed;
  const keep = Array.from({ length: count }, (_, i) => {
    const text = JSON.stringify(object(String.fromCharCode(97 + i).repeat(requestBytes), i));
    return make(text, i);
  });
  gc();
  const kept = process.memoryUsage().heapUsed - before;
  assert.equal(keep.length, count);
  return kept / count;
}

test('an object at rest keeps its labels and fields, and not the request they came with', () => {
  const fieldsOf = fieldsOfKinds([PodKind])('/registry/pods/')!;
  const make = (text: string, i: number) => {
    const object = readJson(text).value as any;
    const value = encodeStored({ metadata: { name: 'p' } }, PodKind);
    const stored = storedAs(`/registry/pods/ns/p${i}`, object, { value, revision: 7 });
    stored.fields = fieldsOf(object);
    stored.rest();
    assert.equal(stored.labels?.['app.kubernetes.io/name'], `a-name-that-is-not-short-${i}`);
    assert.equal(stored.fields['spec.nodeName'], `a-node-that-is-not-short-${i}`);
    return stored;
  };
  const kept = keptBytes(make, (filler, i) => ({
    metadata: { name: 'p', labels: { 'app.kubernetes.io/name': `a-name-that-is-not-short-${i}` } },
    spec: { nodeName: `a-node-that-is-not-short-${i}`, hostname: filler },
  }));
  assert.ok(kept < requestBytes / 16, `${kept} bytes an object`);
});

test('the kinds of a definition keep nothing of its schemas', () => {
  const make = (text: string) => {
    const source = { definition: undefined as unknown as CustomResourceDefinition };
    return customKinds(readJson(text).value as CustomResourceDefinition, source, async () => []);
  };
  const kept = keptBytes(make, (filler, i) => ({
    metadata: { name: 'widgetswidgets.example.com', annotations: { filler } },
    spec: {
      group: `a-group-that-is-not-short-${i}.example.com`,
      scope: 'Namespaced',
      names: { plural: 'widgetswidgets', kind: 'WidgetWidgetWidget' },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { description: filler } } }],
    },
  }));
  assert.ok(kept < requestBytes / 16, `${kept} bytes a definition`);
});
