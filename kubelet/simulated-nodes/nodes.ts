// Simulated nodes: registered at the start, then a Lease of each every ten seconds, as a kubelet keeps it. One that was
// taken for dead because nobody kept it for a while says that it is well.
import { LeaseKind } from '../../api/coordination/lease.ts';
import type { NodeStatus } from '../../api/core/node/node-status.ts';
import { type Node, NodeKind } from '../../api/core/node.ts';
import type { ControllerContext } from '../../client/controller.ts';
import { goArchitecture } from '../../machinery/architecture.ts';
import { isAlreadyExists } from '../../machinery/errors.ts';
import { parseSubnet, subnetAt } from '../../machinery/subnet.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import { leasePeriodMs, renewLease } from '../node/node-reporter.ts';
import { buildNode, kubeletVersion, maxPods } from '../node/node-status.ts';

/** Ranges for pods that no network has: those of measurements, which nobody routes (RFC 2544). */
const podRange = parseSubnet('198.18.0.0/15');
const podRangeBits = 27;
const registeredAtOnce = 16;

const nameOf = (index: number) => `simulated-${index}`;

export const isSimulated = (node: string | undefined) => node !== undefined && /^simulated-\d+$/.test(node);

function statusOf(name: string, nowMs: number): NodeStatus {
  const time = timestamp(nowMs);
  const room = { cpu: '32', memory: '256Gi', 'ephemeral-storage': '1Ti', pods: String(maxPods) };
  const conditionOf = (type: string, status: 'True' | 'False', reason: string) => ({
    ...{ type, status, reason, message: 'simulated' },
    ...{ lastHeartbeatTime: time, lastTransitionTime: time },
  });
  return {
    capacity: room,
    allocatable: room,
    conditions: [
      conditionOf('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
      conditionOf('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
      conditionOf('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      conditionOf('Ready', 'True', 'KubeletReady'),
    ],
    addresses: [{ type: 'Hostname', address: name }],
    nodeInfo: {
      ...{ machineID: name, systemUUID: name, bootID: name, kernelVersion: '', osImage: 'simulated' },
      ...{ containerRuntimeVersion: 'simulated://1', kubeletVersion, kubeProxyVersion: '' },
      ...{ operatingSystem: 'linux', architecture: goArchitecture(process.arch) },
    },
  };
}

/** Registers so many nodes and resolves; keeps them until the context's signal is aborted. */
export async function keepNodes({ resource, informer, clock, log, signal }: ControllerContext, count: number) {
  const nodes = resource(NodeKind);
  const leases = resource(LeaseKind);

  const register = async (index: number): Promise<void> => {
    const name = nameOf(index);
    const node = buildNode({ name, ip: '', port: 0, labels: {} }, { architecture: goArchitecture(process.arch) });
    const podCIDR = subnetAt(podRange, podRangeBits, index);
    try {
      await nodes.create({ ...node, spec: { podCIDR, podCIDRs: [podCIDR] }, status: statusOf(name, clock.now()) });
    } catch (err) {
      if (!isAlreadyExists(err)) throw err;
    }
  };

  const renew = (index: number) => renewLease(leases, nameOf(index), { nowMs: clock.now() });

  const revive = (node: Node | undefined) => {
    const { name = '' } = node?.metadata ?? {};
    const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
    if (!isSimulated(name) || ready?.status === 'True') return;
    nodes
      .patch({ name }, { status: statusOf(name, clock.now()) }, { type: 'strategic', subresource: 'status' })
      .catch((err) => log.warn({ err, node: name }, 'the node cannot say that it is well'));
  };

  let next = 0;
  const work = async () => {
    for (let index = next++; index < count; index = next++) await register(index).then(() => renew(index));
  };
  await Promise.all(Array.from({ length: registeredAtOnce }, work));
  informer(NodeKind).onChange(revive);
  let turn = 0;
  const beat = clock.every(leasePeriodMs / count, () => {
    const index = turn++ % count;
    renew(index).catch((err) => log.warn({ err, node: nameOf(index) }, 'its lease cannot be renewed'));
  });
  signal.addEventListener('abort', () => beat.cancel());
}
