// The scheduler's picture of the cluster: nodes with their pods, including those it has just
// assigned and whose binding is not in the watch yet (assumed). Updated pod by pod; cycles run
// synchronously against it, so no snapshot is copied.

import type { Node } from '../../api/core/node.ts';
import type { PodAffinityTerm } from '../../api/core/pod/affinity.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import type { Pod } from '../../api/core/pod.ts';
import type { PodDisruptionBudget } from '../../api/policy/poddisruptionbudget.ts';
import { jsonEqual } from '../../machinery/json.ts';
import { NodeInfo } from '../framework/node-info.ts';
import type { CountRule, PlaceCounts } from '../framework/place-counts.ts';
import type { Snapshot } from '../framework/plugin.ts';
import { type PodInfo, podInfoOf } from '../framework/pod-info.ts';
import { TermIndex } from '../framework/term-index.ts';
import { noVolumes, type VolumeView } from '../framework/volume-view.ts';
import type { SchedulerState } from '../metrics.ts';
import { CountsCache } from './counts.ts';
import { interleave, zoneOf } from './interleave.ts';
import type { PodGroups } from './pod-groups.ts';

const unweighted = (terms: readonly PodAffinityTerm[]) => terms.map((term) => ({ term, weight: 1 }));

function countNames(counts: Map<string, number>, names: Iterable<string>, by: 1 | -1): void {
  for (const name of names) {
    const count = (counts.get(name) ?? 0) + by;
    if (count > 0) counts.set(name, count);
    else counts.delete(name);
  }
}

/** Whether nobody who counts pods notices that one has become the other: most changes are of what pods report. */
function countsAlike({ pod: a, claims }: PodInfo, { pod: b, claims: others }: PodInfo): boolean {
  return (
    !a.metadata.deletionTimestamp === !b.metadata.deletionTimestamp &&
    jsonEqual(a.metadata.labels, b.metadata.labels) &&
    jsonEqual(a.spec.affinity, b.spec.affinity) &&
    jsonEqual(claims, others)
  );
}

export class SchedulerCache implements Snapshot {
  readonly #nodes = new Map<string, NodeInfo>();
  /** Node of every pod that counts, by uid. */
  readonly #places = new Map<string, NodeInfo>();
  readonly #assumed = new Set<string>();
  readonly #namespaceLabels = new Map<string, Readonly<Record<string, string>>>();
  readonly #nominated = new Map<string, Map<string, PodInfo>>();
  /** The node on which room is made for a pod, by uid. */
  readonly #nominations = new Map<string, string>();
  readonly #budgets = new Map<string, Map<string, PodDisruptionBudget>>();
  /** How many pods with a node have a claim, by its key. */
  readonly #claimUsers = new Map<string, number>();
  readonly volumes: VolumeView;
  readonly #imageNodes = new Map<string, number>();
  readonly #counts = new CountsCache(() => this.#nodes.values());
  readonly repelling = new TermIndex((info) => unweighted(info.requiredAntiAffinity));
  readonly requiring = new TermIndex((info) => unweighted(info.requiredAffinity));
  readonly preferring = new TermIndex((info) => info.preferredAffinity);
  #list: NodeInfo[] | undefined;

  readonly groupSelector: Snapshot['groupSelector'];

  /** Without `groups` no pod belongs to one. */
  constructor(volumes: VolumeView = noVolumes, groups?: PodGroups) {
    this.volumes = volumes;
    this.groupSelector = (pod) => groups?.selectorOf(pod);
  }

  /** Nodes that exist, in a stable order that takes zones in turn. */
  get nodes(): readonly NodeInfo[] {
    this.#list ??= interleave([...this.#nodes.values()].filter((n) => n.exists));
    return this.#list;
  }

  find(name: string): NodeInfo | undefined {
    const info = this.#nodes.get(name);
    return info?.exists ? info : undefined;
  }

  nodesWithImage(name: string): number {
    return this.#imageNodes.get(name) ?? 0;
  }

  counts(key: string, rule: () => CountRule): PlaceCounts {
    return this.#counts.get(key, rule);
  }

  namespaceLabels(name: string): Readonly<Record<string, string>> | undefined {
    return this.#namespaceLabels.get(name);
  }

  setNamespace(name: string, labels: Readonly<Record<string, string>> | undefined): void {
    this.#counts.clear(); // they may go by namespaces' labels
    if (labels) this.#namespaceLabels.set(name, labels);
    else this.#namespaceLabels.delete(name);
  }

  nominatedTo(node: string): Iterable<PodInfo> | undefined {
    return this.#nominated.get(node)?.values();
  }

  nominationOf(uid: string): string | undefined {
    return this.#nominations.get(uid);
  }

  /** No room is made for the pod any longer. */
  withdraw(uid: string): void {
    const node = this.#nominations.get(uid);
    if (node === undefined) return;
    this.#nominations.delete(uid);
    const pods = this.#nominated.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#nominated.delete(node);
  }

  /** Room is made for the pod on a node, and on no other one. */
  nominate(info: PodInfo, node: string): void {
    this.withdraw(info.uid);
    this.#nominated.getOrInsertComputed(node, () => new Map()).set(info.uid, info);
    this.#nominations.set(info.uid, node);
  }

  budgets(namespace: string): readonly PodDisruptionBudget[] {
    return [...(this.#budgets.get(namespace)?.values() ?? [])];
  }

  setBudget(budget: PodDisruptionBudget): void {
    const { namespace = '', name = '' } = budget.metadata;
    this.#budgets.getOrInsertComputed(namespace, () => new Map()).set(name, budget);
  }

  removeBudget({ metadata: { namespace = '', name = '' } }: PodDisruptionBudget): void {
    this.#budgets.get(namespace)?.delete(name);
  }

  node(name: string): NodeInfo {
    return this.#nodes.getOrInsertComputed(name, () => new NodeInfo(name));
  }

  setNode(node: Node): NodeInfo {
    const info = this.node(node.metadata.name ?? '');
    this.#setNode(info, node);
    return info;
  }

  #setNode(node: NodeInfo, to: Node | undefined): void {
    const { exists, imageBytes } = node;
    const zone = zoneOf(node);
    node.setNode(to);
    if (node.exists !== exists || zoneOf(node) !== zone) this.#list = undefined;
    countNames(this.#imageNodes, imageBytes.keys(), -1);
    countNames(this.#imageNodes, node.imageBytes.keys(), 1);
    this.#counts.nodeChanged(node);
    for (const index of [this.repelling, this.requiring, this.preferring]) index.setNode(node);
  }

  removeNode(name: string): void {
    const info = this.#nodes.get(name);
    if (!info) return;
    this.#setNode(info, undefined);
    if (info.pods.size === 0) this.#nodes.delete(name);
  }

  /** What there is, for metrics. */
  sizes(): SchedulerState['cache'] {
    return { nodes: this.#nodes.size, pods: this.#places.size, assumed_pods: this.#assumed.size };
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** Counts a pod on a node before its binding is written. */
  assume(info: PodInfo, nodeName: string): void {
    this.#assumed.add(info.uid);
    this.#place(info, nodeName);
  }

  /** The binding failed: the pod is nowhere again. */
  forget(uid: string): void {
    this.#assumed.delete(uid);
    this.removePod(uid);
  }

  /** A pod as the watch shows it, bound to a node. */
  setPod(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.#assumed.delete(uid);
    if (isFinished(pod)) this.removePod(uid);
    else this.#place(podInfoOf(pod), pod.spec.nodeName!);
  }

  removePod(uid: string): void {
    this.#assumed.delete(uid);
    const node = this.#places.get(uid);
    if (!node) return;
    this.#places.delete(uid);
    this.#take(node, uid);
    if (!node.exists && node.pods.size === 0) this.#nodes.delete(node.name);
  }

  claimUsers = (key: string): number => this.#claimUsers.get(key) ?? 0;

  #place(info: PodInfo, nodeName: string): void {
    const before = this.#places.get(info.uid);
    const old = before?.pods.get(info.uid);
    if (old && before?.name === nodeName && countsAlike(old, info)) {
      before.addPod(info);
      return;
    }
    if (before) this.#take(before, info.uid);
    const node = this.node(nodeName);
    node.addPod(info);
    this.#count(node, info, 1);
    this.#places.set(info.uid, node);
  }

  #take(node: NodeInfo, uid: string): void {
    const info = node.pods.get(uid)!;
    node.removePod(uid);
    this.#count(node, info, -1);
  }

  #count(node: NodeInfo, other: PodInfo, sign: 1 | -1): void {
    this.#counts.podChanged(node, other, sign);
    for (const { key } of other.claims) countNames(this.#claimUsers, [key], sign);
    for (const index of [this.repelling, this.requiring, this.preferring]) index.add(node, other, sign);
  }
}
