import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { RestMetrics } from './rest-metrics.ts';
import { Transport } from './transport.ts';

test('a request that no answer came to is counted as an error', async () => {
  const registry = new Registry();
  // Nobody listens on the port that stands for none.
  const config = { server: 'https://127.0.0.1:1' };
  const transport = new Transport(config, {
    userAgent: 'test',
    clock: new FakeClock(),
    onAnswer: new RestMetrics(registry).of(config.server),
  });
  await assert.rejects(transport.request({ method: 'PUT', path: '/x' }));
  transport.close();
  const text = await registry.metrics();
  assert.match(text, /rest_client_requests_total\{code="<error>",host="127\.0\.0\.1:1",method="PUT"\} 1\n/);
  assert.match(text, /rest_client_request_duration_seconds_count\{host="127\.0\.0\.1:1",verb="PUT"\} 1\n/);
});
