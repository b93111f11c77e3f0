import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { test } from 'node:test';
import { setTimeout as rest } from 'node:timers/promises';
import { Registry } from 'prom-client';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { watchLoopStall } from './loop-stall.ts';

/** A loop whose turns take as long as the test says, computing or waiting. */
class FakeLoop extends FakeClock {
  cpuMs = 0;
  looks = 0;
  readonly delays = {
    max: 0,
    reset() {
      this.max = 0;
    },
  };
  #lateMs = 0;
  cpuUsage() {
    this.looks++;
    return { user: this.cpuMs * 700, system: this.cpuMs * 300 };
  }
  override monotonicMs(): number {
    return super.monotonicMs() + this.#lateMs;
  }
  /** A turn takes `ms`, of which it computes `cpuMs`; then the loop rests. */
  async turn(ms: number, cpuMs = ms, restMs = 50): Promise<void> {
    this.cpuMs += cpuMs;
    this.#lateMs += ms;
    this.delays.max = Math.max(this.delays.max, ms * 1e6);
    await this.advance(restMs);
  }
}

const watched = () => {
  const registry = new Registry();
  const loop = new FakeLoop();
  watchLoopStall(registry, loop, { cpuUsage: () => loop.cpuUsage(), delays: loop.delays });
  const stall = async () => (await registry.getSingleMetric('k8ts_event_loop_stall_seconds')!.get()).values[0]!.value;
  return { loop, stall };
};

test('the longest stall is told, until it is long ago', async () => {
  const { loop, stall } = watched();
  await loop.turn(0);
  assert.equal(await stall(), 0);
  await loop.turn(300, 300, 200);
  await loop.turn(20);
  assert.equal(await stall(), 0.3);
  // The machine was busy, not the process.
  await loop.advance(1_000);
  await loop.turn(5_000, 40, 2_000);
  assert.equal(await stall(), 0.3);
  await loop.advance(5 * 60_000);
  assert.equal(await stall(), 0.3);
  await loop.advance(10 * 60_000);
  assert.equal(await stall(), 0);
});

test('a stall of a process that has rested is told, and one that rests is hardly looked at', async () => {
  const { loop, stall } = watched();
  await loop.advance(60_000);
  const before = loop.looks;
  await loop.advance(60_000);
  assert.ok(loop.looks - before < 60, `${loop.looks - before} looks in a minute`);
  await loop.turn(400, 400, 2_000);
  assert.equal(await stall(), 0.4);
});

test('while the process computes, turns that are late are told also where nothing was measured', async () => {
  const { loop, stall } = watched();
  for (let i = 0; i < 5; i++) {
    loop.delays.reset();
    await loop.turn(30);
  }
  await loop.turn(150);
  assert.equal(await stall(), 0.15);
});

test('Node measures a whole turn that a client begins', async () => {
  const delays = monitorEventLoopDelay({ samplePerIteration: true } as object);
  delays.enable();
  const server = createServer((socket) => {
    socket.resume();
    const endMs = performance.now() + 200;
    while (performance.now() < endMs);
    socket.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  delays.reset();
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
  await once(socket, 'close');
  await rest(10);
  server.close();
  delays.disable();
  assert.ok(delays.max / 1e6 >= 200, `${delays.max / 1e6} ms`);
});
