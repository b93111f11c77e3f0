import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { registerProcessMetrics } from './process-metrics.ts';

test('a process tells what it costs, as Prometheus names it', async () => {
  const registry = new Registry();
  registerProcessMetrics(registry);
  const value = async (name: string) => (await registry.getSingleMetric(`process_${name}`)!.get()).values[0]!.value;
  const startMs = (await value('start_time_seconds')) * 1000;
  const expectedMs = Date.now() - process.uptime() * 1000;
  assert.ok(Math.abs(startMs - expectedMs) < 30_000, `${startMs} is not near ${expectedMs}`);
  const { user, system } = process.cpuUsage();
  const cpuSeconds = await value('cpu_seconds_total');
  assert.ok(cpuSeconds >= (user + system) / 1e6 - 0.1 && cpuSeconds < (user + system) / 1e6 + 10);
  const rss = process.memoryUsage.rss();
  const resident = await value('resident_memory_bytes');
  assert.ok(resident > rss / 2 && resident < rss * 2);
  assert.ok((await value('virtual_memory_bytes')) > resident);
  const files = await value('open_fds');
  assert.ok(files > 2 && files < (await value('max_fds')));
});
