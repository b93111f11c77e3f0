// The extension points of the scheduling cycle. A plugin is one value that implements some of them;
// each is synchronous and pure given the cycle's state, the pod and the node.
// https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/
import type { Pod } from '../../api/core/pod.ts';
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import type { LabelSelector } from '../../machinery/metadata.ts';
import type { NodeInfo } from './node-info.ts';
import type { CountRule, PlaceCounts } from './place-counts.ts';
import type { PodInfo } from './pod-info.ts';
import type { Status } from './status.ts';
import type { TermIndex } from './term-index.ts';
import type { Rejection, Trial } from './trial.ts';
import type { StorageEvent, VolumeView } from './volume-view.ts';

/** What plugins hand from one point to the next within one cycle, by plugin. */
export type CycleState = Map<string, unknown>;

/** All nodes there are, as the cycle sees them. */
export interface Snapshot {
  readonly nodes: readonly NodeInfo[];
  find(name: string): NodeInfo | undefined;
  /** How many nodes have an image under a name. */
  nodesWithImage(name: string): number;
  /** Counts of pods by place, kept from cycle to cycle under a key that says all that the rule depends on. */
  counts(key: string, rule: () => CountRule): PlaceCounts;
  /** What pods that have a node say of others: whom they must not have near, ... */
  readonly repelling: TermIndex;
  /** ... whom they must have near, ... */
  readonly requiring: TermIndex;
  /** ... and whom they would rather have near, or not. */
  readonly preferring: TermIndex;
  /** What the pods of the pod's service or controller have in common; undefined without any. */
  groupSelector(pod: Pod): LabelSelector | undefined;
  /** Labels of a namespace; undefined where it is not known. */
  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined;
  /** Pods for which room is being made on a node. */
  nominatedTo(node: string): Iterable<PodInfo> | undefined;
  /** The node on which room is being made for a pod. */
  nominationOf(uid: string): string | undefined;
  /** The disruption budgets of a namespace. */
  budgets(namespace: string): readonly PodDisruptionBudget[];
  readonly volumes: VolumeView;
  /** How many pods with a node have the claim. */
  claimUsers(key: string): number;
}

/** A pod that is put on a node in thought, or with -1 taken off it. */
export interface Change {
  node: NodeInfo;
  other: PodInfo;
  sign: 1 | -1;
}

/** Why a pod fits nowhere. */
export interface Diagnosis {
  /** By node, of those that were looked at. */
  rejections: ReadonlyMap<NodeInfo, Rejection>;
  /** What is true of all others. */
  others?: Rejection;
  /** The pod was turned away before any node was looked at. */
  isGeneral?: boolean;
  /** Plugins that left only some nodes to look at. */
  narrowedBy: readonly Plugin[];
}

/** A cycle that has found no node. */
export interface FailedCycle {
  trial: Trial;
  diagnosis: Diagnosis;
  random: () => number;
}

/** Room that is made for a pod. */
export interface Preemption {
  node: NodeInfo;
  /** The pods that have to go, the most important first. */
  victims: readonly PodInfo[];
  /** How many of them a disruption budget would keep. */
  violations: number;
}

/** Where room can be made after no node was found, or why not: the message is part of what the pod is told. */
export type PostFilterResult = { candidates: readonly Preemption[] } | { message: string; keepsNomination?: boolean };

/** Something that happened in the cluster that may let a waiting pod fit. */
export type ClusterEvent =
  | { type: 'NodeAdded'; node: NodeInfo }
  | { type: 'NodeUpdated'; node: NodeInfo }
  | { type: 'NodeRemoved'; name: string }
  | { type: 'PodAssigned'; pod: Pod }
  | { type: 'PodUpdated'; old: Pod; pod: Pod }
  | { type: 'PodRemoved'; pod: Pod }
  | StorageEvent;

const eventLabels: Record<ClusterEvent['type'], string> = {
  NodeAdded: 'NodeAdd',
  NodeUpdated: 'NodeUpdate',
  NodeRemoved: 'NodeDelete',
  PodAssigned: 'AssignedPodAdd',
  PodUpdated: 'AssignedPodUpdate',
  PodRemoved: 'AssignedPodDelete',
  ClaimChanged: 'PersistentVolumeClaimUpdate',
  VolumeChanged: 'PersistentVolumeUpdate',
  StorageClassChanged: 'storage.k8s.io/StorageClassUpdate',
  CSIDriverChanged: 'storage.k8s.io/CSIDriverUpdate',
  CSINodeChanged: 'storage.k8s.io/CSINodeUpdate',
  CSIStorageCapacityChanged: 'storage.k8s.io/CSIStorageCapacityUpdate',
  VolumeAttachmentRemoved: 'storage.k8s.io/VolumeAttachmentDelete',
};

/** What metrics call an event. */
export const labelOf = ({ type }: ClusterEvent): string => eventLabels[type];

/** Nodes and pods; the rest is of interest to what deals with storage. */
export const isOfNodesOrPods = ({ type }: ClusterEvent): boolean => type.startsWith('Node') || type.startsWith('Pod');

export interface Plugin {
  name: string;
  /**
   * Whether the event may let a pod fit that this plugin has turned away. Absent: no event ever
   * does (a change of the pod itself always puts it back). Upstream: EnqueueExtensions with
   * queueing hints.
   */
  mayHelp?(event: ClusterEvent, waiting: PodInfo): boolean;
  /** Whether the pod may be considered at all. */
  preEnqueue?(pod: Pod): Status;
  /** Works out what filter needs; may turn the pod away from every node, leave only some, or skip filter. */
  preFilter?(state: CycleState, pod: PodInfo, snapshot: Snapshot): Status;
  filter?(state: CycleState, pod: PodInfo, node: NodeInfo): Status;
  /** Brings what preFilter has worked out in line with a change. Absent: it holds whatever changes. */
  adjust?(state: CycleState, pod: PodInfo, change: Change, snapshot: Snapshot): void;
  /** After no node was found: may find that room can be made. */
  postFilter?(cycle: FailedCycle): PostFilterResult;
  /** Works out what score needs, or skips score. */
  preScore?(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[], snapshot: Snapshot): Status;
  score?(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Brings the scores of all nodes to 0..100, in place. */
  normalize?(scores: number[]): void;
  /** The pod gets the node: from now on what it takes there is taken. */
  reserve?(state: CycleState, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): void;
  /** It does not get it after all. */
  unreserve?(state: CycleState, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): void;
  /** What must be done before the binding is written, if anything. Rejects: the pod is looked at anew. */
  preBind?(state: CycleState, pod: PodInfo, node: NodeInfo, snapshot: Snapshot): Promise<void> | undefined;
}

export const maxScore = 100;

/** A plugin in its place: its score counts `weight` times. */
export interface WeightedPlugin {
  plugin: Plugin;
  weight: number;
}

/**
 * Scales the highest score to the maximum; reversed, the highest becomes zero. Upstream:
 * helper.DefaultNormalizeScore.
 */
export function normalizeByMax(scores: number[], reverse: boolean): void {
  const highest = Math.max(0, ...scores);
  for (const [i, score] of scores.entries()) {
    if (highest === 0) scores[i] = reverse ? maxScore : score;
    else {
      const scaled = Math.floor((maxScore * score) / highest);
      scores[i] = reverse ? maxScore - scaled : scaled;
    }
  }
}
