import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { shareTexts } from './shared-texts.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

test('objects are what they were', () => {
  const deep = `${'{"a":'.repeat(5_000)}"x"${'}'.repeat(5_000)}`;
  for (const text of ['{"a":"b","c":["b",["b",1,null,true,{}]],"__proto__":{"a":"b"}}', '[]', '["",0.5]', deep]) {
    const object = JSON.parse(text);
    shareTexts(object);
    assert.equal(JSON.stringify(object), text);
  }
});

test('what many say is kept once, also beside what each says alone', () => {
  const text = (i: number) => JSON.stringify({ name: `pod-${i}`, image: ['x'.repeat(2_000)] });
  collect();
  const before = getHeapStatistics().used_heap_size;
  const objects = Array.from({ length: 10_000 }, (_, i) => {
    const object = JSON.parse(text(i)) as object;
    shareTexts(object);
    return object;
  });
  collect();
  const grown = getHeapStatistics().used_heap_size - before;
  assert.equal(objects.length, 10_000);
  assert.ok(grown < 10_000_000, `${grown} bytes more for 20 MB of texts`);
});
