// The names, types, labels and buckets of what the proxy tells of its work are those of kube-proxy 1.36.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { metricTable, valuesOf } from '../../test/builders/metric-table.ts';
import { ProxyMetrics } from './metrics.ts';

const table = `
kubeproxy_network_programming_duration_seconds histogram ip_family 0.25..300*80
kubeproxy_sync_proxy_rules_duration_seconds histogram ip_family 0.001..16.384*15
kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds gauge ip_family
kubeproxy_sync_proxy_rules_last_timestamp_seconds gauge ip_family
`;

test('every metric is known by its name, type, labels and buckets', async () => {
  const registry = new Registry();
  new ProxyMetrics(registry, new FakeClock());
  assert.deepEqual(await metricTable(registry), table.trim().split('\n'));
});

test('how long rules take, and how long after a change they are in force', async () => {
  const registry = new Registry();
  const clock = new FakeClock();
  const metrics = new ProxyMetrics(registry, clock);
  const slice = (afterMs: number) => {
    const time = new Date(clock.now() + afterMs).toISOString();
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': time };
    return { metadata: { name: 's', annotations }, addressType: 'IPv4' as const, endpoints: [] };
  };
  const [changed, older] = [slice(1000), slice(-1000)];
  await clock.advance(3000);
  metrics.queued();
  const startMs = clock.monotonicMs();
  await clock.advance(2000);
  metrics.synced(startMs, [changed, older, { ...changed, metadata: { name: 't' } }]);
  const of = async (name: string) => Object.values(await valuesOf(registry, `kubeproxy_${name}`));
  assert.deepEqual(await of('sync_proxy_rules_duration_seconds_sum'), [2]);
  assert.deepEqual(await of('network_programming_duration_seconds_sum'), [4], 'what is older is not counted');
  assert.deepEqual(await of('sync_proxy_rules_last_timestamp_seconds'), [clock.now() / 1000]);
  assert.deepEqual(await of('sync_proxy_rules_last_queued_timestamp_seconds'), [clock.now() / 1000 - 2]);
});
