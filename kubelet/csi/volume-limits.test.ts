import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { silentLogger } from '../../machinery/log.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import type { CsiDriver } from './drivers.ts';
import { VolumeLimits } from './volume-limits.ts';

test('a driver is asked for its limit as often as is said, while it is there', async () => {
  const clock = new FakeClock();
  const written: string[] = [];
  let limit: number | undefined = 5;
  const NodeGetInfo = async () => {
    if (limit === undefined) throw new Error('not now');
    return { node_id: 'x', max_volumes_per_node: String(limit), accessible_topology: null };
  };
  const driver = { name: 'a.example', client: { node: { NodeGetInfo } } } as unknown as CsiDriver;
  const limits = new VolumeLimits({
    clock,
    log: silentLogger,
    drivers: { find: (name) => (name === driver.name ? driver : undefined) },
    node: {
      async setLimit(name, info) {
        written.push(`${clock.now() - startMs} ${name} ${info.max_volumes_per_node}`);
      },
    },
  });
  const startMs = clock.now();
  const pass = async (seconds: number) => {
    clock.advance(seconds * 1000);
    await setImmediate(); // what was asked is answered
    return written.splice(0);
  };
  for (const name of ['a.example', 'none.example']) limits.every(10, name);
  assert.deepEqual(await pass(9), []);
  assert.deepEqual(await pass(1), ['10000 a.example 5']);
  limit = 0;
  assert.deepEqual(await pass(10), ['20000 a.example 0']);
  // Said again, it goes on; said otherwise, it begins anew.
  await pass(5);
  limits.every(10, 'a.example');
  assert.deepEqual(await pass(5), ['30000 a.example 0']);
  limits.every(60, 'a.example');
  assert.deepEqual(await pass(59), []);
  // One that cannot answer is asked again in its turn.
  limit = undefined;
  assert.deepEqual(await pass(1), []);
  limit = 8;
  assert.deepEqual(await pass(60), ['150000 a.example 8']);
  limits.every(undefined, 'a.example');
  assert.deepEqual(await pass(600), []);
  limits.every(10, 'a.example');
  limits.close();
  assert.deepEqual(await pass(600), []);
});
