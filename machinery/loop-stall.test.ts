import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { FakeClock } from './clock.ts';
import { watchLoopStall } from './loop-stall.ts';

/** A loop whose turns take as long as the test says, computing or waiting. */
class FakeLoop extends FakeClock {
  cpuMs = 0;
  #lateMs = 0;
  override monotonicMs(): number {
    return super.monotonicMs() + this.#lateMs;
  }
  /** A turn takes `ms`, of which it computes `cpuMs`. */
  async turn(ms: number, cpuMs = ms): Promise<void> {
    this.cpuMs += cpuMs;
    this.#lateMs += ms;
    await this.advance(50);
  }
}

test('the longest stall is told, until it is long ago', async () => {
  const registry = new Registry();
  const loop = new FakeLoop();
  watchLoopStall(registry, loop, () => ({ user: loop.cpuMs * 700, system: loop.cpuMs * 300 }));
  const stall = async () => (await registry.getSingleMetric('k8ts_event_loop_stall_seconds')!.get()).values[0]!.value;
  await loop.turn(0);
  assert.equal(await stall(), 0);
  await loop.turn(300);
  await loop.turn(20);
  assert.equal(await stall(), 0.3);
  // The machine was busy, not the process.
  await loop.turn(5000, 40);
  assert.equal(await stall(), 0.3);
  await loop.advance(5 * 60_000);
  assert.equal(await stall(), 0.3);
  await loop.advance(10 * 60_000);
  assert.equal(await stall(), 0);
});
