// What must hold after every write, whatever has failed before it.
import assert from 'node:assert/strict';
import type { DaemonSet } from '../../api/apps/daemonset.ts';
import { DaemonSetKind } from '../../api/apps/daemonset.ts';
import type { Deployment } from '../../api/apps/deployment.ts';
import { DeploymentKind } from '../../api/apps/deployment.ts';
import type { ReplicaSet } from '../../api/apps/replicaset.ts';
import { ReplicaSetKind } from '../../api/apps/replicaset.ts';
import { StatefulSetKind } from '../../api/apps/statefulset.ts';
import type { CronJob } from '../../api/batch/cronjob/schema.ts';
import { CronJobKind } from '../../api/batch/cronjob.ts';
import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import type { Node } from '../../api/core/node.ts';
import { isReachable } from '../../api/core/persistentvolume/binding.ts';
import type { PersistentVolume } from '../../api/core/persistentvolume/schema.ts';
import { PersistentVolumeKind } from '../../api/core/persistentvolume.ts';
import type { PersistentVolumeClaim } from '../../api/core/persistentvolumeclaim/schema.ts';
import { PersistentVolumeClaimKind } from '../../api/core/persistentvolumeclaim.ts';
import { isFinished } from '../../api/core/pod/columns.ts';
import { podClaimKeys } from '../../api/core/pod/references.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import type { ResourceQuota } from '../../api/core/resourcequota/schema.ts';
import { ResourceQuotaKind } from '../../api/core/resourcequota.ts';
import { type PodDisruptionBudget, PodDisruptionBudgetKind } from '../../api/policy/poddisruptionbudget.ts';
import { controllerOf, keyOf } from '../../machinery/metadata.ts';
import type { Kubelets } from './kubelets.ts';
import { type Nodes, podsANode } from './nodes.ts';
import type { World } from './world.ts';

/** What somebody read is acted upon within so long. */
const memoryMs = 15_000;
const indexLabel = 'batch.kubernetes.io/job-completion-index';
/** Pods of this workload end by evictions alone. */
export const guarded = { app: 'guarded', least: 2 };

const isActive = (pod: Pod) => !pod.metadata.deletionTimestamp && !isFinished(pod);
const isReady = (pod: Pod) =>
  isActive(pod) && (pod.status?.conditions ?? []).some(({ type, status }) => type === 'Ready' && status === 'True');

export const hasJobEnded = ({ status }: Job) =>
  (status?.conditions ?? []).some(({ type }) => type === 'Complete' || type === 'Failed');

/** The largest of what was asked for lately. */
class Lately {
  readonly #values = new Map<string, { value: number; untilMs: number }[]>();

  most(key: string, value: number, nowMs: number): number {
    const values = (this.#values.get(key) ?? []).filter(({ untilMs }) => untilMs > nowMs - memoryMs);
    const last = values.at(-1);
    if (last?.value !== value) {
      if (last) last.untilMs = nowMs;
      values.push({ value, untilMs: Number.POSITIVE_INFINITY });
    }
    this.#values.set(key, values);
    return Math.max(...values.map((v) => v.value));
  }
}

export class Rules {
  readonly #world: World;
  readonly #kubelets: Kubelets;
  readonly #lately = new Lately();
  readonly #known = new Set<string>();
  readonly #nodeOf = new Map<string, string>();
  /** By job: what it has counted. */
  readonly #counted = new Map<string, number>();
  /** By pod: whose it is; and which were deleted. */
  readonly #ownerOf = new Map<string, string>();
  readonly #deleted = new Set<string>();
  #wasGuarded = false;
  #countedAtMs: number | undefined;

  readonly #nodes: Nodes;

  constructor(world: World, kubelets: Kubelets, nodes: Nodes) {
    this.#world = world;
    this.#kubelets = kubelets;
    this.#nodes = nodes;
    world.onWrite.push(() => this.#look());
  }

  #look(): void {
    const pods = this.#world.all<Pod>(PodKind);
    const byOwner = new Map<string, Pod[]>();
    for (const pod of pods) {
      const owner = controllerOf(pod)?.uid ?? '';
      byOwner.set(owner, [...(byOwner.get(owner) ?? []), pod]);
    }
    const isNew = (pod: Pod) => !this.#known.has(pod.metadata.uid ?? '');
    // The number of pods is looked at when one has come: those that are too many after a change go in their time.
    const owners = new Set(pods.filter(isNew).map((pod) => controllerOf(pod)?.uid ?? ''));
    this.#binding(pods);
    this.#sizes(byOwner, owners);
    this.#daemons(byOwner, owners);
    this.#jobs(byOwner, owners);
    this.#schedules();
    this.#quota(pods, isNew);
    this.#budget(pods);
    this.#volumes(pods);
    for (const pod of pods) this.#known.add(pod.metadata.uid ?? '');
  }

  /** A claim has a volume for itself and for good, and pods are where the volumes of their claims are. */
  #volumes(pods: readonly Pod[]): void {
    const volumeOf = new Map<string, string>();
    for (const claim of this.#world.all<PersistentVolumeClaim>(PersistentVolumeClaimKind)) {
      const { volumeName } = claim.spec;
      const before = this.#claimed.get(keyOf(claim));
      assert.ok(before === undefined || before === volumeName, `${keyOf(claim)} goes from ${before} to ${volumeName}`);
      if (volumeName === undefined) continue;
      this.#claimed.set(keyOf(claim), volumeName);
      volumeOf.set(keyOf(claim), volumeName);
    }
    assert.equal(new Set(volumeOf.values()).size, volumeOf.size, 'two claims have one volume');
    const volumes = new Map(this.#world.all<PersistentVolume>(PersistentVolumeKind).map((it) => [keyOf(it), it]));
    for (const pod of pods.filter(({ spec }) => spec.nodeName)) {
      for (const key of podClaimKeys(pod)) {
        const volume = volumes.get(volumeOf.get(key) ?? '');
        const node = { metadata: { labels: { 'kubernetes.io/hostname': pod.spec.nodeName! } } } as unknown as Node;
        assert.ok(volume && isReachable(volume, node), `${keyOf(pod)} is not where its volume is`);
      }
    }
  }

  readonly #claimed = new Map<string, string>();

  /** A pod has one node for its life, and a node no more pods than fit. */
  #binding(pods: readonly Pod[]): void {
    const counts = new Map<string, number>();
    for (const pod of pods) {
      const { uid = '' } = pod.metadata;
      const { nodeName = '' } = pod.spec;
      const before = this.#nodeOf.get(uid) ?? '';
      assert.ok(before === '' || before === nodeName, `${keyOf(pod)} goes from ${before} to ${nodeName}`);
      this.#nodeOf.set(uid, nodeName);
      if (nodeName && !isFinished(pod)) counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
    }
    for (const [name, count] of counts) assert.ok(count <= podsANode, `${count} pods on ${name}`);
  }

  /** Never more pods than replicas ask for, nor more replicas than a deployment may have beyond its own. */
  #sizes(byOwner: ReadonlyMap<string, Pod[]>, touched: ReadonlySet<string>): void {
    const { nowMs } = this.#world;
    const sets = this.#world.all<ReplicaSet>(ReplicaSetKind);
    for (const set of sets) this.#isAdopted(set);
    for (const set of sets) {
      const uid = set.metadata.uid ?? '';
      const most = this.#lately.most(uid, set.spec.replicas ?? 1, nowMs);
      const active = (byOwner.get(uid) ?? []).filter(isActive).length;
      if (touched.has(uid)) assert.ok(active <= most, `${keyOf(set)} has ${active} pods of ${most}`);
    }
    for (const deployment of this.#world.all<Deployment>(DeploymentKind)) {
      // One that is deleted changes its sets no more.
      if (deployment.metadata.deletionTimestamp) continue;
      const { replicas = 1, strategy } = deployment.spec;
      const surge = strategy?.type === 'Recreate' ? 0 : Number(strategy?.rollingUpdate?.maxSurge ?? 0);
      const uid = deployment.metadata.uid ?? '';
      const most = this.#lately.most(uid, replicas + surge, nowMs);
      const own = sets.filter((set) => controllerOf(set)?.uid === uid);
      if (!own.some((set) => touched.has(set.metadata.uid ?? ''))) continue;
      // A set that was somebody else's has its size from there.
      if (own.some((set) => this.#isAdopted(set))) continue;
      const active = own.flatMap((set) => byOwner.get(set.metadata.uid ?? '') ?? []).filter(isActive).length;
      assert.ok(active <= most, `${keyOf(deployment)} has ${active} pods of ${most}`);
    }
  }

  /** Whether a set has been taken over lately. */
  #isAdopted(set: ReplicaSet): boolean {
    const { uid = '' } = set.metadata;
    const { nowMs } = this.#world;
    const owner = controllerOf(set)?.uid;
    const before = this.#setOwners.get(uid);
    if (before?.owner === owner) return (before?.sinceMs ?? 0) > nowMs - memoryMs;
    this.#setOwners.set(uid, { owner, sinceMs: before ? nowMs : 0 });
    return before !== undefined;
  }

  readonly #setOwners = new Map<string, { owner: string | undefined; sinceMs: number }>();

  /** Never two on a node. */
  #daemons(byOwner: ReadonlyMap<string, Pod[]>, touched: ReadonlySet<string>): void {
    for (const set of this.#world.all<DaemonSet>(DaemonSetKind)) {
      if (!touched.has(set.metadata.uid ?? '')) continue;
      const nodes = (byOwner.get(set.metadata.uid ?? '') ?? []).filter(isActive).map(daemonNode);
      assert.equal(new Set(nodes).size, nodes.length, `${keyOf(set)} twice on a node: ${nodes.join()}`);
    }
  }

  /** No more at a time than may be, no index twice, and nothing counted that did not happen. */
  #jobs(byOwner: ReadonlyMap<string, Pod[]>, touched: ReadonlySet<string>): void {
    for (const job of this.#world.all<Job>(JobKind)) {
      const uid = job.metadata.uid ?? '';
      const active = (byOwner.get(uid) ?? []).filter(isActive);
      const most = this.#lately.most(uid, job.spec.suspend ? 0 : (job.spec.parallelism ?? 1), this.#world.nowMs);
      if (touched.has(uid)) {
        assert.ok(active.length <= most, `${keyOf(job)} has ${active.length} pods of ${most}`);
        const indexes = active.flatMap((pod) => pod.metadata.labels?.[indexLabel] ?? []);
        assert.equal(new Set(indexes).size, indexes.length, `${keyOf(job)} has an index twice: ${indexes.join()}`);
      }
      const { succeeded = 0, failed = 0 } = job.status ?? {};
      const counted = succeeded + failed;
      const happened = this.#happened(job);
      assert.ok(
        succeeded <= happened.succeeded,
        `${keyOf(job)} counts ${succeeded} of ${happened.succeeded} successes`,
      );
      assert.ok(failed <= happened.failed, `${keyOf(job)} counts ${failed} of ${happened.failed} failures`);
      assert.ok(counted >= (this.#counted.get(uid) ?? 0), `${keyOf(job)} has forgotten what it counted`);
      this.#counted.set(uid, counted);
    }
  }

  /** How the pods of a job ended; a pod that was deleted before it began counts as failed. */
  #happened(job: Job): { succeeded: number; failed: number } {
    for (const pod of this.#world.all<Pod>(PodKind)) {
      const owner = controllerOf(pod)?.uid;
      if (owner) this.#ownerOf.set(pod.metadata.uid ?? '', owner);
      if (pod.metadata.deletionTimestamp) this.#deleted.add(pod.metadata.uid ?? '');
    }
    let succeeded = 0;
    let failed = 0;
    for (const [pod, owner] of this.#ownerOf) {
      if (owner !== job.metadata.uid) continue;
      const how = this.#kubelets.ended.get(pod);
      if (how === 'Succeeded') succeeded++;
      else if (how === 'Failed' || this.#deleted.has(pod)) failed++;
    }
    return { succeeded, failed };
  }

  /** One job for one time, and beside one that runs none where that is forbidden. */
  #schedules(): void {
    const jobs = this.#world.all<Job>(JobKind);
    for (const schedule of this.#world.all<CronJob>(CronJobKind)) {
      const { uid = '' } = schedule.metadata;
      const own = jobs.filter((job) => controllerOf(job)?.uid === uid);
      const times = own.map(
        ({ metadata }) => metadata.annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'],
      );
      assert.equal(new Set(times).size, times.length, `${keyOf(schedule)} twice for one time: ${times.join()}`);
      const { nowMs } = this.#world;
      const mayMeet = this.#lately.most(uid, schedule.spec.concurrencyPolicy === 'Forbid' ? 0 : 1, nowMs);
      const isNew = own.some((job) => !this.#known.has(job.metadata.uid ?? ''));
      for (const job of own) this.#known.add(job.metadata.uid ?? '');
      if (!isNew || mayMeet) continue;
      const running = own.filter((job) => !hasJobEnded(job)).map(keyOf);
      assert.ok(running.length <= 1, `${keyOf(schedule)} has ${running.join(' and ')} at a time`);
    }
  }

  /** A pod that comes finds room. Those that should be gone are not counted, as on a node that is lost. */
  #quota(pods: readonly Pod[], isNew: (pod: Pod) => boolean): void {
    for (const { metadata, spec, status } of this.#world.all<ResourceQuota>(ResourceQuotaKind)) {
      const { nowMs } = this.#world;
      // Once it is counted it is in force, but for those that were let in before.
      this.#countedAtMs ??= status?.hard && nowMs;
      if (this.#countedAtMs === undefined || this.#countedAtMs > nowMs - 1_000 || !pods.some(isNew)) continue;
      const most = this.#lately.most(metadata.uid ?? '', Number(spec?.hard?.pods), this.#world.nowMs);
      const isOverdue = ({ deletionTimestamp: at, deletionGracePeriodSeconds: seconds = 0 }: Pod['metadata']) =>
        at !== undefined && Date.parse(at) + seconds * 1000 < this.#world.nowMs;
      const count = pods.filter((pod) => !isFinished(pod) && !isOverdue(pod.metadata)).length;
      assert.ok(count <= most, `${count} pods, and the quota allows ${most}`);
    }
  }

  /** Evictions leave as many as the budget wants. */
  #budget(pods: readonly Pod[]): void {
    const ready = pods.filter((pod) => pod.metadata.labels?.app === guarded.app && isReady(pod)).length;
    // Nodes take pods and ask nobody: then no more is allowed than what was there lately can spare.
    if (this.#nodes.areMortal) {
      const [budget] = this.#world.all<PodDisruptionBudget>(PodDisruptionBudgetKind);
      const allowed = budget?.status?.disruptionsAllowed ?? 0;
      const most = this.#lately.most('ready', ready, this.#world.nowMs);
      assert.ok(allowed <= Math.max(0, most - guarded.least), `${allowed} of ${most} ready pods may be evicted`);
      return;
    }
    if (ready >= guarded.least) this.#wasGuarded = true;
    if (this.#wasGuarded)
      assert.ok(ready >= guarded.least, `${ready} ready pods, and the budget wants ${guarded.least}`);
  }

  /** Pods whose owner is gone: they are to follow it. */
  orphans(): string[] {
    const kinds = [ReplicaSetKind, DaemonSetKind, JobKind, StatefulSetKind];
    const owners = kinds.flatMap((kind) => this.#world.all<any>(kind as never));
    const uids = new Set(owners.map(({ metadata }) => metadata.uid));
    const hasLost = (pod: Pod) => controllerOf(pod) && !uids.has(controllerOf(pod)!.uid);
    return this.#world
      .all<Pod>(PodKind)
      .filter(hasLost)
      .map((pod) => `${keyOf(pod)} is an orphan`);
  }

  /** Once a job is done: exactly what happened is counted. */
  exactCounts(job: Job): void {
    const { succeeded = 0, failed = 0 } = job.status ?? {};
    assert.deepEqual({ succeeded, failed }, this.#happened(job), `the counts of ${keyOf(job)}`);
  }
}

/** The node that a daemon's pod is for, bound or not. */
function daemonNode({ spec }: Pod): string | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms?.[0]?.matchFields?.[0]?.values?.[0] ?? spec.nodeName;
}
