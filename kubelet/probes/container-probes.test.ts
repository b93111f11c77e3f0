import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../../api/core/pod/container.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { EventRecorder } from '../../client/events.ts';
import { FakeClock } from '../../test/builders/fake-clock.ts';
import { runtimeContainer } from '../../test/builders/runtime-state.ts';
import { ContainerProbes, type Probers } from './container-probes.ts';
import { ProbeMetrics } from './probe-metrics.ts';
import { failure, success, warning } from './probe-result.ts';

const exec = (command: string) => ({ exec: { command: [command] }, periodSeconds: 1, failureThreshold: 1 });
const container: Container = { name: 'app', livenessProbe: exec('live'), readinessProbe: exec('ready') };
const pod: Pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec: { containers: [container] }, status: {} };

test('a container that is ended for its liveness becomes unready when it says so', async () => {
  const clock = new FakeClock();
  const good = new Set(['live', 'ready']);
  const prober = async (probe: { exec?: { command?: string[] } }) =>
    good.has(probe.exec!.command![0]!) ? success() : failure('no');
  const probes = new ContainerProbes({
    probers: { exec: prober } as unknown as Probers,
    clock,
    metrics: new ProbeMetrics(),
    events: { event: () => undefined } as unknown as EventRecorder,
    onVerdict: () => undefined,
  });
  const runtime = runtimeContainer({ name: 'app' });
  probes.watch({ pod, container, containerId: 'c', podIp: '' }, runtime, { ready: false, started: false });
  await clock.advance(2_000);
  assert.equal(probes.isReady('c', container), true);
  good.delete('live');
  await clock.advance(2_000);
  assert.equal(probes.failedProbe('c'), 'LivenessProbe');
  assert.equal(probes.isReady('c', container), true);
  good.delete('ready');
  await clock.advance(2_000);
  assert.equal(probes.isReady('c', container), false);
  probes.forgetPod('u');
});

test('a success that somebody should look at is told as a warning, and counts', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  const metrics = new ProbeMetrics();
  const probes = new ContainerProbes({
    probers: { exec: async () => warning('Probe terminated redirects') } as unknown as Probers,
    clock,
    metrics,
    events: { event: (...[, ...words]: unknown[]) => told.push(words.join(' ')) } as unknown as EventRecorder,
    onVerdict: () => undefined,
  });
  const only = { name: 'app', readinessProbe: exec('ready') };
  const runtime = runtimeContainer({ name: 'app' });
  probes.watch({ pod, container: only, containerId: 'c', podIp: '' }, runtime, { ready: false, started: false });
  await clock.advance(1_500);
  assert.equal(probes.isReady('c', only), true);
  assert.deepEqual(told.slice(0, 1), ['Warning ProbeWarning Readiness probe warning: Probe terminated redirects']);
  const labels = 'container="app",namespace="ns",pod="p",pod_uid="u",probe_type="Readiness"';
  const counted = async () => (await metrics.registry.metrics()).split('\n').filter((line) => line.includes(labels));
  assert.ok((await counted()).includes(`prober_probe_total{${labels},result="successful"} ${told.length}`));
  assert.ok((await counted()).some((line) => line.startsWith('prober_probe_duration_seconds_sum')));
  probes.forgetPod('u');
  assert.deepEqual(await counted(), []);
});
