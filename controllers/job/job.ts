// Runs pods until enough of them succeed or too many fail. Upstream: pkg/controller/job.
//
//   running ──> FailureTarget or SuccessCriteriaMet ──> every pod has ended and is counted ──> Failed or Complete
//
// Each pass counts (tally.ts), decides (outcome.ts), changes pods (pods.ts), writes the status
// (status.ts), and only then lets counted pods go.

import type { Job } from '../../api/batch/job/schema.ts';
import { JobKind } from '../../api/batch/job.ts';
import { type Pod, PodKind } from '../../api/core/pod.ts';
import { type ControllerContext, defineController, type ReconcileResult } from '../../client/controller.ts';
import { sayingOf } from '../../client/events.ts';
import { isInvalid, isNotFound, unlessGone } from '../../machinery/errors.ts';
import { keyOf } from '../../machinery/metadata.ts';
import { controllerMetrics } from '../metrics.ts';
import { claim } from '../pods/claim.ts';
import { deletePods } from '../pods/delete-pods.ts';
import { isNamespaceTerminating, PodControl } from '../pods/pod-control.ts';
import { watchOwnedPods } from '../pods/pod-watch.ts';
import { slowStart } from '../pods/slow-start.ts';
import { writeStatus } from '../status.ts';
import { type FailureRun, finishedAtMs, nextRun, noFailures, waitMs } from './backoff.ts';
import { indexOf } from './indexes.ts';
import { conditionOf, deadlineInMs, decideOutcome, isFinished } from './outcome.ts';
import { buildPod, lastFailure, planPods } from './pods.ts';
import { computeStatus, type StatusInput, terminalType } from './status.ts';
import {
  failuresOf,
  isTracked,
  replacesOnlyFailed,
  type Tally,
  tallyPods,
  tallyRest,
  totalSucceeded,
  trackingFinalizer,
} from './tally.ts';

const name = 'job-controller';
const ownName = 'kubernetes.io/job-controller';
const staleRetryMs = 50;

function createDeps(context: ControllerContext, enqueue: (key: string, afterMs?: number) => void) {
  const jobs = context.informer(JobKind);
  return {
    clock: context.clock,
    meter: controllerMetrics(context.registry),
    owned: watchOwnedPods(context, JobKind, jobs.lister, enqueue),
    podClient: context.resource(PodKind),
    jobClient: context.resource(JobKind),
    control: new PodControl(context, JobKind, name),
    /** By job; another one of its name begins anew. */
    runs: new Map<string, FailureRun & { uid: string }>(),
    say: sayingOf(JobKind, context.recorder(name)),
  };
}
type Deps = ReturnType<typeof createDeps>;

/** Takes the tracking finalizer off a pod. */
async function untrack(pod: Pod, { podClient }: Deps): Promise<void> {
  const patch = { metadata: { uid: pod.metadata.uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] } };
  try {
    await podClient.patch(pod.metadata, patch, { type: 'strategic' });
  } catch (err) {
    if (!isNotFound(err) && !isInvalid(err)) throw err; // gone, or another pod of its name
  }
}

async function untrackAll(pods: readonly Pod[], deps: Deps): Promise<void> {
  await Promise.all(pods.filter(isTracked).map((pod) => untrack(pod, deps)));
}

interface Pass {
  job: Job;
  pods: readonly Pod[];
  tally: Tally;
  /** Failures in a row, those of this tally included. */
  run: FailureRun;
  deps: Deps;
}

/** Deletes pods; those that are to be counted stay tracked. */
async function removePods({ job, deps }: Pass, pods: readonly Pod[], { isCounted }: { isCounted: boolean }) {
  const { control, owned } = deps;
  owned.expectations.expectDeletions(job.metadata.uid ?? '', pods.map(keyOf));
  const prepare = (pod: Pod) => untrack(pod, deps);
  await deletePods(job, pods, { control, expectations: owned.expectations, ...(isCounted ? {} : { prepare }) });
}

type Action = 'reconciling' | 'tracking' | 'pods_created' | 'pods_deleted';

interface Managed {
  created: number;
  removed: readonly Pod[];
  action: Action;
  requeueAfterMs?: number;
  error?: unknown;
}

/** Milliseconds until a pod for the index (or any pod) may be made. */
function backoffMs({ job, pods, run, deps }: Pass, index: number | undefined): number {
  const nowMs = deps.clock.now();
  if (index === undefined || job.spec.backoffLimitPerIndex === undefined) {
    return waitMs(run, nowMs);
  }
  const last = lastFailure(job, pods, index);
  if (!last) return 0;
  return waitMs({ count: failuresOf(last) + 1, lastMs: finishedAtMs(last, nowMs) }, nowMs);
}

/**
 * Whether the cached job is the stored one. The cache of pods may be ahead of that of jobs and show
 * a finished pod as released while the job does not show yet that it was counted. Writing a status
 * would end in a conflict; only pods would be made in vain.
 */
async function isCurrent({ job, deps }: Pass): Promise<boolean> {
  const found = await unlessGone(deps.jobClient.get(job.metadata));
  return found?.metadata.resourceVersion === job.metadata.resourceVersion;
}

async function managePods(pass: Pass): Promise<Managed> {
  const { job, pods, tally, deps } = pass;
  const { expectations } = deps.owned;
  const { uid = '' } = job.metadata;
  const plan = planPods(job, tally);
  if (plan.remove.length > 0) {
    // Nobody's failure: they are not to be counted.
    await removePods(pass, plan.remove, { isCounted: false });
    return { created: 0, removed: plan.remove, action: 'pods_deleted' };
  }
  const waits = plan.create.map((index) => backoffMs(pass, index));
  const due = plan.create.filter((_, i) => waits[i] === 0);
  const nextMs = Math.min(...waits.filter((ms) => ms > 0));
  const requeue = Number.isFinite(nextMs) ? { requeueAfterMs: nextMs } : {};
  const still = { created: 0, removed: [], action: 'tracking' } as const;
  if (due.length === 0) return { ...still, ...requeue };
  if (!(await isCurrent(pass))) return { ...still, requeueAfterMs: staleRetryMs };
  expectations.expectCreations(uid, due.length);
  const { successes, error } = await slowStart(due.length, (i) =>
    deps.control.create(job, buildPod(job, due[i], pods)),
  );
  for (let i = successes; i < due.length; i++) expectations.creationObserved(uid);
  countCreations(pass, successes, due.length - successes);
  const done = { created: successes, removed: [], action: 'pods_created', ...requeue } as const;
  return error && !isNamespaceTerminating(error) ? { ...done, error } : done;
}

function countCreations({ job, tally, deps }: Pass, succeeded: number, failed: number): void {
  const hasFailures = tally.counted.failed + tally.uncounted.failed.length > 0;
  const onlyFailed = replacesOnlyFailed(job);
  const isAgain = hasFailures || (!onlyFailed && tally.terminating.length > 0);
  const reason = !isAgain ? 'new' : onlyFailed ? 'recreate_failed' : 'recreate_terminating_or_failed';
  deps.meter.jobPodsCreated.of(reason, 'succeeded').value += succeeded;
  deps.meter.jobPodsCreated.of(reason, 'failed').value += failed;
}

/** Pods that have just been written down, and the end of the job. */
function countEnds({ job, tally, deps: { meter } }: Pass, input: StatusInput): void {
  const { completionMode = 'NonIndexed' } = job.spec;
  for (const result of ['succeeded', 'failed'] as const) {
    meter.jobPodsFinished.of(completionMode, result).value += tally.fresh[result].length;
  }
  const terminal = terminalType(input);
  const result = terminal === 'Complete' ? 'succeeded' : 'failed';
  if (terminal) meter.jobsFinished.of(completionMode, result, input.outcome?.reason ?? '').value++;
}

/** Failed pods that hold the failure count of their index stay tracked until a pod with the next count is there. */
function mayRelease({ job, pods, tally }: Pass, isEnding: boolean, pod: Pod): boolean {
  if (isEnding || job.spec.backoffLimitPerIndex === undefined || pod.status?.phase === 'Succeeded') return true;
  const index = indexOf(pod, job.spec.completions ?? 0);
  if (index === undefined || tally.failedIndexes.has(index) || tally.completedIndexes.has(index)) return true;
  return (
    lastFailure(job, pods, index) !== pod || tally.active.some((p) => indexOf(p, job.spec.completions ?? 0) === index)
  );
}

/** Tells what has just begun or ended. */
function announce({ job, deps }: Pass, input: StatusInput): void {
  const { outcome, tally } = input;
  const terminal = terminalType(input);
  if (terminal === 'Complete') {
    if (totalSucceeded(job, tally) > (job.spec.completions ?? Number.POSITIVE_INFINITY)) {
      const tooMany = 'Too many succeeded pods running after completion count reached';
      deps.say(job, 'Warning', 'TooManySucceededPods', tooMany);
    }
    deps.say(job, 'Normal', 'Completed', 'Job completed');
  } else if (terminal && outcome) deps.say(job, 'Warning', outcome.reason, outcome.message);
  if (!input.isManaged) return;
  const wasSuspended = conditionOf(job, 'Suspended') !== undefined;
  if (job.spec.suspend && !wasSuspended) deps.say(job, 'Normal', 'Suspended', 'Job suspended');
  if (!job.spec.suspend && wasSuspended) deps.say(job, 'Normal', 'Resumed', 'Job resumed');
}

async function syncPass(
  pass: Pass,
  isSettled: boolean,
  did: (action: Action) => void,
): Promise<ReconcileResult | undefined> {
  const { job, tally, deps } = pass;
  const key = keyOf(job);
  const nowMs = deps.clock.now();
  // Pods that have not been seen yet may still run.
  const outcome = isSettled ? decideOutcome(job, tally, nowMs) : undefined;
  const isEnding = outcome !== undefined || job.metadata.deletionTimestamp !== undefined;
  const isManaged = isSettled && !isEnding;
  let managed: Managed = { created: 0, removed: [], action: 'reconciling' };
  if (isEnding) tallyRest(tally, job, outcome?.type === 'FailureTarget');
  if (outcome) {
    // What still runs ends as well.
    if (tally.active.length > 0) await removePods(pass, tally.active, { isCounted: true });
    managed = { ...managed, removed: tally.active };
  } else if (isManaged) managed = await managePods(pass);
  did(managed.action);
  const { created, removed } = managed;
  const input = { tally, outcome, created, removed, isManaged, nowMs };
  await writeStatus(job, computeStatus(job, input), deps.jobClient.updateStatus);
  // Only now: had the write failed, the same pods would be fresh again.
  deps.runs.set(key, { ...pass.run, uid: job.metadata.uid ?? '' });
  announce(pass, input);
  countEnds(pass, input);
  await untrackAll(
    tally.release.filter((pod) => mayRelease(pass, isEnding, pod)),
    deps,
  );
  if (managed.error) throw managed.error;
  const next = Math.min(
    managed.requeueAfterMs ?? Number.POSITIVE_INFINITY,
    deadlineInMs(job, nowMs) ?? Number.POSITIVE_INFINITY,
  );
  return Number.isFinite(next) && !outcome ? { requeueAfterMs: next } : undefined;
}

async function reconcile(job: Job, deps: Deps): Promise<ReconcileResult | undefined> {
  const { managedBy, completionMode = 'NonIndexed' } = job.spec;
  if (managedBy !== undefined && managedBy !== ownName) return undefined;
  const { clock, meter } = deps;
  const startMs = clock.monotonicMs();
  let result = 'error';
  let action: Action = 'reconciling';
  try {
    const next = await sync(job, deps, (did) => {
      action = did;
    });
    result = 'success';
    return next;
  } finally {
    meter.jobSyncs.of(completionMode, result, action).value++;
    meter.jobSyncSeconds.of(completionMode, result, action).observe((clock.monotonicMs() - startMs) / 1000);
  }
}

async function sync(job: Job, deps: Deps, did: (action: Action) => void): Promise<ReconcileResult | undefined> {
  const { selector } = job.spec;
  const isSettled = deps.owned.isSettled(job);
  const pods = await claim({
    ownerKind: JobKind,
    owner: job,
    selector,
    candidates: deps.owned.candidates(job),
    children: deps.podClient,
    owners: deps.jobClient,
    finalizer: trackingFinalizer,
  });
  if (isFinished(job)) {
    await untrackAll(pods, deps);
    return undefined;
  }
  const tally = tallyPods(job, pods);
  const before = deps.runs.get(keyOf(job));
  const isSame = before?.uid === job.metadata.uid;
  const run = nextRun(before && isSame ? before : noFailures, tally.fresh, deps.clock.now());
  return syncPass({ job, pods, tally, run, deps }, isSettled, did);
}

export const jobController = defineController({
  name,
  kind: JobKind,
  owns: [PodKind],
  concurrency: 5,
  deps: createDeps,
  reconcile,
  forget: (key, { runs }) => {
    runs.delete(key);
  },
});
