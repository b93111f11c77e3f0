import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Image, StatusResponse, VersionResponse } from '../../proto/cri.gen.ts';
import { buildNode, computeCapacity, computeNodeStatus, type NodeStatusInput } from './node-status.ts';

const gib = 1 << 30;
const facts = {
  cpus: 2,
  memoryBytes: gib,
  diskBytes: 100 * gib,
  hugePages: { '2Mi': 0, '1Gi': 0 },
  maxPids: 32_768,
  hasAppArmor: false,
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernelVersion: '6.1',
  osImage: 'Debian',
  architecture: 'amd64',
};
const identity = { name: 'n', ip: '10.0.0.1', port: 10_250, labels: { role: 'x' } };
const runtimeWith = (
  ...conditions: { type: string; status: boolean; reason: string; message: string }[]
): StatusResponse => ({
  status: { conditions },
  info: {},
  runtime_handlers: [{ name: '', features: { recursive_read_only_mounts: true, user_namespaces: false } }],
  features: null,
});
const fine = { reason: '', message: '' };
const base: NodeStatusInput = {
  identity,
  facts,
  pressure: [],
  version: { runtime_name: 'k8ts', runtime_version: '1' } as VersionResponse,
  runtime: runtimeWith(
    { type: 'RuntimeReady', status: true, ...fine },
    { type: 'NetworkReady', status: true, ...fine },
  ),
  images: [],
  known: [],
  advertised: {},
  nowMs: Date.parse('2026-01-01T00:00:00Z'),
};

const cases: { name: string; input: Partial<NodeStatusInput>; want: string }[] = [
  {
    name: 'all is well',
    input: {},
    want: 'MemoryPressure=False:KubeletHasSufficientMemory DiskPressure=False:KubeletHasNoDiskPressure PIDPressure=False:KubeletHasSufficientPID Ready=True:KubeletReady',
  },
  {
    name: 'a full disk',
    input: { pressure: ['DiskPressure'] },
    want: 'MemoryPressure=False:KubeletHasSufficientMemory DiskPressure=True:KubeletHasDiskPressure PIDPressure=False:KubeletHasSufficientPID Ready=True:KubeletReady',
  },
  {
    name: 'no runtime',
    input: { runtime: null },
    want: 'MemoryPressure=False:KubeletHasSufficientMemory DiskPressure=False:KubeletHasNoDiskPressure PIDPressure=False:KubeletHasSufficientPID Ready=False:KubeletNotReady',
  },
];

describe('conditions of a node', () => {
  for (const { name, input, want } of cases) {
    test(name, () => {
      const { conditions = [] } = computeNodeStatus({ ...base, ...input });
      assert.equal(conditions.map((c) => `${c.type}=${c.status}:${c.reason}`).join(' '), want);
    });
  }

  test('a network that is not there yet is named', () => {
    const why = { reason: 'NetworkPluginNotReady', message: 'no range' };
    const { conditions = [] } = computeNodeStatus({
      ...base,
      runtime: runtimeWith({ type: 'NetworkReady', status: false, ...why }),
    });
    const text =
      'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:no range';
    assert.equal(conditions[3]?.message, text);
  });

  test('the time of a transition stays while the status does', () => {
    const before = computeNodeStatus(base).conditions!;
    const after = computeNodeStatus({ ...base, known: before, nowMs: base.nowMs + 60_000 }).conditions!;
    assert.equal(after[3]?.lastTransitionTime, before[3]?.lastTransitionTime);
    assert.notEqual(after[3]?.lastHeartbeatTime, before[3]?.lastHeartbeatTime);
  });
});

test('capacity, and what of it is for pods', () => {
  const { capacity, allocatable } = computeCapacity(facts);
  const shared = { cpu: '2', pods: '110', 'hugepages-1Gi': '0', 'hugepages-2Mi': '0' };
  assert.deepEqual(capacity, { ...shared, memory: '1048576Ki', 'ephemeral-storage': '104857600Ki' });
  assert.deepEqual(allocatable, { ...shared, memory: '946176Ki', 'ephemeral-storage': String(90 * gib) });
});

test('an extended resource that somebody advertised is for pods, all of it', () => {
  const advertised = { cpu: '99', 'example.com/dongle': '4' };
  const { capacity, allocatable } = computeNodeStatus({ ...base, advertised });
  assert.equal(capacity?.['example.com/dongle'], '4');
  assert.equal(allocatable?.['example.com/dongle'], '4');
  assert.equal(capacity?.cpu, '2');
});

test('labels of a new node', () => {
  assert.deepEqual(buildNode(identity, facts).metadata.labels, {
    'beta.kubernetes.io/arch': 'amd64',
    'beta.kubernetes.io/os': 'linux',
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': 'n',
    'kubernetes.io/os': 'linux',
    role: 'x',
  });
});

test('images, the largest first', () => {
  const image = (name: string, size: string) => ({ repo_tags: [name], repo_digests: [], size }) as unknown as Image;
  const { images } = computeNodeStatus({ ...base, images: [image('a', '1'), image('b', '20')] });
  assert.deepEqual(images, [
    { names: ['b'], sizeBytes: 20 },
    { names: ['a'], sizeBytes: 1 },
  ]);
});
