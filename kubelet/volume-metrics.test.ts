// Names, types, labels and buckets are those of Kubernetes 1.36.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { status } from '@grpc/grpc-js';
import { Registry } from 'prom-client';
import type { CsiClient } from '../proto/csi-client.ts';
import { FakeClock } from '../test/builders/fake-clock.ts';
import { metricTable, valuesOf } from '../test/builders/metric-table.ts';
import { pod } from '../test/builders/pod.ts';
import { countVolumes, timeCsi, timeVolumes } from './volume-metrics.ts';
import { NotYetError, type VolumeContext, type VolumePlugin, type VolumeRef } from './volumes/plugin.ts';

const emptyDir: VolumeRef = { volume: { name: 'e', emptyDir: {} } };
const ofDriver = (volumeMode?: string) =>
  ({
    volume: { name: 'c' },
    pv: { metadata: { name: 'pv' }, spec: { csi: { driver: 'd.example' }, volumeMode } },
  }) as VolumeRef;
const context = (ref: VolumeRef, diskDir = '/x') => ({ ...ref, diskDir }) as VolumeContext;

test('work on volumes is timed, by plugin and driver, also when it fails, not while somebody else has a part to do', async () => {
  const [registry, clock] = [new Registry(), new FakeClock()];
  const fault: { next?: Error | undefined } = {};
  const work = async () => {
    await clock.advance(2_000);
    const { next } = fault;
    delete fault.next;
    if (next) throw next;
  };
  const handles = () => true;
  const given: VolumePlugin[] = [
    { name: 'kubernetes.io~empty-dir', handles, isLive: true, setUp: () => work().then(() => '/e') },
    { name: 'kubernetes.io~csi', handles, setUp: () => work().then(() => '/c'), tearDown: work },
  ];
  const [plain, csi] = timeVolumes(registry, clock, given) as [VolumePlugin, VolumePlugin];
  assert.deepEqual([plain.tearDown, plain.isLive, await plain.setUp(context(emptyDir))], [undefined, true, '/e']);
  await csi.tearDown!('/before');
  await csi.setUp(context(ofDriver('Block')));
  fault.next = new NotYetError('attach');
  await assert.rejects(csi.setUp(context(ofDriver())), NotYetError);
  for (const act of [() => csi.setUp(context(ofDriver())), () => csi.tearDown!('/x')]) {
    fault.next = new Error('no');
    await assert.rejects(act(), /no/);
  }
  await csi.tearDown!('/x');
  const labels = (operation: string, state: string, plugin: string) =>
    `migrated="false",operation_name="${operation}",status="${state}",volume_plugin="kubernetes.io/${plugin}"`;
  assert.deepEqual(await valuesOf(registry, 'storage_operation_duration_seconds_sum'), {
    [labels('volume_mount', 'success', 'empty-dir')]: 2,
    [labels('volume_unmount', 'success', 'csi')]: 2,
    [labels('map_volume', 'success', 'csi:d.example')]: 2,
    [labels('volume_mount', 'fail-unknown', 'csi:d.example')]: 2,
    [labels('volume_unmount', 'fail-unknown', 'csi:d.example')]: 2,
    [labels('volume_unmount', 'success', 'csi:d.example')]: 2,
  });
});

test('the calls of a driver are timed by method and outcome', async () => {
  const [registry, clock] = [new Registry(), new FakeClock()];
  const node = {
    NodeGetInfo: async () => {
      await clock.advance(500);
      return { node_id: 'n' };
    },
    NodeStageVolume: async () => {
      throw Object.assign(new Error('late'), { code: status.DEADLINE_EXCEEDED, details: 'late' });
    },
  };
  const sockets: string[] = [];
  const connect = (socket: string) => {
    sockets.push(socket);
    return { node } as unknown as CsiClient;
  };
  const client = timeCsi(registry, clock, connect)('/d.sock', 'd.example');
  assert.deepEqual([await client.node.NodeGetInfo({}), sockets], [{ node_id: 'n' }, ['/d.sock']]);
  await assert.rejects(client.node.NodeStageVolume({}), /late/);
  const labels = (code: string, method: string) =>
    `driver_name="d.example",grpc_status_code="${code}",method_name="/csi.v1.Node/${method}",migrated="false"`;
  assert.deepEqual(await valuesOf(registry, 'csi_operations_seconds_sum'), {
    [labels('OK', 'NodeGetInfo')]: 0.5,
    [labels('DeadlineExceeded', 'NodeStageVolume')]: 0,
  });
});

test('volumes are counted by plugin: those that pods are to have, and have', async () => {
  const registry = new Registry();
  const plugin = (name: string) => ({ name }) as VolumePlugin;
  const volumes = [
    { ref: emptyDir, plugin: plugin('kubernetes.io~empty-dir'), isReady: true },
    { ref: ofDriver(), plugin: plugin('kubernetes.io~csi'), isReady: true },
    { ref: { volume: { name: 'v', persistentVolumeClaim: { claimName: 'c' } } }, plugin: undefined, isReady: false },
  ];
  const worker = (isTakingResources: boolean) =>
    ({ pod: pod('p').build(), isTakingResources, volumes: { list: () => volumes } }) as never;
  countVolumes(registry, () => [worker(true), worker(true), worker(false)]);
  const labels = (name: string, state: string) => `plugin_name="${name}",state="${state}_state_of_world"`;
  assert.deepEqual(await valuesOf(registry, 'volume_manager_total_volumes'), {
    [labels('kubernetes.io/empty-dir', 'desired')]: 2,
    [labels('kubernetes.io/empty-dir', 'actual')]: 2,
    [labels('kubernetes.io/csi:d.example', 'desired')]: 2,
    [labels('kubernetes.io/csi:d.example', 'actual')]: 2,
    [labels('N/A', 'desired')]: 2,
  });
});

test('every metric is known by its name, type, labels and buckets', async () => {
  const [registry, clock] = [new Registry(), new FakeClock()];
  countVolumes(registry, () => []);
  timeVolumes(registry, clock, []);
  timeCsi(registry, clock, () => ({}) as CsiClient);
  assert.deepEqual(await metricTable(registry), [
    'csi_operations_seconds histogram driver_name,grpc_status_code,method_name,migrated 0.1..600*13',
    'storage_operation_duration_seconds histogram migrated,operation_name,status,volume_plugin 0.1..600*13',
    'volume_manager_total_volumes gauge plugin_name,state',
  ]);
});
