import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { shrinkHeapAtRest } from './heap-at-rest.ts';

const mib = 1024 * 1024;
const periodMs = 15_000;

function watched() {
  const clock = new FakeClock();
  const heap = { total: 60 * mib, used: 30 * mib, collected: 0 };
  let cpuMs = 0;
  shrinkHeapAtRest(clock, () => ({ user: cpuMs * 600, system: cpuMs * 400 }), {
    size: () => heap,
    collect() {
      heap.collected++;
      heap.total = heap.used + 5 * mib;
    },
  });
  const period = async (computedMs: number) => {
    cpuMs += computedMs;
    await clock.advance(periodMs);
  };
  return { heap, period };
}

test('a heap shrinks once when its process rests, and again when it has grown', async () => {
  const { heap, period } = watched();
  await period(5_000);
  assert.equal(heap.collected, 0, 'there is work');
  await period(100);
  await period(100);
  assert.equal(heap.collected, 1);
  heap.total += 4 * mib;
  await period(100);
  assert.equal(heap.collected, 1, 'hardly anything is to be had');
  heap.total += 6 * mib;
  await period(9_000);
  await period(100);
  assert.equal(heap.collected, 2);
});

test('a heap whose collection takes long is left alone unless hardly anything happens', async () => {
  const { heap, period } = watched();
  heap.total = 400 * mib;
  heap.used = 300 * mib;
  await period(300);
  assert.equal(heap.collected, 0);
  await period(100);
  assert.equal(heap.collected, 1);
});
