// Whether this node takes a pod. The scheduler has asked most of this already; a pod bound by hand has not been asked.
// Upstream: pkg/kubelet/lifecycle/predicate.go and sysctl/allowlist.go, with their reasons and messages.
import type { Node } from '../../api/core/node.ts';
import { hostPortsOf, isSamePort } from '../../api/core/pod/host-ports.ts';
import { findUntoleratedTaint, matchesNodeAffinity } from '../../api/core/pod/placement.ts';
import { qosClassOf } from '../../api/core/pod/qos.ts';
import { inUnits, podRequests } from '../../api/core/pod/resource-totals.ts';
import type { Pod } from '../../api/core/pod.ts';
import { isExtendedResource } from '../../api/core/resource-names.ts';
import { quantityValue } from '../../machinery/quantity.ts';
import { isCritical } from '../eviction/ranking.ts';
import type { PressureCondition } from '../eviction/thresholds.ts';
import { isStaticPod } from '../static/static-pod-file.ts';
import { allContainersOf } from './pod-text.ts';

export interface Rejection {
  reason: string;
  message: string;
}

const safeSysctls = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_wmem',
]);

export interface AdmissionContext {
  others: readonly Pod[];
  hasAppArmor: boolean;
  /** What the node is short of. */
  pressure?: readonly PressureCondition[];
}

/** Why the node refuses the pod, or undefined. `others` are the pods it has taken on. */
export function admitPod(
  pod: Pod,
  node: Node,
  { others, hasAppArmor, pressure = [] }: AdmissionContext,
): Rejection | undefined {
  return (
    judgePressure(pod, pressure) ??
    judgeResources(pod, node, others) ??
    judgeAffinity(pod, node) ??
    judgePorts(pod, others) ??
    (isStaticPod(pod) ? undefined : judgeTaints(pod, node)) ??
    judgeSysctls(pod) ??
    judgeFeatures(pod) ??
    (hasAppArmor ? undefined : judgeAppArmor(pod))
  );
}

/** Short of memory, a node takes no pod that asks for none of it; short of anything else, none at all. */
function judgePressure(pod: Pod, pressure: readonly PressureCondition[]): Rejection | undefined {
  if (pressure.length === 0 || isCritical(pod)) return undefined;
  if (pressure.every((condition) => condition === 'MemoryPressure')) {
    const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;
    if (qosClassOf(pod.spec) !== 'BestEffort') return undefined;
    if (!findUntoleratedTaint([taint], pod.spec.tolerations, ['NoSchedule'])) return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressure.join(' ')}]. ` };
}

export function judgeResources(pod: Pod, node: Node, others: readonly Pod[]): Rejection | undefined {
  const allocatable = node.status?.allocatable ?? {};
  const pods = quantityValue(allocatable.pods);
  if (others.length + 1 > pods) return outOf('pods', 1, others.length, pods);
  const requests = podRequests(pod.spec);
  for (const [name, amount] of Object.entries(requests)) {
    const requested = inUnits(name, amount);
    // An extended resource that the node does not know is somebody else's to count.
    if (requested === 0 || (isExtendedResource(name) && allocatable[name] === undefined)) continue;
    const used = others.reduce((sum, other) => sum + inUnits(name, podRequests(other.spec)[name]), 0);
    const capacity = inUnits(name, allocatable[name]);
    if (requested + used > capacity) return outOf(name, requested, used, capacity);
  }
  return undefined;
}

const outOf = (name: string, requested: number, used: number, capacity: number): Rejection => ({
  reason: `OutOf${name}`,
  message: `Node didn't have enough resource: ${name}, requested: ${requested}, used: ${used}, capacity: ${capacity}`,
});

function judgeAffinity(pod: Pod, node: Node): Rejection | undefined {
  if (matchesNodeAffinity(pod.spec, node)) return undefined;
  const message = "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector";
  return { reason: 'NodeAffinity', message };
}

function judgePorts({ spec }: Pod, others: readonly Pod[]): Rejection | undefined {
  const wanted = hostPortsOf(spec);
  if (wanted.length === 0) return undefined;
  const used = others.flatMap((other) => hostPortsOf(other.spec));
  if (!wanted.some((port) => used.some((one) => isSamePort(port, one)))) return undefined;
  const message = "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";
  return { reason: 'NodePorts', message };
}

/** Only NoExecute taints: others keep the scheduler away, not pods bound by hand. */
function judgeTaints(pod: Pod, node: Node): Rejection | undefined {
  if (!findUntoleratedTaint(node.spec.taints, pod.spec.tolerations, ['NoExecute'])) return undefined;
  const message = "Predicate TaintToleration failed: node(s) had taints that the pod didn't tolerate";
  return { reason: 'TaintToleration', message };
}

function judgeSysctls(pod: Pod): Rejection | undefined {
  for (const { name } of pod.spec.securityContext?.sysctls ?? []) {
    const dotted = name.replaceAll('/', '.');
    if (!safeSysctls.has(dotted)) {
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: "${name}" not allowlisted` };
    }
    const needs = dotted.startsWith('net.') ? pod.spec.hostNetwork : pod.spec.hostIPC;
    if (needs) {
      const enabled = dotted.startsWith('net.') ? 'host net' : 'host ipc';
      return { reason: 'SysctlForbidden', message: `forbidden sysctl: "${name}" not allowed with ${enabled} enabled` };
    }
  }
  return undefined;
}

/** What a pod relies on, above all for its isolation, must not be passed over in silence. */
function judgeFeatures(pod: Pod): Rejection | undefined {
  const { spec } = pod;
  if (spec.os?.name && spec.os.name !== 'linux')
    return { reason: 'PodOSNotSupported', message: "Failed to admit pod as the OS field doesn't match node OS" };
  const message = 'dynamic resource allocation is not supported by this node';
  if (spec.resourceClaims?.length) return { reason: 'PodFeatureUnsupported', message };
  return undefined;
}

function judgeAppArmor(pod: Pod): Rejection | undefined {
  const contexts = [pod.spec.securityContext, ...allContainersOf(pod).map((c) => c.securityContext)];
  if (contexts.every((c) => !c?.appArmorProfile || c.appArmorProfile.type === 'Unconfined')) return undefined;
  return { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' };
}
