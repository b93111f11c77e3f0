import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../test/builders/seeded-random.ts';
import { Heap } from './heap.ts';

test('what comes out is in order, whatever goes in meanwhile', () => {
  const random = seededRandom(1);
  const heap = new Heap<number>((a, b) => a < b);
  const kept: number[] = [];
  for (let i = 0; i < 5_000; i++) {
    if (random.next() < 0.6) {
      const item = Math.floor(random.next() * 1_000);
      heap.push(item);
      kept.push(item);
      continue;
    }
    kept.sort((a, b) => a - b);
    assert.equal(heap.peek(), kept[0]);
    assert.equal(heap.pop(), kept.shift());
  }
  assert.equal(heap.size, kept.length);
});
