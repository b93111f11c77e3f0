// The summary of a node with one pod, as upstream's own test of the Summary API wants it: every field, with its bounds.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runtimeContainer, runtimeSandbox } from '../../test/builders/runtime-state.ts';
import { joinSandboxes } from '../pods/runtime-state.ts';
import { CpuRates } from './cpu-rates.ts';
import { describeNodeStats, type StatsInput } from './stats.ts';

const value = (n: number) => ({ value: String(n) });
const nanos = (ms: number) => `${ms}000000`;
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const time = '2026-01-02T03:04:05Z';
const data = (total: number) => ({ Total: String(total), Avg10: 1.5, Avg60: 0, Avg300: 0 });
const psi = { Full: data(1), Some: data(2) };
const shownData = (total: number) => ({ total, avg10: 1.5, avg60: 0, avg300: 0 });
const shownPsi = { full: shownData(1), some: shownData(2) };

function sandboxStats(atMs: number, cpuNanos: number) {
  const timestamp = nanos(atMs);
  const use = {
    cpu: { timestamp, usage_core_nano_seconds: value(cpuNanos), usage_nano_cores: null, psi },
    memory: {
      timestamp,
      available_bytes: value(100),
      usage_bytes: value(50),
      working_set_bytes: value(40),
      rss_bytes: value(30),
      page_faults: value(7),
      major_page_faults: value(0),
      psi,
    },
    io: { timestamp, psi },
  };
  const eth0 = { name: 'eth0', rx_bytes: value(11), rx_errors: value(0), tx_bytes: value(22), tx_errors: value(0) };
  const layer = { timestamp, used_bytes: value(4096), inodes_used: value(3) };
  const swap = { timestamp, swap_usage_bytes: value(5), swap_available_bytes: value(15) };
  const attributes = { id: 'app-0', metadata: { name: 'app' } };
  return {
    attributes: { id: 's', metadata: { name: 'p', namespace: 'ns', uid: 'u' } },
    linux: {
      ...use,
      network: { timestamp, default_interface: eth0, interfaces: [eth0] },
      process: { timestamp, process_count: value(2) },
      containers: [{ ...use, attributes, writable_layer: layer, swap }],
    },
  };
}

test('the summary has every figure of the node, its pods and their containers', async (t) => {
  const podLogsDir = mkdtempSync(join(tmpdir(), 'k8ts-summary-'));
  t.after(() => rmSync(podLogsDir, { recursive: true }));
  const logs = join(podLogsDir, 'ns_p_u', 'app');
  mkdirSync(logs, { recursive: true });
  writeFileSync(join(logs, '0.log'), 'x'.repeat(5000));
  const container = runtimeContainer({ name: 'app' });
  const state = joinSandboxes([{ sandbox: runtimeSandbox(), containers: [container] }]);
  const volume = (name: string, usedBytes: number) => ({ name, usedBytes, inodesUsed: 1, capacityBytes: 1000 });
  const volumes = [
    volume('data', 500),
    volume('memory', 70),
    volume('config', 20),
    { ...volume('claim', 9), claim: { namespace: 'ns', name: 'c' }, isAbnormal: false },
  ];
  const spec = {
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
      { name: 'config', configMap: { name: 'c' } },
      { name: 'claim', persistentVolumeClaim: { claimName: 'c' } },
    ],
  };
  const pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u' }, spec };
  const worker = { pod, runtime: { state }, volumes: { measure: async () => volumes } };
  const rates = new CpuRates();
  const group = (atMs: number, cpuSeconds: number, limitBytes?: number) => ({
    ...{ atMs, cpuSeconds, usageBytes: 900, workingSetBytes: 800, rssBytes: 700, pageFaults: 6, majorPageFaults: 1 },
    limitBytes,
    swapBytes: 12,
    pressure: { cpu: shownPsi, memory: shownPsi, io: shownPsi },
  });
  const summary = async (atMs: number, cpuSeconds: number, more: Partial<StatsInput> = {}) => {
    const ListPodSandboxStats = async () => ({ stats: [sandboxStats(atMs, cpuSeconds * 1e9)] });
    const found = await describeNodeStats({
      cri: { runtime: { ListPodSandboxStats } },
      nodeName: 'node',
      startMs: nowMs - 60_000,
      node: {
        usage: group(atMs, cpuSeconds),
        signals: {
          'memory.available': { available: 1000, capacity: 4096 },
          'nodefs.available': { available: 30, capacity: 100 },
          'nodefs.inodesFree': { available: 3, capacity: 10 },
          'imagefs.available': { available: 300, capacity: 1000 },
          'imagefs.inodesFree': { available: 30, capacity: 100 },
          'pid.available': { available: 90, capacity: 100 },
        },
      },
      allPods: group(atMs, cpuSeconds / 2, 2000),
      worker: (uid: string) => (uid === 'u' ? worker : undefined),
      rates,
      podLogsDir,
      nowMs: atMs,
      onlyCpuAndMemory: false,
      ...more,
    } as unknown as StatsInput);
    return JSON.parse(JSON.stringify(found));
  };
  await summary(nowMs - 2_000, 1);
  const { node, pods } = await summary(nowMs, 2);

  const { network, ...rest } = node;
  assert.equal(network.time, time);
  assert.ok(network.interfaces.every((i: any) => i.name !== 'lo' && Number.isInteger(i.rxBytes)));
  const nodeFs = {
    time,
    availableBytes: 30,
    capacityBytes: 100,
    usedBytes: 70,
    inodesFree: 3,
    inodes: 10,
    inodesUsed: 7,
  };
  const imageFs = {
    ...{ time, availableBytes: 300, capacityBytes: 1000, usedBytes: 700 },
    inodesFree: 30,
    inodes: 100,
    inodesUsed: 70,
  };
  const cpu = (usageNanoCores: number, seconds: number) => ({
    time,
    usageNanoCores,
    usageCoreNanoSeconds: seconds * 1e9,
    psi: shownPsi,
  });
  const memory = {
    time,
    usageBytes: 900,
    workingSetBytes: 800,
    rssBytes: 700,
    pageFaults: 6,
    majorPageFaults: 1,
    psi: shownPsi,
  };
  const startTime = '2026-01-02T03:03:05Z';
  const io = { time, psi: shownPsi };
  const nodeSwap = { time, swapUsageBytes: 12 };
  const swap = { time, swapUsageBytes: 5, swapAvailableBytes: 15 };
  assert.deepEqual(rest, {
    nodeName: 'node',
    systemContainers: [
      { name: 'pods', startTime, cpu: cpu(2.5e8, 1), memory: { ...memory, availableBytes: 1200 }, swap: nodeSwap, io },
    ],
    startTime,
    cpu: cpu(5e8, 2),
    memory: { ...memory, availableBytes: 1000 },
    swap: nodeSwap,
    io,
    fs: nodeFs,
    runtime: { imageFs, containerFs: imageFs },
    rlimit: { time, maxpid: 100, curproc: 10 },
  });

  const [{ podRef, containers, ...own }] = pods;
  assert.deepEqual(podRef, { name: 'p', namespace: 'ns', uid: 'u' });
  const ownMemory = {
    time,
    availableBytes: 100,
    usageBytes: 50,
    workingSetBytes: 40,
    rssBytes: 30,
    pageFaults: 7,
    majorPageFaults: 0,
    psi: shownPsi,
  };
  const [{ logs: logged, rootfs, ...app }] = containers;
  const started = new Date(Number(BigInt(container.started_at || container.created_at) / 1_000_000n)).toISOString();
  assert.deepEqual(app, {
    name: 'app',
    startTime: `${started.slice(0, 19)}Z`,
    cpu: cpu(5e8, 2),
    memory: ownMemory,
    swap,
    io,
  });
  assert.deepEqual(rootfs, { ...imageFs, usedBytes: 4096, inodesUsed: 3 });
  assert.deepEqual({ ...logged, usedBytes: 0 }, { ...nodeFs, usedBytes: 0, inodesUsed: 2 });
  assert.ok(logged.usedBytes >= 5000, `${logged.usedBytes}`);
  const eth0 = { name: 'eth0', rxBytes: 11, rxErrors: 0, txBytes: 22, txErrors: 0 };
  const { startTime: created, ...figures } = own;
  assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  const shown = (name: string, usedBytes: number) => ({ time, name, usedBytes, inodesUsed: 1, capacityBytes: 1000 });
  assert.deepEqual(figures, {
    cpu: cpu(5e8, 2),
    memory: ownMemory,
    swap,
    io,
    network: { time, ...eth0, interfaces: [eth0] },
    volume: [
      shown('data', 500),
      shown('memory', 70),
      shown('config', 20),
      { ...shown('claim', 9), pvcRef: { name: 'c', namespace: 'ns' }, volumeHealthStats: { abnormal: false } },
    ],
    // The layer, the logs, and what lies on the node's disk and goes with the pod.
    'ephemeral-storage': { ...nodeFs, usedBytes: 4096 + logged.usedBytes + 520, inodesUsed: 3 + 2 + 2 },
    process_stats: { process_count: 2 },
  });

  const quick = await summary(nowMs + 2_000, 2, { onlyCpuAndMemory: true });
  assert.deepEqual(Object.keys(quick.node), ['nodeName', 'systemContainers', 'startTime', 'cpu', 'memory']);
  assert.deepEqual(Object.keys(quick.pods[0].containers[0]), ['name', 'startTime', 'cpu', 'memory']);
  // A pod that the kubelet does not know any more.
  const unknown = await summary(nowMs + 4_000, 2, { worker: () => undefined });
  assert.equal(unknown.pods[0].startTime, startTime);
});
