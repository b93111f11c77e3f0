// The names, types, labels and buckets of what the kubelet tells of its work are those of Kubernetes 1.36.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { CriClient } from '../proto/cri-client.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { metricTable, valuesOf } from '../test/builders/metric-table.ts';
import { pod } from '../test/builders/pod.ts';
import type { PodCgroups } from './cgroups/pod-cgroups.ts';
import { registerCertificate, registerMetrics, timeOperations } from './metrics.ts';
import type { PodSet } from './pods/pod-set.ts';
import { countPodStarts, countRequests, registerWork, tellNode, timeCgroups, timeRelists } from './work-metrics.ts';

const table = `
kubelet_active_pods gauge static
kubelet_certificate_manager_client_expiration_renew_errors gauge
kubelet_certificate_manager_client_ttl_seconds gauge
kubelet_cgroup_manager_duration_seconds histogram operation_type 0.005..10*11
kubelet_desired_pods gauge static
kubelet_evictions counter eviction_signal
kubelet_http_inflight_requests gauge long_running,method,path,server_type
kubelet_http_requests_duration_seconds histogram long_running,method,path,server_type 0.005..10*11
kubelet_http_requests_total counter long_running,method,path,server_type
kubelet_node_name gauge node
kubelet_pleg_relist_duration_seconds histogram 0.005..10*11
kubelet_pleg_relist_interval_seconds histogram 0.005..10*11
kubelet_pod_start_duration_seconds histogram 0.5..3600*25
kubelet_pod_start_sli_duration_seconds histogram 0.5..3600*25
kubelet_pod_start_total_duration_seconds histogram 0.5..3600*25
kubelet_pod_worker_duration_seconds histogram operation_type 0.005..10*11
kubelet_pod_worker_start_duration_seconds histogram 0.005..10*11
kubelet_running_containers gauge container_state
kubelet_running_pods gauge
kubelet_runtime_operations_duration_seconds histogram operation_type 0.005..745.058059692*14
kubelet_runtime_operations_errors_total counter operation_type
kubelet_runtime_operations_total counter operation_type
kubelet_started_containers_total counter container_type
kubelet_started_pods_errors_total counter
kubelet_started_pods_total counter
kubelet_started_user_namespaced_pods_errors_total counter
kubelet_started_user_namespaced_pods_total counter
`;

function everything() {
  const registry = new Registry();
  const clock = new FakeClock();
  const took = async () => {
    await clock.advance(500);
    throw new Error('no');
  };
  const cri = { runtime: { RunPodSandbox: took }, images: {} } as unknown as CriClient;
  const own = pod('own').build();
  const file = pod('file').annotations({ 'kubernetes.io/config.source': 'file' }).build();
  const workers = [
    { pod: own, isTakingResources: false },
    { pod: file, isTakingResources: true },
  ];
  const pods = { list: () => workers } as unknown as PodSet;
  const groups = { create: () => '/path', resize: () => undefined, remove: () => true } as unknown as PodCgroups;
  registerMetrics(registry, () => undefined);
  registerCertificate(registry, 'client', { clock, manager: { current: undefined, failures: 0 } });
  tellNode(registry, 'n', () => pods);
  return {
    registry,
    clock,
    values: (name: string) => valuesOf(registry, `kubelet_${name}`),
    cri: countPodStarts(registry, timeOperations(registry, clock, cri)),
    work: registerWork(registry, clock),
    cgroups: timeCgroups(registry, clock, groups),
    relist: timeRelists(registry, clock),
    request: countRequests(registry, clock),
  };
}

test('every metric is known by its name, type, labels and buckets', async () => {
  assert.deepEqual(await metricTable(everything().registry), table.trim().split('\n'));
});

test('what is done for pods', async () => {
  const { clock, values, cri, work, cgroups, relist } = everything();
  await assert.rejects(cri.runtime.RunPodSandbox({}));
  assert.deepEqual(await values('started_pods_total'), { '': 1 });
  assert.deepEqual(await values('started_pods_errors_total'), { '': 1 });
  work.begins(2000);
  assert.deepEqual(await values('pod_worker_start_duration_seconds_sum'), { '': 2 });
  await assert.rejects(
    work.pass('sync', async () => {
      await clock.advance(1500);
      throw new Error('not now');
    }),
  );
  assert.deepEqual(await values('pod_worker_duration_seconds_sum'), { 'operation_type="sync"': 1.5 });
  work.starts('init_container');
  assert.deepEqual(await values('started_containers_total'), { 'container_type="init_container"': 1 });
  assert.equal(cgroups.create(pod('a').build()), '/path');
  assert.equal(cgroups.remove('uid'), true);
  assert.deepEqual(await values('cgroup_manager_duration_seconds_count'), {
    'operation_type="create"': 1,
    'operation_type="destroy"': 1,
  });
  assert.equal(await relist(Promise.resolve('all')), 'all');
  await clock.advance(3000);
  await relist(Promise.resolve('all'));
  assert.deepEqual(await values('pleg_relist_interval_seconds_sum'), { '': 3 });
  assert.deepEqual(await values('pleg_relist_duration_seconds_count'), { '': 2 });
  assert.deepEqual(await values('node_name'), { 'node="n"': 1 });
  assert.deepEqual(await values('desired_pods'), { 'static="true"': 1, 'static=""': 1 });
  assert.deepEqual(await values('active_pods'), { 'static="true"': 1, 'static=""': 0 });
});

const paths: [method: string, path: string, labels: string][] = [
  ['GET', '/metrics/cadvisor', 'long_running="false",method="GET",path="metrics/cadvisor"'],
  ['GET', '/metrics', 'long_running="false",method="GET",path="metrics"'],
  ['GET', '/containerLogs/ns/pod/c', 'long_running="false",method="GET",path="containerLogs"'],
  ['POST', '/exec/ns/pod/c', 'long_running="true",method="POST",path="exec"'],
  ['BREW', '/made/up', 'long_running="false",method="other",path="other"'],
];
for (const [method, path, labels] of paths) {
  test(`a request counts by the kind of its path: ${method} ${path}`, async () => {
    const { clock, values, request } = everything();
    const end = request(method, path);
    const all = `${labels},server_type="readwrite"`;
    assert.deepEqual(await values('http_inflight_requests'), { [all]: 1 });
    await clock.advance(2000);
    end();
    assert.deepEqual(await values('http_inflight_requests'), { [all]: 0 });
    assert.deepEqual(await values('http_requests_total'), { [all]: 1 });
    assert.deepEqual(await values('http_requests_duration_seconds_sum'), { [all]: 2 });
  });
}
