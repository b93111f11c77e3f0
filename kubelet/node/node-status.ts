// The Node object as its kubelet keeps it: pure, from the facts of the machine and the runtime.
// Upstream: pkg/kubelet/nodestatus.

import type { NodeCondition, NodeStatus } from '../../api/core/node/node-status.ts';
import type { Node } from '../../api/core/node.ts';
import { timestamp } from '../../machinery/timestamp.ts';
import type { Image, StatusResponse, VersionResponse } from '../../proto/cri.gen.ts';
import type { PressureCondition } from '../eviction/thresholds.ts';
import type { NodeFacts } from './node-facts.ts';

export const kubeletVersion = 'v1.36.0+k8ts';
export const maxPods = 110;
const maxImages = 50;
const maxNamesPerImage = 5;
/** Memory kept from pods so that the node itself stays usable. */
const memoryReserveBytes = 100 << 20;
const diskReserveShare = 0.1;

export interface NodeIdentity {
  name: string;
  ip: string;
  port: number;
  labels: Readonly<Record<string, string>>;
}

export interface NodeStatusInput {
  identity: NodeIdentity;
  facts: NodeFacts;
  pressure: readonly PressureCondition[];
  version: VersionResponse;
  /** Null while the runtime does not answer. */
  runtime: StatusResponse | null;
  images: readonly Image[];
  known: readonly NodeCondition[];
  /** The capacity as it stands: an administrator adds extended resources to it. */
  advertised: Readonly<Record<string, string>>;
  nowMs: number;
}

export function buildNode({ name, labels }: NodeIdentity, { architecture }: Pick<NodeFacts, 'architecture'>): Node {
  const platform = { 'kubernetes.io/arch': architecture, 'kubernetes.io/os': 'linux' };
  const legacy = { 'beta.kubernetes.io/arch': architecture, 'beta.kubernetes.io/os': 'linux' };
  return {
    metadata: {
      name,
      labels: { ...legacy, ...platform, 'kubernetes.io/hostname': name, ...labels },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: {},
    status: {},
  };
}

/** What the node has, and what of it pods may use. */
export function computeCapacity(facts: NodeFacts): Required<Pick<NodeStatus, 'capacity' | 'allocatable'>> {
  const hugePages = Object.entries(facts.hugePages);
  const hugeTotal = hugePages.reduce((sum, [, bytes]) => sum + bytes, 0);
  const huge = Object.fromEntries(hugePages.map(([size, bytes]) => [`hugepages-${size}`, String(bytes)]));
  const kib = (bytes: number) => `${Math.floor(bytes / 1024)}Ki`;
  const shared = { cpu: String(facts.cpus), ...huge, pods: String(maxPods) };
  return {
    capacity: { ...shared, 'ephemeral-storage': kib(facts.diskBytes), memory: kib(facts.memoryBytes) },
    allocatable: {
      ...shared,
      'ephemeral-storage': String(Math.floor(facts.diskBytes * (1 - diskReserveShare))),
      memory: kib(facts.memoryBytes - hugeTotal - memoryReserveBytes),
    },
  };
}

/** What a newer control plane asks a node for before it lets pods have it. KEP-5328. */
const declaredFeatures = [
  'ExtendWebSocketsToKubelet',
  'InPlacePodLevelResourcesVerticalScaling',
  'InPlacePodVerticalScalingInitContainers',
  'RestartAllContainersOnContainerExits',
];

export function computeNodeStatus(input: NodeStatusInput): NodeStatus {
  const { identity, facts, version, runtime } = input;
  const handlers = runtime?.runtime_handlers ?? [];
  const { capacity, allocatable } = computeCapacity(facts);
  const extended = Object.fromEntries(Object.entries(input.advertised).filter(([name]) => name.includes('/')));
  return {
    capacity: { ...capacity, ...extended },
    allocatable: { ...allocatable, ...extended },
    conditions: computeNodeConditions(input),
    addresses: [
      { type: 'InternalIP', address: identity.ip },
      { type: 'Hostname', address: identity.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: identity.port } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: `${version.runtime_name}://${version.runtime_version}`,
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: facts.architecture,
    },
    images: describeImages(input.images),
    ...(handlers.length > 0
      ? {
          runtimeHandlers: handlers.map(({ name, features }) => ({
            name,
            features: {
              recursiveReadOnlyMounts: features?.recursive_read_only_mounts ?? false,
              userNamespaces: features?.user_namespaces ?? false,
            },
          })),
        }
      : {}),
    declaredFeatures,
    features: { supplementalGroupsPolicy: runtime?.features?.supplemental_groups_policy ?? false },
  };
}

/** The largest images first, as many as a Node object should carry. */
function describeImages(images: readonly Image[]): NonNullable<NodeStatus['images']> {
  return [...images]
    .sort((a, b) => Number(b.size) - Number(a.size))
    .slice(0, maxImages)
    .map((image) => ({
      names: [...image.repo_digests, ...image.repo_tags].slice(0, maxNamesPerImage),
      sizeBytes: Number(image.size),
    }));
}

interface Verdict {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
}

const pressureTexts = [
  {
    type: 'MemoryPressure',
    good: ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
    bad: ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
  },
  {
    type: 'DiskPressure',
    good: ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
    bad: ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
  },
  {
    type: 'PIDPressure',
    good: ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
    bad: ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
  },
] as const;

function computeNodeConditions({ pressure, runtime, known, nowMs }: NodeStatusInput): NodeCondition[] {
  const verdicts = pressureTexts.map(({ type, good, bad }): Verdict => {
    const isShort = pressure.includes(type);
    const [reason, message] = isShort ? bad : good;
    return { type, status: isShort ? 'True' : 'False', reason, message };
  });
  const now = timestamp(nowMs);
  return [...verdicts, judgeReady(runtime)].map((verdict) => {
    const before = known.find((c) => c.type === verdict.type);
    const lastTransitionTime =
      before?.status === verdict.status && before.lastTransitionTime ? before.lastTransitionTime : now;
    return { ...verdict, lastHeartbeatTime: now, lastTransitionTime };
  });
}

function judgeReady(runtime: StatusResponse | null): Verdict {
  const problems: string[] = [];
  if (!runtime) problems.push('container runtime is down');
  for (const condition of runtime?.status?.conditions ?? []) {
    if (condition.status) continue;
    const what =
      condition.type === 'NetworkReady' ? 'container runtime network not ready' : 'container runtime not ready';
    problems.push(`${what}: ${condition.type}=false reason:${condition.reason} message:${condition.message}`);
  }
  if (problems.length === 0)
    return { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' };
  const message = problems.length > 1 ? `[${problems.join(', ')}]` : problems[0]!;
  return { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message };
}
